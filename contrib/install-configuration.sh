#!/bin/sh
# Lays the example down as the configuration, unless there is one: that is somebody's work.
# Arguments: the example, the path of the configuration.
set -eu

target=${DESTDIR:-}$2
mkdir -p "$(dirname "$target")"
[ -e "$target" ] || install -m 0644 "$1" "$target"
