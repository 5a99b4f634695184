"""From one version to the next, so that a kill at any moment leaves a network that serves all that it acknowledged.

An upgrade is decided in the service's own start, before and after the process proper, never in the command that
somebody typed: that one may be killed. `/opt/freehold/upgrade.json` says how far it has come:

    ready      the new version lies beside the old one; the next start tries it
    trial      the data at rest are backed up, and the new version opens them (and changes the tables)
    trying     it could, and is now in use; it must answer
    done       it answered
    returned   it did not: the old version is in use, with the data of before, and `why` says what happened
    kept       it did not, but members had written meanwhile, which the old version could not read: so it goes on

Root moves links and writes that file. All that touches the network's directory is done as the service's user, in child
processes: `back-up`, `mark` and `restore` by the version that began, `trial` by the new one.
"""

import json
import pwd
import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple

import msgspec

from freehold.cli import placing

TRIAL_SECONDS = 3600
ANSWER_SECONDS = 60
WHY_CHARACTERS = 600


class Journal(msgspec.Struct):
    """upgrade.json. mark: how far the streams and tables were after the trial."""

    state: str
    old: str = ""
    new: str = ""
    backup: str = ""
    mark: str = ""
    before: str = ""
    why: str = ""


class Ran(NamedTuple):
    """A child's end: did it go well, and what it printed last."""

    well: bool
    said: str


def path() -> Path:
    """Where the journal is."""
    return placing.PREFIX / "upgrade.json"


def read() -> Journal:
    """How far the last upgrade has come."""
    try:
        return msgspec.json.decode(path().read_bytes(), type=Journal)
    except FileNotFoundError:
        return Journal("done")


def note(journal: Journal) -> None:
    """Write it down, durably."""
    placing.write(path(), msgspec.json.format(msgspec.json.encode(journal), indent=2).decode())


def switch() -> None:
    """Before the process starts: go one step on, or back."""
    journal = read()
    if journal.state == "ready":
        _try(journal)
    elif journal.state == "trial":
        _return(journal, journal.why or "it was interrupted while the new version opened the data", "restore")
    elif journal.state == "trying":
        _come_back(journal)


def confirm() -> bool:
    """After the process started: does it answer? Without an upgrade under way nobody asks."""
    journal = read()
    if journal.state != "trying":
        return True
    here = placing.installed()
    until = time.monotonic() + ANSWER_SECONDS
    while time.monotonic() < until:
        if answers(here.directory):
            note(Journal("done", journal.old, journal.new, journal.backup))
            placing.forget_old_versions([Path(journal.old), Path(journal.new)])
            as_user(Path(journal.new), "tidy", journal.backup)
            return True
        time.sleep(0.1)
    return False


def answers(directory: Path) -> bool:
    """Does the network serve? Asked where it listens on this machine."""
    import http.client

    from freehold import settings

    told = settings.load(directory)
    port = told.http_port if told.https else told.port
    line = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        line.request("GET", "/xrpc/_health", headers={"Host": told.domain or f"localhost:{port}"})
        return line.getresponse().status in (200, 308)
    except (OSError, http.client.HTTPException):
        return False
    finally:
        line.close()


def _try(journal: Journal) -> None:
    """Back up what lies still, and let the new version open it. A version that cannot is not put into use."""
    journal.backup = str(placing.installed().directory / "backups" / Path(journal.new).name)
    kept = as_user(Path(journal.old), "back-up", journal.backup)
    if not kept.well:
        return _return(journal, f"the data could not be backed up: {kept.said}", "")
    journal.state, journal.before = "trial", kept.said
    note(journal)
    tried = as_user(Path(journal.new), "trial", "")
    if not tried.well:
        journal.why = tried.said
        note(journal)
        return _return(journal, journal.why, "restore")
    journal.state, journal.mark = "trying", tried.said
    placing.use(Path(journal.new))
    note(journal)
    return None


def _come_back(journal: Journal) -> None:
    """The new version was in use and did not answer. What members wrote meanwhile is never given up."""
    now = as_user(Path(journal.old), "mark", "").said
    why = "the new version was started and did not answer (journalctl -u freehold says why)"
    if now == journal.mark:
        _return(journal, why, "restore")
    elif _tables(now) == _tables(journal.before):
        _return(journal, why, "restore-index")  # it catches up from the stream
    else:
        note(Journal("kept", journal.old, journal.new, journal.backup, why=why))


def _return(journal: Journal, why: str, back_step: str) -> None:
    """To the old version, and if need be to the data of before. Killed half-way, it is simply done again."""
    if back_step:
        back = as_user(Path(journal.old), back_step, journal.backup)
        if not back.well:
            sys.exit(f"freehold: the backup in {journal.backup} could not be put back: {back.said}")
    placing.use(Path(journal.old))
    note(Journal("returned", journal.old, journal.new, journal.backup, why=why))


def _tables(mark: str) -> object:
    return json.loads(mark)["tables"] if mark else None


def as_user(version: Path, step: str, backup: str) -> Ran:
    """Have a version do one step as the service's user."""
    here = placing.installed()
    who = pwd.getpwnam(here.user)
    words = [str(placing.program(version)), "upgrade", "--step", step, "--directory", str(here.directory)]
    try:
        done = subprocess.run(  # noqa: S603
            [*words, "--backup", backup] if backup else words,
            user=who.pw_uid,
            group=who.pw_gid,
            extra_groups=[],
            umask=0o077,
            cwd=here.directory,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=TRIAL_SECONDS,
        )
    except subprocess.TimeoutExpired:
        return Ran(False, f"it took longer than {TRIAL_SECONDS} seconds")
    except OSError as wrong:
        return Ran(False, f"it cannot be started: {wrong.strerror}")
    said = done.stdout if done.returncode == 0 else done.stderr
    return Ran(done.returncode == 0, said.strip()[-WHY_CHARACTERS:])
