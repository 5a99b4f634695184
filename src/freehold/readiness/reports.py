"""The reports of drills that were held, as far as all kinds of drill have them in common.

In come the files of DIRECTORY/drills; out come what was taken away, when, how long it took to come back, and whether
all was as promised. A file that nobody can read is passed over: it must not take the page with it.
"""

from datetime import datetime
from pathlib import Path

import msgspec

FOLDER = "drills"
MOST = 60
MAX_BYTES = 5_000_000


class Taking(msgspec.Struct, frozen=True):
    """One thing taken away. what: in words. read, write: seconds until members were answered again, if they were."""

    name: str
    what: str = ""
    read: float | None = None
    write: float | None = None
    promised_read: float | None = None
    promised_write: float | None = None
    wrong: str = ""
    lost: list[str] = []

    @property
    def held(self) -> bool:
        """Whether all was as promised; where nothing was, whether it came back whole."""
        if self.wrong or self.lost or self.read is None or self.write is None:
            return False
        late = (self.promised_read is not None and self.read > self.promised_read) or (
            self.promised_write is not None and self.write > self.promised_write
        )
        return not late


class Report(msgspec.Struct, frozen=True):
    """A drill. at: when it began. lost: what was acknowledged and is gone. takings: none where one thing was taken."""

    drill: str
    at: datetime
    lost: list[str] = []
    seconds_to_read: float | None = None
    seconds_to_write: float | None = None
    takings: list[Taking] = []

    @property
    def micros(self) -> int:
        """When it began."""
        return round(self.at.timestamp() * 1e6)

    @property
    def parts(self) -> list[Taking]:
        """What was taken, one by one."""
        return self.takings or [Taking(self.drill, "", self.seconds_to_read, self.seconds_to_write, lost=self.lost)]

    @property
    def held(self) -> bool:
        """Whether all was as promised."""
        return not self.lost and all(part.held for part in self.parts)


def reports(directory: Path) -> list[Report]:
    """The newest ones, the newest first."""
    found = []
    for path in sorted((directory / FOLDER).glob("*.json"), reverse=True)[:MOST]:
        try:
            if path.stat().st_size <= MAX_BYTES:
                found.append(msgspec.json.decode(path.read_bytes(), type=Report))
        except (OSError, msgspec.MsgspecError):
            continue
    return found


def tried(found: list[Report], *names: str) -> tuple[Report, Taking] | None:
    """When one of these was last taken away, by the name of the drill or of a part of it."""
    for report in found:
        for part in report.parts:
            if part.name in names:
                return report, part
    return None


def tried_at(found: list[Report], *names: str) -> int:
    """The same as a time in micros; 0 for never."""
    last = tried(found, *names)
    return last[0].micros if last is not None else 0
