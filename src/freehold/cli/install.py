"""`freehold install` and `freehold uninstall`: a network as a service of a Debian machine, from nothing to served.

Every part looks first whether it is done already, so that a second run mends what is amiss and changes nothing else.
"""

import argparse
import os
import pwd
import re
import shutil
import socket
import subprocess
import time
import tomllib
from collections.abc import Callable
from ipaddress import ip_address
from pathlib import Path
from typing import Any

from freehold import settings as all_settings
from freehold.cli import placing, switching
from freehold.cli.placing import HOMES, CannotInstall, Installed, assure_root, systemctl
from freehold.cli.unit import CREDENTIAL, CREDENTIALS, unit

USER = "freehold"
DIRECTORY = Path("/var/lib/freehold")
SERVE_SECONDS = 60


def main(given: argparse.Namespace) -> int:
    """Install, or take away what was installed."""
    return uninstall(given) if given.command == "uninstall" else install(given)


def install(given: argparse.Namespace) -> int:
    """Do what is missing, or with --dry-run say it."""
    if not given.dry_run:
        assure_root()
    directory = Path(os.path.abspath(given.directory))
    assure_possible(given, directory)
    wanted = wanted_settings(given, read_settings(directory))
    parts = [
        user_part(directory),
        directory_part(directory),
        settings_part(directory, wanted),
        program_part(given),
        command_part(),
        remember_part(directory),
        unit_part(directory),
    ]
    changed = [part() for part in parts if part is not None] if not given.dry_run else tell(parts)
    if given.dry_run:
        return 0
    start(directory, any(changed))
    for line in doubts(directory):
        print(f"! {line}")
    return after(directory)


Part = Callable[[], bool] | None
"""Does one thing, true if the service must start anew for it. Its docstring's place is `say`; None: nothing to do."""


def part(say: str, do: Callable[[], object], restart: bool = False) -> Callable[[], bool]:
    """One thing to do, said when it is done."""

    def doing() -> bool:
        print(say)
        do()
        return restart

    doing.__doc__ = say
    return doing


def tell(parts: list[Part]) -> list[bool]:
    """What would be done."""
    for each in parts:
        if each is not None:
            print(f"would: {each.__doc__}")
    print("would: enable and start freehold.service")
    return []


def assure_possible(given: argparse.Namespace, directory: Path) -> None:
    """Raises CannotInstall, and BadSetting for what no network can be, before anything is touched."""
    if shutil.which("systemctl") is None:
        raise CannotInstall("There is no systemd here. Run `freehold run` under the service manager that you have.")
    if any(directory.is_relative_to(home) for home in HOMES):
        raise CannotInstall(f"A service cannot reach into home folders. Take {DIRECTORY}.")
    if re.search(r"[^\w./-]", str(directory)):
        raise CannotInstall("Choose a directory whose path has letters, digits, dots, dashes and underlines only.")
    if not placing.current().exists() and placing.checkout() is None:
        raise CannotInstall("Run this from a checkout: git clone …, make install, sudo .venv/bin/freehold install")
    told = read_settings(directory)
    if not (given.domain or told.get("domain")):
        raise CannotInstall("Which name? Say --domain town.example.")
    if told.get("unlock") == "prompt":
        raise CannotInstall("Nobody can type the unlock key into a service: choose file or systemd (freehold keys).")
    known = placing.PREFIX / "installed.json"
    if known.exists() and placing.installed().directory != directory:
        raise CannotInstall(f"The service here is that of {placing.installed().directory}. Say: freehold uninstall")
    all_settings.load(directory, **wanted_settings(given, told))


def wanted_settings(given: argparse.Namespace, have: dict[str, Any]) -> dict[str, Any]:
    """What the words say about the settings; https from the first run on, unless there is a proxy."""
    said: dict[str, Any] = {}
    if given.domain:
        said["domain"] = given.domain
    if given.behind:
        said |= {"behind": given.behind, "https": False}
    elif given.https or not (have.get("behind") or "https" in have):
        said |= {"behind": "", "https": True}
    for name in ("acme_directory", "acme_contact", "acme_hook", "plc"):
        if getattr(given, name):
            said[name] = getattr(given, name)
    return said


def user_part(directory: Path) -> Part:
    """A user who owns the network and nothing else."""
    try:
        pwd.getpwnam(USER)
    except KeyError:
        words = ["useradd", "--system", "--user-group", "--home-dir", str(directory), "--shell", "/usr/sbin/nologin"]
        return part(f"make the system user {USER}", lambda: command(*words, USER))
    return None


def directory_part(directory: Path) -> Part:
    """The network's directory, its user's alone; what was made under another user before becomes this one's."""

    def do() -> None:
        directory.mkdir(parents=True, exist_ok=True)
        command("chown", "--recursive", "--no-dereference", f"{USER}:{USER}", str(directory))
        directory.chmod(0o700)

    try:
        owner = pwd.getpwuid(directory.stat().st_uid).pw_name
        if owner == USER and directory.stat().st_mode & 0o777 == 0o700:
            return None
    except (FileNotFoundError, KeyError):
        pass
    return part(f"make {directory} that user's", do, restart=True)


def settings_part(directory: Path, wanted: dict[str, Any]) -> Part:
    """settings.toml, with what the words say; all else in it stays."""
    have = read_settings(directory)
    missing = {name: value for name, value in wanted.items() if have.get(name, all_default(name)) != value}
    if not missing:
        return None
    path = directory / all_settings.FILE

    def do() -> None:
        text = merged(path.read_text("utf-8") if path.exists() else "", missing)
        placing.write(path, text, 0o600)
        shutil.chown(path, USER, USER)
        all_settings.load(directory)

    said = ", ".join(f"{name} = {toml(value)}" for name, value in missing.items())
    return part(f"set {said} in {path}", do, restart=True)


def program_part(given: argparse.Namespace) -> Part:
    """The program, in a place of its own; the first version only, later ones come by `freehold upgrade`."""
    source = placing.checkout()
    if placing.program(placing.current()).exists() or source is None:
        return None
    return part(f"place the program in {placing.PREFIX}", lambda: placing.use(placing.place(source)), restart=True)


def command_part() -> Part:
    """The command on everybody's path."""
    wanted = placing.program(placing.current())
    if placing.COMMAND.is_symlink() and placing.COMMAND.readlink() == wanted:
        return None
    return part(f"make the command {placing.COMMAND}", lambda: placing.link(placing.COMMAND, wanted))


def remember_part(directory: Path) -> Part:
    """Which network it is, for upgrades."""
    if (placing.PREFIX / "installed.json").exists():
        return None
    return part(
        f"remember that the service is that of {directory}", lambda: placing.remember(Installed(directory, USER))
    )


def unit_part(directory: Path) -> Part:
    """The service unit."""
    credential = CREDENTIAL if (CREDENTIALS / CREDENTIAL).exists() else ""
    text = unit(directory, USER, credential)
    if placing.UNIT.exists() and placing.UNIT.read_text() == text:
        return None

    def do() -> None:
        placing.write(placing.UNIT, text)
        systemctl("daemon-reload")

    return part(f"write {placing.UNIT}", do, restart=True)


def assure_ports_free(told: all_settings.Settings) -> None:
    """Raises CannotInstall when another program has the ports."""
    for port in (told.http_port, told.https_port) if told.https else (told.port,):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("0.0.0.0", port))  # noqa: S104 - to see whether it is free
            except OSError as wrong:
                raise CannotInstall(
                    f"Port {port} cannot be had: {wrong.strerror}. Stop what has it, or say --behind 127.0.0.1 if that"
                    " is your proxy, and run this again."
                ) from None


def start(directory: Path, changed: bool) -> None:
    """Enable the service, and have it run with all that was changed. Raises CannotInstall."""
    systemctl("--quiet", "enable", placing.SERVICE)
    if systemctl("--quiet", "is-active", placing.SERVICE):
        assure_ports_free(all_settings.load(directory))
    print("start freehold.service")
    if systemctl("restart" if changed else "start", placing.SERVICE):
        raise CannotInstall("The service did not start: journalctl -u freehold says why. Run this again afterwards.")


def after(directory: Path) -> int:
    """Wait until it serves, and say what comes next."""
    until = time.monotonic() + SERVE_SECONDS
    while not switching.answers(directory):
        if time.monotonic() > until:
            raise CannotInstall("The service runs and does not answer: journalctl -u freehold says why.")
        time.sleep(0.2)
    told = all_settings.load(directory)
    print(f"\nhttps://{told.domain} is served from {directory}. Next:")
    print(f"  sudo freehold claim {directory}      shows the code that makes you its owner")
    print("  journalctl -u freehold -f                 what it says")
    print("  git pull && make install && sudo .venv/bin/freehold upgrade")
    return 0


def doubts(directory: Path) -> list[str]:
    """What keeps others from finding the network: said, and no reason to stop."""
    told = all_settings.load(directory)
    if told.behind:
        return []
    domain = told.domain
    found = {name: addresses(name) for name in (domain, f"nobody-yet.{domain}")}
    said = [
        f"The DNS has no address for {name}."
        + ("" if name == domain else f" Members' handles need *.{domain} as well.")
        for name, known in found.items()
        if not known
    ]
    if found[domain] and not any(mine(address) for address in found[domain]):
        said.append(
            f"The DNS says {', '.join(found[domain])} for {domain}, which is no address of this machine itself."
        )
    return said


def addresses(name: str) -> list[str]:
    """What the DNS knows, without this machine's own name file."""
    from dns.exception import DNSException
    from dns.resolver import Resolver

    found = []
    for kind in ("A", "AAAA"):
        try:
            found += [str(each) for each in Resolver().resolve(name + ".", kind, lifetime=5.0)]
        except (DNSException, OSError):
            continue
    return found


def mine(address: str) -> bool:
    """Can this machine listen on it?"""
    family = socket.AF_INET if ip_address(address).version == 4 else socket.AF_INET6
    with socket.socket(family, socket.SOCK_DGRAM) as probe:
        try:
            probe.bind((address, 0))
        except OSError:
            return False
        return True


def uninstall(given: argparse.Namespace) -> int:
    """Stop the service and take away the program; the network's directory and its user stay."""
    assure_root()
    here = placing.installed()
    systemctl("--quiet", "disable", "--now", placing.SERVICE)
    placing.UNIT.unlink(missing_ok=True)
    systemctl("daemon-reload")
    if placing.COMMAND.is_symlink():
        placing.COMMAND.unlink()
    shutil.rmtree(placing.PREFIX)
    print(f"The service and the program are gone. The network is still in {here.directory}; delete that yourself.")
    return 0


def read_settings(directory: Path) -> dict[str, Any]:
    """settings.toml as it is. Raises CannotInstall."""
    try:
        return tomllib.loads((directory / all_settings.FILE).read_text("utf-8"))
    except FileNotFoundError:
        return {}
    except (PermissionError, tomllib.TOMLDecodeError, UnicodeDecodeError) as wrong:
        raise CannotInstall(f"{directory / all_settings.FILE} cannot be read: {wrong}.") from None


def all_default(name: str) -> object:
    """What a setting is that nobody set."""
    return getattr(all_settings.Settings(), name)


def merged(text: str, wanted: dict[str, Any]) -> str:
    """The file with these settings changed where they stand, or added at its end."""
    for name, value in wanted.items():
        line = f"{name} = {toml(value)}"
        stands = re.search(rf"(?m)^{name}\s*=.*$", text)
        if stands:
            text = text[: stands.start()] + line + text[stands.end() :]
        else:
            text = f"{text.rstrip()}\n{line}\n".lstrip()
    return text


def toml(value: object) -> str:
    """A string or a truth as TOML writes it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return '"' + str(value).replace("\\", "\\\\").replace('"', '\\"') + '"'


def command(*words: str) -> None:
    """Run a program of the system. Raises CannotInstall."""
    done = subprocess.run(words, capture_output=True, text=True)  # noqa: S603
    if done.returncode:
        raise CannotInstall(f"{words[0]} failed: {done.stderr.strip()}")
