"""`freehold` on a machine whose wall clock is set while it runs: everything that asks Python for the time is told
another one. Arguments: a file of eight bytes, by how many nanoseconds (signed, little-endian) the clock is off; then
those of `freehold`.

Monotonic clocks are left alone: no system sets those.
"""

import mmap
import sys
import time
from pathlib import Path
from struct import Struct

OFF = Struct("<q")


def jump(file: Path) -> None:
    """From now on the clock is off by what the file says at each moment."""
    with file.open("rb") as opened:
        said = mmap.mmap(opened.fileno(), OFF.size, access=mmap.ACCESS_READ)
    right = time.time_ns

    def time_ns() -> int:
        return right() + int(OFF.unpack(said)[0])

    time.time_ns = time_ns
    time.time = lambda: time_ns() / 1e9


if __name__ == "__main__":
    jump(Path(sys.argv[1]))
    from freehold.cli import main  # after the clock was set: modules take the functions by name

    sys.exit(main.main(sys.argv[2:]))
