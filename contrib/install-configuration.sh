#!/bin/sh
# Makes the directory of the configuration, root's and to be passed through by everybody (the users
# file in it is readable by restante-auth alone), and lays the example down as the configuration,
# unless there is one: that is somebody's work.
# Arguments: the example, the path of the configuration.
set -eu

target=${DESTDIR:-}$2
directory=$(dirname "$target")
[ -d "$directory" ] || install -d -m 0755 "$directory"
[ -e "$target" ] || install -m 0644 "$1" "$target"
