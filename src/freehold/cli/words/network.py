"""The words of `network`."""

import argparse
from pathlib import Path

from freehold.cli.words.parts import Commands, command, count, directory

LIST = "freehold.cli.tenancy"


def network(commands: Commands) -> None:
    made = command(
        commands,
        "network",
        "let networks of a process come and go; hand one over to another operator's machine",
        "To hand one over: there, freehold network receive DIRECTORY, then freehold run DIRECTORY; here, freehold\n"
        "network leave DIRECTORY, with what that printed. It is served here until it is served there; the other\n"
        "networks of this process go on.",
    )
    acts = made.add_subparsers(dest="act", required=True, metavar="ACT", title="acts")
    _leave(acts)
    stay = acts.add_parser("stay", help="do not leave after all, before it was handed over")
    receive = acts.add_parser("receive", help="on the other machine: let a network come to DIRECTORY, a new folder")
    drop = acts.add_parser("drop", help="serve it no more in the process that does; the others are served")
    for each in (stay, receive, drop):
        directory(each)
    for each in (stay, drop):
        each.set_defaults(acts=True)
    receive.add_argument("--listen", required=True, metavar="HOST:PORT", help="for example 0.0.0.0:7100")
    add = acts.add_parser("add", help="serve one more in a process that serves others")
    add.add_argument("new", type=Path, metavar="NEW", help="its directory; a new network is made if there is none")
    add.add_argument(
        "--beside", dest="directory", type=Path, required=True, metavar="DIRECTORY", help="one that is served there"
    )
    show = acts.add_parser("show", help="say what it is, how large, and what stands ready if it is lost")
    directory(show)
    show.set_defaults(acts=True, module=LIST)
    listed = acts.add_parser("list", help="the same of several, for whoever serves them")
    listed.add_argument("directories", nargs="+", type=Path, metavar="DIRECTORY", help="the networks' directories")
    listed.set_defaults(module=LIST)
    add.add_argument("--there", dest="acts", action="store_true", help=argparse.SUPPRESS)


def _leave(acts: Commands) -> None:
    leave = acts.add_parser("leave", help="hand it over, whole, to another operator's machine, and keep nothing here")
    directory(leave)
    leave.add_argument("--to", metavar="ADDRESS", help="tls://HOST:PORT of the other machine; to go on, leave it out")
    leave.add_argument("--code", metavar="CODE", help="what `receive` printed over there")
    leave.add_argument("--dry-run", action="store_true", help="only say what would be done, and see who answers there")
    leave.add_argument("--keep-copy", action="store_true", help="do not delete what is here; it is served no more")
    leave.add_argument(
        "--days", type=count, default=30, metavar="N", help="how long this place says where it is (default: 30)"
    )
    leave.add_argument("--yes", action="store_true", help="do not ask")
    leave.set_defaults(acts=True)
