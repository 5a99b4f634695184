"""What the words of several commands have in common.

Which module a command runs is its name, with `_` for `-`, unless its parser says otherwise (`set_defaults(module=…)`).
"""

import argparse
from pathlib import Path
from typing import TypeAlias

HANDLE = "handle (under the network's domain the first part is enough) or DID"

Commands: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"


def command(commands: Commands, name: str, help: str, more: str) -> argparse.ArgumentParser:
    """A command that works in a process of its own. help: its line in the list of commands; more: its paragraph."""
    made = commands.add_parser(
        name,
        help=help,
        description=f"{help[0].upper()}{help[1:]}.\n\n{more}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    module = {"import": "take_in", "uninstall": "install"}.get(name, name.replace("-", "_"))
    made.set_defaults(module=f"freehold.cli.{module}", acts=False)
    return made


def act(commands: Commands, name: str, help: str, more: str) -> argparse.ArgumentParser:
    """A command on one network that has an act: it works whether the network runs or not."""
    made = command(commands, name, help, more)
    made.set_defaults(acts=True)
    directory(made)
    return made


def directory(to: argparse.ArgumentParser) -> None:
    """The network that a command is for, as its first word."""
    to.add_argument("directory", type=Path, metavar="DIRECTORY", help="the network's directory")


def port(text: str) -> int:
    """A port number. Raises ValueError, which argparse turns into a sentence."""
    number = int(text)
    if not 0 <= number <= 65_535:
        raise argparse.ArgumentTypeError("a port is a number from 0 to 65535")
    return number


def count(text: str) -> int:
    """A number from 1 up."""
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("this must be 1 or more")
    return number
