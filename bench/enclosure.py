#!/usr/bin/env python3
"""Runs a server of another package in a room of its own, with nothing installed on this system.

    enclosure.py ROOM FILES SETTINGS MAIL POINT

The room looks like this system with FILES (unpacked packages) and SETTINGS laid over it, MAIL
mounted at POINT, processes of its own, and a network of its own that has only a loopback interface.
SETTINGS/start is run there. Whatever was started ends with this process, and so does the room.
"""

import ctypes
import fcntl
import os
import signal
import socket
import struct
import subprocess
import sys

CLONE_NEWNS, CLONE_NEWPID, CLONE_NEWNET = 0x20000, 0x20000000, 0x40000000
PR_SET_PDEATHSIG = 1
SIOCGIFFLAGS, SIOCSIFFLAGS, IFF_UP = 0x8913, 0x8914, 1
DEVICES = ("null", "zero", "full", "random", "urandom", "tty")
libc = ctypes.CDLL(None, use_errno=True)


def demand(result, what):
    if result != 0:
        sys.exit(f"enclosure: {what}: {os.strerror(ctypes.get_errno())}")


def run(*command):
    subprocess.run(command, check=True)


def loopback_up():
    with socket.socket() as any_socket:
        flags = struct.unpack("16sh", fcntl.ioctl(any_socket, SIOCGIFFLAGS, struct.pack("16sh", b"lo", 0)))[1]
        fcntl.ioctl(any_socket, SIOCSIFFLAGS, struct.pack("16sh", b"lo", flags | IFF_UP))


def build(room, files, settings, mail, point):
    run("mount", "--make-rprivate", "/")
    run("mount", "-t", "tmpfs", "-o", "mode=755", "room", room)
    for name in ("upper", "work", "root"):
        os.mkdir(f"{room}/{name}")
    for tree in (files, settings):
        run("cp", "-a", tree + "/.", room + "/upper")
    root = room + "/root"
    run("mount", "-t", "overlay", "-o", f"lowerdir=/,upperdir={room}/upper,workdir={room}/work", "room", root)
    run("mount", "-t", "proc", "proc", root + "/proc")
    run("mount", "-t", "tmpfs", "-o", "mode=755", "dev", root + "/dev")
    run("cp", "-a", *(f"/dev/{name}" for name in DEVICES), root + "/dev")
    os.makedirs(root + point, exist_ok=True)
    run("mount", "--bind", mail, root + point)
    return root


def first_process(arguments):
    """Process 1 of the room: starts what is wanted and buries what ends, until it is killed."""
    demand(libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL), "prctl")
    try:
        root = build(*arguments)
        loopback_up()
        os.chroot(root)
        os.chdir("/")
        run("ldconfig")
        run("/bin/sh", "-e", "/start")
    except (OSError, subprocess.CalledProcessError) as error:
        sys.exit(f"enclosure: {error}")
    while True:
        try:
            os.wait()
        except ChildProcessError:
            sys.exit("enclosure: everything has ended")


def main():
    demand(libc.unshare(CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWNET), "unshare")
    child = os.fork()
    if child == 0:
        first_process(sys.argv[1:])
    sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))


if __name__ == "__main__":
    main()
