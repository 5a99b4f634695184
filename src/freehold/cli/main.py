"""The `freehold` command.

Only the reading of words is here; each command lives in a module of its own and is imported when it is asked for, so
that `--help` is quick.
"""

import argparse
import sys
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import TypeAlias

from freehold import __version__
from freehold.protocol.refused import Refused

ABOUT = """\
Freehold: a social network that its community owns outright.

A network is one directory. Everything that it must not lose is in there; copy it, and you have the network.

  freehold run                     start (or begin) the network in ./network on http://localhost:8000
  freehold run town --domain town.example
  freehold demo town               fill a new network with a community of sixty people, to look around in
  freehold account town list       who is a member
  freehold doctor town             check every repository, blob and the index, and say what to do
"""


def main(words: Sequence[str] | None = None) -> int:
    """Run one command. Returns the exit code."""
    given = parser().parse_args(words)
    try:
        return int(import_module(given.module).main(given) or 0)
    except Refused as refused:
        print(f"freehold: {refused.say}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


def parser() -> argparse.ArgumentParser:
    """All commands and their words."""
    top = argparse.ArgumentParser(
        prog="freehold", description=ABOUT, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    top.add_argument("--version", action="version", version=f"freehold {__version__}")
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND", title="commands")
    _run(commands)
    _demo(commands)
    _account(commands)
    _import_export(commands)
    _care(commands)
    return top


Commands: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"


def _command(commands: Commands, name: str, help: str, more: str = "") -> argparse.ArgumentParser:
    made = commands.add_parser(
        name, help=help, description=f"{help}\n\n{more}".strip(), formatter_class=argparse.RawDescriptionHelpFormatter
    )
    made.set_defaults(module=f"freehold.cli.{name.replace('import', 'take_in')}")
    return made


def _directory(command: argparse.ArgumentParser) -> None:
    command.add_argument("directory", type=Path, metavar="DIRECTORY", help="the network's directory")


def _run(commands: Commands) -> None:
    run = _command(
        commands,
        "run",
        "serve one network or several",
        "A new directory is made ready. Without --domain only this machine can reach it, on 127.0.0.1.\n"
        "A new network prints a code of three words: type it into the first page to become its owner.",
    )
    run.add_argument("directories", nargs="*", type=Path, metavar="DIRECTORY", help="default: ./network")
    run.add_argument("--port", type=int, default=8000, metavar="N", help="default: 8000; 0 takes a free one")
    run.add_argument("--domain", metavar="D", help="the network's own name; then all addresses of this machine listen")
    run.add_argument("--plc", metavar="own|both|URL", help="where members' DIDs are kept (default: own)")
    run.add_argument(
        "--only", choices=["host"], help="host: accounts and repositories only, views from an outside AppView"
    )
    run.add_argument(
        "--dev",
        action="store_true",
        help="for development: no claiming, open sign-up, no rate limits, plain http and loopback addresses allowed;"
        " writes DIRECTORY/dev.json; FREEHOLD_ADMIN_PASSWORD opens the admin methods",
    )


def _demo(commands: Commands) -> None:
    demo = _command(
        commands,
        "demo",
        "fill a new network with a community of sixty people",
        "Drawn pictures, threads, echoes, follows by interest and two weeks of history, written the way members write.",
    )
    demo.set_defaults(module="freehold.cli.demo.command")
    _directory(demo)
    demo.add_argument("--people", type=int, default=60, metavar="N", help="default: 60")
    demo.add_argument("--seed", type=int, default=1, metavar="N", help="another seed, another history")


def _account(commands: Commands) -> None:
    account = _command(commands, "account", "list, add, change and remove accounts")
    _directory(account)
    acts = account.add_subparsers(dest="act", required=True, metavar="ACT", title="acts")
    acts.add_parser("list", help="all accounts, one on a line")
    for name, help in (
        ("create", "add a member; asks for the password"),
        ("password", "set a new password; asks for it, and ends all sessions"),
        ("takedown", "stop serving an account and end its sessions"),
        ("restore", "serve an account again that was taken down"),
        ("delete", "erase an account and all that it had"),
    ):
        acts.add_parser(name, help=help).add_argument("handle", help="handle or DID")
    role = acts.add_parser("role", help="make somebody member, moderator or owner")
    role.add_argument("handle", help="handle or DID")
    role.add_argument("role", choices=["member", "moderator", "owner"])
    invite = acts.add_parser("invite", help="print a code with which people can join")
    invite.add_argument("--uses", type=int, default=1, metavar="N", help="how many people (default: 1)")


def _import_export(commands: Commands) -> None:
    take = _command(commands, "import", "replace an account's repository by that of a CAR file")
    _directory(take)
    take.add_argument("handle", help="handle or DID of the account, which must be that of the file")
    take.add_argument("file", type=Path, metavar="FILE", help="a repository as a CAR file")
    give = _command(commands, "export", "write an account's repository to a CAR file")
    _directory(give)
    give.add_argument("handle", help="handle or DID")
    give.add_argument("file", type=Path, metavar="FILE", help="where to write it")


def _care(commands: Commands) -> None:
    rebuild = _command(commands, "rebuild", "throw the index away and make it anew from the repositories")
    _directory(rebuild)
    doctor = _command(commands, "doctor", "check repositories, signatures, blobs and index, and say what to do")
    _directory(doctor)
    options = _command(commands, "settings", "print every setting with its help and default, as a settings.toml")
    options.set_defaults(directory=None)
