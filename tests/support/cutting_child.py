"""On a host of its own: somebody who cuts (`cuts LIMIT USER ADDRESS PORT`), or the network's process (`calls USER
ADDRESS PORT…`), which says of each port whether its first connection there is open and whether a new one comes through.

Each does its work when a line comes, and says a line when it is done.
"""

import encodings.idna  # noqa: F401 - while whoever runs this may still read Python's own files
import os
import socket
import sys

from freehold.cli.drill.live import cutting
from freehold.cli.drill.live.cutting import Cutting, Target

SECONDS = 2


def cuts(limit: int, user: int, target: Target) -> None:
    """Cut, and at the next line give back."""
    cut = Cutting(limit)
    cut.take([target], user)
    told(cutting.reaches(target, user), cutting.reaches(target, 0), cut._remover and cut._remover.pid)
    sys.stdin.readline()
    told(cutting.reaches(target, user))
    cut.give_back()
    told(cutting.reaches(target, user), cutting.left())


def calls(user: int, targets: list[Target]) -> None:
    """Until nothing comes any more."""
    os.setgid(user)
    os.setuid(user)
    first = [socket.create_connection(each, SECONDS) for each in targets]
    told("calls")
    for _ in sys.stdin:
        for line, each in zip(first, targets, strict=True):
            told(state(line), comes_through(each))


def state(line: socket.socket) -> str:
    """Whether what is said there comes back."""
    try:
        line.sendall(b"x")
        return "open" if line.recv(1) == b"x" else "ended"
    except TimeoutError:
        return "silent"
    except OSError:
        return "ended"


def comes_through(target: Target) -> bool:
    """By a new connection."""
    try:
        with socket.create_connection(target, SECONDS) as line:
            return state(line) == "open"
    except OSError:
        return False


def told(*words: object) -> None:
    print(*words, flush=True)


if __name__ == "__main__":
    what, *rest = sys.argv[1:]
    if what == "cuts":
        cuts(int(rest[0]), int(rest[1]), Target(rest[2], int(rest[3])))
    else:
        calls(int(rest[0]), [Target(rest[1], int(port)) for port in rest[2:]])
