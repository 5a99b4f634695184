"""The words of `account`, `import` and `export`: who has an account, and what is in it."""

import argparse
from pathlib import Path

from freehold.cli.words.parts import HANDLE, Commands, act, count


def account(commands: Commands) -> None:
    account = act(
        commands,
        "account",
        "list, add, change and remove accounts",
        "A password is asked for at a terminal; elsewhere it is one line of standard input.",
    )
    acts = account.add_subparsers(dest="act", required=True, metavar="ACT", title="acts")
    acts.add_parser("list", help="all accounts, one on a line: handle, role, status, since when, DID")
    for name, help in (
        ("create", "add a member; asks for the password"),
        ("password", "set a new password; asks for it, and ends all sessions"),
        ("takedown", "stop serving an account and end its sessions"),
        ("restore", "serve an account again that was taken down"),
        ("delete", "erase an account and all that it had; asks for the handle once more"),
    ):
        acts.add_parser(name, help=help).add_argument("handle", metavar="HANDLE", help=HANDLE)
    factors = acts.add_parser("factors", help="what a sign-in asks for beside the password; or turn that off")
    factors.add_argument("handle", metavar="HANDLE", help=HANDLE)
    factors.add_argument("--off", action="store_true", help="ask for no codes any more; passkeys stay")
    role = acts.add_parser("role", help="make somebody member, moderator or owner")
    role.add_argument("handle", metavar="HANDLE", help=HANDLE)
    role.add_argument("role", choices=["member", "moderator", "owner"], help="the new one")
    _moves(acts)
    invite = acts.add_parser("invite", help="print a code with which people can join")
    invite.add_argument("--uses", type=count, default=1, metavar="N", help="how many people (default: 1)")


def _moves(acts: Commands) -> None:
    come = acts.add_parser(
        "move-in",
        help="bring an account here from another host, alive or dead",
        description="Brings an account here, with its identity, records, pictures and settings.\n\n"
        "--from: the old host is alive. Its holder signs in there at this terminal, and types the\n"
        "code that it sends by e-mail. --backup and --recovery-key: the old host is gone, or\n"
        "hostile. The file is a repository (CAR), or the archive that members download; the key is\n"
        "the holder's own, and is not kept.\n"
        "Cut off in the middle, say the same again: it goes on where it was.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    come.add_argument("handle", metavar="HANDLE", help="what it shall be called here (the first part is enough)")
    come.add_argument("--from", dest="old", metavar="URL", help="the host where it lives now")
    come.add_argument("--backup", type=Path, metavar="FILE", help="its repository or archive")
    come.add_argument("--blobs", type=Path, metavar="FOLDER", help="its pictures, each named by its CID")
    come.add_argument("--recovery-key", type=Path, metavar="FILE", help="one of its own rotation keys")
    come.set_defaults(module="freehold.cli.moving")
    go = acts.add_parser(
        "move-out",
        help="take an account to another host",
        description="Takes an account to another host, with its identity, records, pictures and\n"
        "settings. What the new host wants to know of who joins is asked at the terminal. Cut off\n"
        "in the middle, say the same again: it goes on where it was. At the end the account rests\n"
        "here for 30 days, and is then deleted.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    go.add_argument("handle", metavar="HANDLE", help=HANDLE)
    go.add_argument("--to", dest="new", metavar="URL", required=True, help="the host where it shall live")
    go.set_defaults(module="freehold.cli.moving")


def take_in(commands: Commands) -> None:
    take = act(
        commands,
        "import",
        "replace an account's repository by that of a CAR file",
        "All of the file is checked before anything is replaced; it must be of the account's own DID.\n"
        "Pictures are not in the file: those that are not here yet are counted at the end.",
    )
    take.add_argument("handle", metavar="HANDLE", help=HANDLE)
    take.add_argument("file", type=Path, metavar="FILE", help="a repository as a CAR file, of version 3")


def export(commands: Commands) -> None:
    give = act(
        commands,
        "export",
        "write an account's repository to a CAR file",
        "Everything that the member published, signed, without the pictures themselves.",
    )
    give.add_argument("handle", metavar="HANDLE", help=HANDLE)
    give.add_argument(
        "file", type=Path, metavar="FILE", help="where to write it; a file that is there already is left alone"
    )
