"""The machine below: CPU time and memory of a process tree, what its neighbours take, how fast its disk syncs.

In come process ids and directories; out come seconds, bytes, microseconds. Linux only, for it reads /proc.
Source: https://man7.org/linux/man-pages/man5/proc.5.html
"""

import os
import time
from pathlib import Path
from statistics import median

TICK = os.sysconf("SC_CLK_TCK")
SYNC_BYTES = 4_096
CPU_CLOCK = 2
"""As clock_getcpuclockid(3) makes them: this one for a process, of all its threads."""


def _stat(pid: int) -> list[str]:
    """The fields after the command's name, which may hold blanks."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()


def process_tree(pid: int) -> list[int]:
    """`pid` and all that descends from it."""
    children: dict[int, list[int]] = {}
    for name in os.listdir("/proc"):
        if name.isdecimal():
            try:
                children.setdefault(int(_stat(int(name))[1]), []).append(int(name))
            except OSError:  # it ended meanwhile
                continue
    tree = [pid]
    for parent in tree:  # which grows on the way
        tree += children.get(parent, [])
    return tree


def cpu_seconds(pid: int) -> float:
    """User and system time of the tree, ended children included. In steps of 1/TICK s, usually 10 ms."""
    ticks = 0
    for process in process_tree(pid):
        try:
            ticks += sum(map(int, _stat(process)[11:15]))
        except OSError:
            continue
    return ticks / TICK


def cpu_seconds_finely(pid: int) -> float:
    """User and system time of one process with all its threads, to the microsecond."""
    return time.clock_gettime((~pid << 3) | CPU_CLOCK)


def resident_bytes(pid: int) -> int:
    """Memory of the tree that is in RAM; pages that processes share count for each."""
    page = os.sysconf("SC_PAGE_SIZE")
    return sum(int(Path(f"/proc/{process}/statm").read_text().split()[1]) * page for process in process_tree(pid))


def busy_seconds() -> float:
    """CPU time that all programs of this machine have taken since it started."""
    fields = [int(field) for field in Path("/proc/stat").read_text().splitlines()[0].split()[1:9]]
    return (sum(fields) - fields[3] - fields[4]) / TICK


def stolen_seconds() -> float:
    """CPU time that the machine below has given to others while something here wanted it."""
    return int(Path("/proc/stat").read_text().split(None, 9)[8]) / TICK


def sync_micros(directory: Path, times: int) -> tuple[float, float]:
    """(median wall time, CPU time) of appending 4 kB to a file and making it durable, in microseconds."""
    path, block, spent = directory / "sync", os.urandom(SYNC_BYTES), []
    file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        cpu = time.process_time()
        for _ in range(times):
            began = time.perf_counter()
            os.write(file, block)
            os.fdatasync(file)
            spent.append(time.perf_counter() - began)
        cpu = time.process_time() - cpu
    finally:
        os.close(file)
        path.unlink()
    return median(spent) * 1e6, cpu / times * 1e6
