#!/bin/sh -e
# A room of its own for a mail server that is not installed: this system with FILES and SETTINGS laid over it, the
# directory SHARED as it is outside, processes of its own, and the network of the host. Run by mtas.py as the first
# process of a new mount and PID namespace; with COMMAND everything else in it ends, and so does the room.
#
#	room.sh ROOM FILES SETTINGS SHARED COMMAND...

room=$1 files=$2 settings=$3 shared=$4
shift 4
mount --make-rprivate /
mount -t tmpfs -o mode=755 room "$room"
mkdir "$room/upper" "$room/work" "$room/root"
# Copied, so that it is root's whoever unpacked it.
cp -R --preserve=mode,links "$files/." "$settings/." "$room/upper"
mount -t overlay -o "lowerdir=/,upperdir=$room/upper,workdir=$room/work" room "$room/root"
mount -t proc proc "$room/root/proc"
mount --rbind /dev "$room/root/dev"
mkdir -p "$room/root$shared"
mount --bind "$shared" "$room/root$shared"
cd "$room/root"
exec chroot "$room/root" "$@"
