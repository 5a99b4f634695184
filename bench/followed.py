"""`freehold run` of a standby that tells how long it takes to have a commit: `python -m bench.followed DIRECTORY PORT`.

At SIGUSR1 it writes to DIRECTORY/took.json how many seconds it needed for each stretch of the log since the last time,
from when it was whole in memory until it was on disk, and how many bytes it had.
"""

import signal
import sys
import time
from pathlib import Path

import msgspec

from freehold.cli.main import main
from freehold.haven.copy import Copy
from freehold.store.wal import Position, Stretch

FILE = "took.json"


def serve(directory: Path, port: str) -> int:
    """Follow until told to stop."""
    took: list[tuple[float, int]] = []
    take = Copy.take

    def timed(copy: Copy, before: Position, stretch: Stretch) -> None:
        began = time.perf_counter()
        take(copy, before, stretch)
        took.append((time.perf_counter() - began, len(stretch.data)))

    def tell(*_: object) -> None:
        part = directory / f"{FILE}.part"
        part.write_bytes(msgspec.json.encode(took))
        took.clear()
        part.replace(directory / FILE)

    Copy.take = timed  # type: ignore[method-assign, assignment]
    signal.signal(signal.SIGUSR1, tell)
    return main(["run", str(directory), "--dev", "--port", port])


if __name__ == "__main__":
    sys.exit(serve(Path(sys.argv[1]), sys.argv[2]))
