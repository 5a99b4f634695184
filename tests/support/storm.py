"""kill -9 in a storm of writes: a child prints the id of each write that was acknowledged, the parent kills it.

The child is any program that writes lines to its standard output, one for each acknowledgement, whole lines at once.
"""

import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from random import Random

from support.children import environment


def storm(arguments: Sequence[str], random: Random, acknowledged_max: int = 400) -> list[str]:
    """Run `python arguments…`, kill it after a random number of acknowledgements; all that it acknowledged.

    Lines that were in the pipe when the child died count: it had said "yes" by then.
    """
    wanted = random.randint(1, acknowledged_max)
    child = subprocess.Popen([sys.executable, *arguments], stdout=subprocess.PIPE, env=environment())
    assert child.stdout is not None
    with child.stdout as lines:
        heard = [line for line, _ in zip(lines, range(wanted), strict=False)]
        os.kill(child.pid, signal.SIGKILL)
        heard += lines
    assert child.wait() == -signal.SIGKILL, "the child ended before it was killed"
    return [line.decode().strip() for line in heard if line.endswith(b"\n")]


def acknowledge(id: str) -> None:
    """For the child: one line, in one system call, past every buffer."""
    os.write(1, f"{id}\n".encode())
