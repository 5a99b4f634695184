"""The words of `install`, `upgrade` and `uninstall`, by which a network is a service of its machine, and of `claim`."""

import argparse
from pathlib import Path

from freehold.cli.words.parts import Commands, act, command


def install(commands: Commands) -> None:
    install = command(
        commands,
        "install",
        "make a network the service of this machine, with https",
        "As root on a machine with systemd: a system user, the program in /opt/freehold, settings, a service unit\n"
        "with few rights, started and enabled. What is done already stays, so a second run mends what is amiss.",
    )
    install.add_argument(
        "directory",
        nargs="?",
        type=Path,
        default=Path("/var/lib/freehold"),
        metavar="DIRECTORY",
        help="the network's directory (default: /var/lib/freehold)",
    )
    install.add_argument("--domain", metavar="D", help="the network's own name; needed the first time")
    install.add_argument(
        "--https", action="store_true", help="serve https itself (so it begins, unless --behind says otherwise)"
    )
    install.add_argument("--behind", metavar="ADDRESS", help="speak plain http, to the proxy at this address alone")
    install.add_argument("--acme-directory", metavar="URL", help="another certificate authority than Let's Encrypt")
    install.add_argument("--acme-contact", metavar="ADDRESS", help="where the authority may write to")
    install.add_argument("--acme-hook", metavar="PROGRAM", help="sets TXT records, for one wildcard certificate")
    install.add_argument("--plc", metavar="own|both|URL", help="where members' DIDs are kept")
    install.add_argument("--dry-run", action="store_true", help="only say what would be done")


def upgrade(commands: Commands) -> None:
    upgrade = command(
        commands,
        "upgrade",
        "put a newer version in the place of the installed one, with the way back open",
        "As root, from a newer checkout: it is placed beside the old one, tried on a copy of the data, then on the\n"
        "data themselves, of which there is a copy by then. If it does not start and answer, the old version serves\n"
        "the data of before again.",
    )
    upgrade.add_argument("--to", type=Path, metavar="CHECKOUT", help="the new version (default: where this runs from)")
    for name, kind in (("--step", str), ("--directory", Path), ("--backup", Path)):
        upgrade.add_argument(name, type=kind, help=argparse.SUPPRESS)


def uninstall(commands: Commands) -> None:
    command(
        commands,
        "uninstall",
        "take away the service and the program, and leave the network",
        "As root. The network's directory and its user stay.",
    )


def claim(commands: Commands) -> None:
    act(commands, "claim", "print the code with which a new network gets its owner", "The network must be running.")
