"""How a database gets its tables: named steps, each run once, in order, each in a transaction of its own.

Owns the table `migration`. In come the rooms' steps, put together in import order. A step that landed is never edited.
"""

from collections.abc import Sequence
from typing import NamedTuple

from freehold.protocol.refused import Refused
from freehold.store.tx import Link


class Migration(NamedTuple):
    """One step. name: unique in the file, `room-number-what`. sql: one or more statements."""

    name: str
    sql: str


class SchemaTooNew(Refused):
    """The file was written by a later Freehold than this one."""

    kind, name = "unavailable", "SchemaTooNew"
    say = "This network was last used with a newer Freehold. Install that version again, or a later one."


class SchemaTooOld(Refused):
    """The file lacks steps, and it was opened for reading only."""

    kind, name = "unavailable", "SchemaTooOld"
    say = "This network was last used with an older Freehold. Start it once with this version, then try again."


def migrate(link: Link, migrations: Sequence[Migration], now: int) -> list[str]:
    """Bring the file up to date; the names of the steps that ran now. Raises SchemaTooNew."""
    link.cursor.execute("CREATE TABLE IF NOT EXISTS migration (name TEXT PRIMARY KEY, at BIGINT NOT NULL)")
    missing = _missing(link, migrations)
    for step in missing:
        with link.connection:
            link.cursor.execute(step.sql).fetchall()
            link.cursor.execute("INSERT INTO migration (name, at) VALUES (:name, :at)", {"name": step.name, "at": now})
    return [step.name for step in missing]


def assure_current(link: Link, migrations: Sequence[Migration]) -> None:
    """For a file opened to read only. Raises SchemaTooNew or SchemaTooOld."""
    known = link.cursor.execute("SELECT 1 FROM sqlite_master WHERE name = 'migration'").fetchall()
    if not known or _missing(link, migrations):
        raise SchemaTooOld


def _missing(link: Link, migrations: Sequence[Migration]) -> list[Migration]:
    names = {step.name for step in migrations}
    if len(names) != len(migrations):
        raise ValueError("two migrations have the same name")
    landed = {str(name) for (name,) in link.cursor.execute("SELECT name FROM migration").fetchall()}
    if landed - names:
        raise SchemaTooNew(unknown=sorted(landed - names))
    return [step for step in migrations if step.name not in landed]
