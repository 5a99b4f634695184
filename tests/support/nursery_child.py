"""`freehold` processes that need not import anything: each is forked from this one, which did that once.

Argument: the file descriptor of a socket. Each line of JSON from it, `[host, clock, log, words]`, begins one, on a host
(a network namespace and its address), with the wall clock of a machine (see `jumping_child`); the answer is a
descriptor of the process. Whoever ends the socket ends this, when all that were begun have ended.
"""

import gc
import json
import os
import signal
import socket
import sys
from importlib import import_module
from pathlib import Path

from support import jumping_child
from support.hosts import Host

MODULES = ("run", "hosting", "standing_by", "control", "acting", "standby", "witness", "main")


def serve(calling: socket.socket) -> list[str] | None:
    """Begin what is wanted. In each that was begun: its words; in this process None, at the end."""
    with calling, calling.makefile() as lines:
        for line in lines:
            while reaped(os.WNOHANG):
                pass
            host, clock, log, words = json.loads(line)
            pid = os.fork()
            if not pid:
                dress(Host(*host), Path(clock), Path(log))
                return [str(word) for word in words]
            process = os.pidfd_open(pid)
            socket.send_fds(calling, [b"."], [process])
            os.close(process)
    while reaped(0):  # so that what they cost is counted
        pass
    return None


def reaped(options: int) -> bool:
    """Whether one of those that were begun has ended, and is forgotten now."""
    try:
        return bool(os.waitpid(-1, options)[0])
    except ChildProcessError:
        return False


def dress(host: Host, clock: Path, log: Path) -> None:
    """As a process that was started on that machine."""
    jumping_child.follow(clock)
    host.go(lambda: None)
    nothing, said = os.open(os.devnull, os.O_RDONLY), os.open(log, os.O_WRONLY | os.O_APPEND)
    for ours, theirs in ((nothing, 0), (said, 1), (said, 2)):
        os.dup2(ours, theirs)
    signal.signal(signal.SIGINT, signal.default_int_handler)


if __name__ == "__main__":
    jumping_child.jump()
    for module in MODULES:
        import_module(f"freehold.cli.{module}")
    gc.freeze()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    wanted = serve(socket.socket(fileno=int(sys.argv[1])))
    if wanted is not None:
        sys.exit(import_module("freehold.cli.main").main(wanted))
