"""`freehold upgrade`: the next version beside the old one, tried on a copy, then on the data, with the way back open.

What this command does can end at any moment; the rest happens in the service's own start (see switching).
"""

import argparse
import sys
import time
from pathlib import Path

from freehold.cli import placing, resting, switching
from freehold.cli.placing import CannotInstall

SETTLE_SECONDS = 180


def main(given: argparse.Namespace) -> int:
    """Upgrade, or one step of it."""
    if given.step:
        return _step(given)
    placing.assure_root()
    here = placing.installed()
    source = (given.to or placing.checkout() or Path.cwd()).resolve()
    if not placing.is_checkout(source):
        raise CannotInstall("Which version? Run this from a newer checkout (git pull && make install), or say --to.")
    print(f"placing the new version from {source}")
    old, new = placing.current().resolve(), placing.place(source)
    print("trying it on a copy of the data")
    _rehearse(new, here)
    switching.note(switching.Journal("ready", str(old), str(new)))
    print("restarting the service")
    placing.systemctl("restart", placing.SERVICE)
    return _outcome(here)


def _rehearse(new: Path, here: placing.Installed) -> None:
    """Change the tables of a copy while the network runs, so that most faults cost no second of it. Raises
    CannotInstall."""
    for step in ("copy", "rehearse"):
        version = placing.current().resolve() if step == "copy" else new
        ran = switching.as_user(version, step, str(here.directory / "backups" / "rehearsal"))
        if not ran.well:
            raise CannotInstall(f"The new version does not fit this network; nothing was changed. It says: {ran.said}")


def _outcome(here: placing.Installed) -> int:
    """Wait until the service has decided, and say how."""
    until = time.monotonic() + SETTLE_SECONDS
    while time.monotonic() < until:
        journal = switching.read()
        if journal.state == "done" and switching.answers(here.directory):
            print(f"upgraded: {placing.current().resolve().name} serves {here.directory}")
            print(f"a copy of the data of before is in {journal.backup}")
            return 0
        if journal.state == "returned" and switching.answers(here.directory):
            print(f"freehold: returned to {Path(journal.old).name}, nothing was lost: {journal.why}", file=sys.stderr)
            return 1
        if journal.state == "kept":
            print(f"freehold: {journal.why}. Members had written meanwhile, so it stays in use.", file=sys.stderr)
            return 1
        time.sleep(0.2)
    print("freehold: the service has not settled: systemctl status freehold, journalctl -u freehold", file=sys.stderr)
    return 1


def _step(given: argparse.Namespace) -> int:
    """What the service's start, and this command, have done by others."""
    directory, backup = given.directory, given.backup
    match given.step:
        case "switch":
            switching.switch()
        case "confirm":
            return 0 if switching.confirm() else 1
        case "copy":
            resting.assure_room(directory)
            backup.parent.mkdir(mode=0o700, exist_ok=True)
            _forget(backup)
            resting.copy_database(directory / "truth.db", backup)
        case "rehearse":
            try:
                resting.rehearse(backup)
            finally:
                _forget(backup)
        case "back-up":
            print(resting.back_up(directory, backup))
        case "restore":
            resting.restore(directory, backup)
        case "restore-index":
            resting.restore(directory, backup, ["index.db"])
        case "tidy":
            resting.tidy(directory, backup)
        case "trial":
            print(resting.trial(directory))
        case "mark":
            print(resting.mark(directory))
    return 0


def _forget(copy: Path) -> None:
    for end in ("", "-wal", "-shm", "-journal"):
        copy.with_name(copy.name + end).unlink(missing_ok=True)
