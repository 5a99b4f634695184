"""The words of `keys`, `trustees`, `domain` and `beacon`: what the network is known by."""

from pathlib import Path

from freehold.cli.words.parts import HANDLE, Commands, act, count


def keys(commands: Commands) -> None:
    keys = act(
        commands,
        "keys",
        "list keys, and put others in their place",
        "What was broken off goes on when the command is given again; list says what is unfinished.",
    )
    acts = keys.add_subparsers(dest="act", required=True, metavar="ACT", title="acts")
    acts.add_parser("list", help="every key by name, and where it stands; no secret")
    signing = acts.add_parser("rotate-signing", help="another signing key for an account, or for all")
    signing.add_argument("handle", nargs="?", metavar="HANDLE", help=HANDLE)
    signing.add_argument("--all", action="store_true", help="every account and service, one after the other")
    acts.add_parser("rotate-label", help="another key for labels; all of them are signed anew")
    session = acts.add_parser("rotate-session", help="another secret for session tokens; sessions go on")
    session.add_argument("--now", action="store_true", help="end every session everywhere")
    host = acts.add_parser("rotate-host", help="another host key in every identity; the old one is destroyed then")
    host.add_argument(
        "--with",
        dest="offline_key",
        type=Path,
        metavar="FILE",
        help="the offline key, if the host key was stolen: it takes back what that one signed within 72 hours",
    )
    acts.add_parser("rotate-offline", help="another offline key, for one that was lost; it is shown once")
    acts.add_parser("rotate-network", help="seal everything anew with another network key; the old one is destroyed")
    unlock = acts.add_parser("change-unlock", help="another unlock key, from the same place or from another")
    unlock.add_argument("source", choices=["file", "env", "systemd", "prompt"], help="where it shall come from")
    unlock.add_argument(
        "--key-file", type=Path, metavar="FILE", help="with systemd: where to write it, for systemd-creds"
    )


def trustees(commands: Commands) -> None:
    trustees = act(
        commands,
        "trustees",
        "give the offline key to several people together, or join it again",
        "Each gets a sheet with 33 words (SLIP-0039). So many of them give the key, fewer give nothing.",
    )
    acts = trustees.add_subparsers(dest="act", required=True, metavar="ACT", title="acts")
    split = acts.add_parser("split", help="write a sheet for each trustee; asks for the key as you wrote it down")
    split.add_argument("--of", type=count, required=True, metavar="N", help="how many trustees, 16 at most")
    split.add_argument("--need", type=count, required=True, metavar="N", help="how many of them give the key")
    split.add_argument("--new", action="store_true", help="of a new key, in every identity in place of the old one")
    split.add_argument("--to", type=Path, required=True, metavar="FOLDER", help="an existing folder for the sheets")
    join = acts.add_parser("join", help="ask for the words of enough sheets, and write the key to a file")
    join.add_argument("--to", type=Path, required=True, metavar="FILE", help="where; nobody else can read it")


def domain(commands: Commands) -> None:
    domain = act(
        commands,
        "domain",
        "say where the network is reached, or move it to another name",
        "A move lets every member's identity name the new address, and every handle end with the new name. If it was\n"
        "broken off, give the command again, or start the network: it goes on where it was.",
    )
    acts = domain.add_subparsers(dest="act", required=True, metavar="ACT", title="acts")
    acts.add_parser("show", help="the names of now and of before, and what the last move ended")
    move = acts.add_parser("move", help="give the network another name; asks first")
    move.add_argument("new", metavar="NEW", help="the new domain; its DNS should lead here already")
    move.add_argument("--yes", action="store_true", help="do not ask")


def beacon(commands: Commands) -> None:
    beacon = act(
        commands,
        "beacon",
        "say where the network is, in a file that proves itself",
        "Every door serves the beacon, and browsers keep it: if the network's name is lost, they ask the spare doors\n"
        "(spare_doors in settings.toml) where it is now. A spare door can be a name that leads to this process, or\n"
        "any web host that serves the file.",
    )
    acts = beacon.add_subparsers(dest="act", required=True, metavar="ACT", title="acts")
    acts.add_parser("show", help="what it says, until when, and by which key")
    publish = acts.add_parser("publish", help="write it to a file, to be served elsewhere")
    publish.add_argument("--to", type=Path, metavar="FILE", required=True, help="where; one from before is replaced")
