"""What a drill found, for people and for later: text, and a JSON file in DIRECTORY/drills."""

import os
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

import msgspec

from freehold.store.files import write_durably

FOLDER = "drills"
COLUMNS = 60


R = TypeVar("R", bound="Report")


class Report(msgspec.Struct, frozen=True):
    """at: when it began. seconds_to_read, seconds_to_write: from the loss to the answer of the first call after it."""

    drill: str
    at: datetime
    members: int
    records: int
    blobs: int
    lost: list[str]
    seconds_to_read: float
    seconds_to_write: float
    writes_a_second: list[int]
    """From the beginning of the load on; the loss is at `lost_at`."""
    lost_at: int

    def lines(self) -> list[str]:
        """For people."""
        verdict = "nothing acknowledged was lost" if not self.lost else f"{len(self.lost)} acknowledged things are lost"
        return [
            f"{self.drill}: {verdict}",
            f"  acknowledged                    {self.records} records, {self.blobs} pictures",
            f"  first read after the loss       {self.seconds_to_read:.1f} s",
            f"  first write after the loss      {self.seconds_to_write:.1f} s",
            "  writes acknowledged, second by second (▼ the loss):",
            *self._plot(),
        ]

    def _plot(self) -> list[str]:
        most = max(self.writes_a_second, default=1) or 1
        bars = "".join("▁▂▃▄▅▆▇█"[round(7 * n / most)] if n else " " for n in self.writes_a_second[:COLUMNS])
        return ["    " + " " * self.lost_at + "▼", f"    {bars}  (█ is {most})"]


def write(directory: Path, report: Report) -> Path:
    """Keep it beside the others; where."""
    path = folder(directory) / file_name(report)
    put(path, text(report))
    return path


def folder(directory: Path) -> Path:
    """Where reports are; made if there is none."""
    made = directory / FOLDER
    made.mkdir(mode=0o700, exist_ok=True)
    _give(made, directory)
    return made


def file_name(report: Report) -> str:
    """Of the JSON file."""
    return f"{report.at.astimezone(UTC):%Y%m%dT%H%M%SZ}-{report.drill}.json"


def text(report: Report) -> bytes:
    """Of the JSON file."""
    return msgspec.json.format(msgspec.json.encode(report), indent=2)


def put(path: Path, data: bytes) -> None:
    """A file of a drill. It is the network's own, also where root held the drill."""
    write_durably(path, data)
    _give(path, path.parent.parent)


def _give(path: Path, directory: Path) -> None:
    if os.geteuid() == 0:
        owner = directory.stat()
        os.chown(path, owner.st_uid, owner.st_gid)


def newest(directory: Path, drill: str, kind: type[R] = Report) -> R | None:  # type: ignore[assignment]
    """The last one of its name, as far as `kind` goes."""
    found = sorted((directory / FOLDER).glob(f"*-{drill}.json"))
    return msgspec.json.decode(found[-1].read_bytes(), type=kind) if found else None
