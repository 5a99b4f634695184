"""Where the program lies on a machine where it is a service: versions side by side, and a link to the one in use.

    /opt/freehold/versions/NAME/   a virtual environment with one version, never changed after it was made
    /opt/freehold/current          -> versions/NAME
    /opt/freehold/installed.json   which network it serves, and as whom
    /opt/freehold/upgrade.json     how far an upgrade has come (see switching)
    /usr/local/bin/freehold        -> /opt/freehold/current/bin/freehold

All of it belongs to root: the service can read what it runs, and not change it.
"""

import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple

import freehold
from freehold import __version__
from freehold.protocol.refused import Refused
from freehold.store.files import sync

PREFIX = Path("/opt/freehold")
COMMAND = Path("/usr/local/bin/freehold")
SERVICE = "freehold.service"
UNIT = Path("/etc/systemd/system") / SERVICE
KEPT_VERSIONS = 3
HOMES = ("/home", "/root", "/run/user")
"""Where a service cannot reach."""


class CannotInstall(Refused):
    """This machine, or this user, cannot do it."""

    name = "CannotInstall"


class Installed(NamedTuple):
    """What `freehold install` set up: a network's directory, and the user who serves it."""

    directory: Path
    user: str


def current() -> Path:
    """The link to the version in use."""
    return PREFIX / "current"


def program(version: Path) -> Path:
    """The command of a version."""
    return version / "bin" / "freehold"


def installed() -> Installed:
    """What is installed here. Raises CannotInstall."""
    try:
        told = json.loads((PREFIX / "installed.json").read_text())
    except OSError:
        raise CannotInstall("Freehold is not installed as a service here. Say: freehold install DIRECTORY") from None
    return Installed(Path(told["directory"]), told["user"])


def remember(what: Installed) -> None:
    """Write down what is installed."""
    write(PREFIX / "installed.json", json.dumps({"directory": str(what.directory), "user": what.user}))


def assure_root() -> None:
    """Raises CannotInstall."""
    if os.geteuid() != 0:
        raise CannotInstall(f"This must be done as root. Say: sudo {sys.argv[0]} {' '.join(sys.argv[1:])}")


def checkout() -> Path | None:
    """The folder of sources that this program runs from; None when it runs from an installed version."""
    root = Path(freehold.__file__).resolve().parents[2]
    return root if is_checkout(root) else None


def is_checkout(folder: Path) -> bool:
    """Can a version be made from that folder?"""
    return all((folder / name).exists() for name in ("pyproject.toml", "requirements/install.py", "src/freehold"))


def place(source: Path) -> Path:
    """Make a version from the sources in a folder, beside the others; its folder. Raises CannotInstall."""
    if not is_checkout(source):
        raise CannotInstall(f"{source} is not a folder with Freehold's sources.")
    name = f"{__version__ if source == checkout() else 'given'}-{time.strftime('%Y%m%d-%H%M%S', time.gmtime())}"
    target = PREFIX / "versions" / name
    target.parent.mkdir(parents=True, exist_ok=True)
    command = [python(), str(source / "requirements" / "install.py"), "place", str(target)]
    done = subprocess.run(command, cwd="/")  # noqa: S603
    if done.returncode or not program(target).exists():
        shutil.rmtree(target, ignore_errors=True)
        raise CannotInstall("The program could not be placed; the reason stands above. Nothing else was changed.")
    return target


def python() -> str:
    """An interpreter that other users may run as well: the one of this version, without its virtual environment."""
    own = Path(sys.base_prefix).resolve() / "bin" / f"python3.{sys.version_info.minor}"
    hidden = not own.exists() or any(own.is_relative_to(home) for home in HOMES)
    return "/usr/bin/python3" if hidden else str(own)


def use(version: Path) -> None:
    """Point `current` at a version, in one step."""
    link(current(), version)


def link(at: Path, to: Path) -> None:
    """Make or move a symbolic link: whoever looks sees the old one or the new one."""
    beside = at.with_name(f".{at.name}.new")
    beside.unlink(missing_ok=True)
    beside.symlink_to(to)
    beside.replace(at)
    sync(at.parent)


def forget_old_versions(keep: list[Path]) -> None:
    """Delete versions but for the newest few and those to keep."""
    versions = sorted((PREFIX / "versions").iterdir(), key=lambda path: path.stat().st_mtime, reverse=True)
    for old in versions[KEPT_VERSIONS:]:
        if old not in keep:
            shutil.rmtree(old, ignore_errors=True)


def write(path: Path, text: str, mode: int = 0o644) -> None:
    """Write a file so that after a power cut it is the old one or the new one."""
    beside = path.with_name(f".{path.name}.new")
    with open(beside, "w", encoding="utf-8") as file:
        os.fchmod(file.fileno(), mode)
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    beside.replace(path)
    sync(path.parent)


def systemctl(*words: str) -> int:
    """Ask the service manager; its exit code."""
    return subprocess.run(["systemctl", *words], stdin=subprocess.DEVNULL).returncode  # noqa: S603, S607
