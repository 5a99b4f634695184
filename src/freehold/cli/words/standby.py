"""The words of `standby`, `witness`, and what becomes of the last writes of a lost primary."""

from pathlib import Path

from freehold.cli.words.parts import Commands, act, command, directory


def standby(commands: Commands) -> None:
    standby = act(
        commands,
        "standby",
        "keep everything on another machine too, before anyone hears yes",
        "On the other machine: freehold standby DIRECTORY make, then freehold run DIRECTORY. On this one: freehold\n"
        "standby DIRECTORY add, with what that printed. From then on a write is acknowledged when that machine has it\n"
        "on disk; if it is gone, writes wait (without_standby in settings.toml says otherwise).\n"
        "When this machine is lost, on the other one: freehold standby DIRECTORY promote.",
    )
    acts = standby.add_subparsers(dest="act", required=True, metavar="ACT", title="acts")
    acts.add_parser("list", help="the standbys and how they are; on a standby: what it has, and when it heard")
    add = acts.add_parser("add", help="keep a copy there from now on")
    add.add_argument("address", metavar="ADDRESS", help="ssh://USER@HOST/DIRECTORY, tls://HOST:PORT or unix:///PATH")
    add.add_argument("--code", metavar="CODE", help="what `make` printed over there, for tls://")
    add.add_argument("--name", metavar="NAME", help="what to call it; default: its host name")
    add.add_argument("--later", action="store_true", help="writes do not wait for it: it may lack the last of them")
    add.add_argument(
        "--with-keys", action="store_true", help="give it the network's keys: for one that was made with --own-key"
    )
    for name, help in (
        ("remove", "keep no copy there any more"),
        ("verify", "compare all that it has, byte for byte, while the network runs"),
        ("relocate", "let it be the primary from now on, and lose nothing; writes pause for a moment"),
    ):
        acts.add_parser(name, help=help).add_argument("name", metavar="NAME", help="as `list` calls it")
    promote = acts.add_parser("promote", help="on the standby: be the primary from now on")
    promote.add_argument("--even-so", action="store_true", help="although the primary is still heard")
    witness = acts.add_parser("witness", help="let a third machine decide when the primary is lost; or no more")
    witness.add_argument("address", metavar="ADDRESS", nargs="?", help="tls://HOST:PORT; without it, take it away")
    witness.add_argument("--code", metavar="CODE", help="what `freehold witness` printed over there")
    witness.add_argument(
        "--even-so", action="store_true", help="take it away although nobody can be asked: it never runs again"
    )
    made = acts.add_parser("make", help="on the other machine: let DIRECTORY be a standby's")
    made.add_argument("--listen", default="", metavar="HOST:PORT", help="for tls://; without it, by ssh only")
    made.add_argument(
        "--own-key", action="store_true", help="it opens the network by an unlock key of its own, without the primary's"
    )
    bridge = acts.add_parser("bridge", help="what ssh runs on the standby's machine: from here to its socket")
    for here in (made, bridge):
        here.set_defaults(acts=False)


def witness(commands: Commands) -> None:
    witness = command(
        commands,
        "witness",
        "on a third machine: decide when the primary is lost",
        "A primary with a witness says yes to writes only while it is granted time, second by second. If it is lost,\n"
        "its standby asks the witness, which grants it the succession once the old time has run out: nobody writes in\n"
        "two places. A witness holds nothing of any member's. DIRECTORY is its own, and made if absent.",
    )
    directory(witness)
    witness.add_argument("--listen", required=True, metavar="HOST:PORT", help="for example 0.0.0.0:7101")


def aside(commands: Commands) -> None:
    aside = command(
        commands,
        "aside",
        "what a machine had alone when another one became the primary",
        "A primary that was succeeded may have writes that never reached its standby.\n"
        "`freehold standby DIRECTORY make` puts them aside; once that standby has heard from its new primary, this\n"
        "lists them: when, whose, what. They are merged with nothing. --to writes the posts among them to a file, for\n"
        "`freehold offer` on the new primary. It is deleted after 72 hours, for no deletion reaches it.",
    )
    directory(aside)
    aside.add_argument("--to", type=Path, metavar="FILE", help="write the signed commits and their pictures there")
    aside.add_argument("--discard", action="store_true", help="delete what was put aside, now")


def offer(commands: Commands) -> None:
    offer = act(
        commands,
        "offer",
        "offer posts that only a lost machine had to those who wrote them",
        "FILE is what `freehold aside DIRECTORY --to FILE` wrote on that machine. Each post in it is checked to be\n"
        "signed by its author's key, shown to its author and to nobody else, and posted again if they say so. What\n"
        "they leave alone is deleted after 14 days.",
    )
    offer.add_argument("file", type=Path, metavar="FILE", help="from `freehold aside --to`")
