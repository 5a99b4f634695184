"""The `freehold` command.

Only the reading of words is here; each command lives in a module of its own and is imported when it is asked for, so
that `--help` is quick. A command is either a `main(given)` of its own, or an act (see `acting`) that runs in the
network's process while that runs.
"""

import argparse
import os
import sys
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import NoReturn, TypeAlias

from freehold import __version__
from freehold.protocol.refused import InvalidRequest, Refused

ABOUT = """\
Freehold: a social network that its community owns outright.

A network is one directory. Everything that it must not lose is in there; copy it while nothing runs, and you have the
network a second time.

  freehold run                         begin or go on with the network in ./network, on http://localhost:8000
  freehold run town --domain town.example --https
  freehold demo town                   fill a new network with a community of sixty people, to look around in
  freehold account town list           who has an account
  freehold queue town list             who waits to be let in
  freehold doctor town                 check every repository, blob and the index, and say what to do

Commands work on a running network as on one that is stopped, but for those that say so. What goes wrong is said in one
sentence on stderr, with exit code 1; words that are not understood end with exit code 2.
"""

ALONE = "The network must not be running meanwhile."
HANDLE = "handle (under the network's domain the first part is enough) or DID"
MISUSED, INTERRUPTED = 2, 130


def main(words: Sequence[str] | None = None) -> int:
    """Run one command. Returns the exit code."""
    words = sys.argv[1:] if words is None else words
    if not words:
        parser().print_help(sys.stderr)
        return MISUSED
    try:
        given = understand(words)
        code = perform(given, words)
        sys.stdout.flush()
    except Misread as misread:
        print(f"{misread.usage}{misread.prog}: error: {misread.say}", file=sys.stderr)
        return MISUSED
    except Refused as refused:
        return _fail(refused.say)
    except BrokenPipeError:  # `freehold account town list | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except OSError as wrong:
        if wrong.filename is None:
            raise
        return _fail(f"{os.fspath(wrong.filename)}: {wrong.strerror}.")
    except KeyboardInterrupt:
        return INTERRUPTED
    return code


def _fail(say: str) -> int:
    print(f"freehold: {say}", file=sys.stderr)
    return 1


class Misread(InvalidRequest):
    """Words that are no command."""

    def __init__(self, say: str, usage: str = "", prog: str = "freehold") -> None:
        super().__init__(say)
        self.usage, self.prog = usage, prog


class Words(argparse.ArgumentParser):
    """Raises Misread where it would end the process."""

    def error(self, message: str) -> NoReturn:
        """See argparse."""
        raise Misread(message, self.format_usage(), self.prog)


def understand(words: Sequence[str]) -> argparse.Namespace:
    """The words, read. Raises Misread."""
    top = parser()
    given, more = top.parse_known_args(words)
    if more and given.command == "run" and not any(word.startswith("-") for word in more):
        given.directories += map(Path, more)  # `freehold run one --dev two`: argparse takes one group of them only
    elif more:
        top.error(f"unrecognized arguments: {' '.join(more)}")
    return given


def perform(given: argparse.Namespace, words: Sequence[str]) -> int:
    """Run the command here, or where its network runs; the exit code."""
    if given.acts:
        from freehold.cli import acting

        return acting.perform(given, words)
    return int(import_module(given.module).main(given) or 0)


def parser() -> argparse.ArgumentParser:
    """All commands and their words."""
    top: argparse.ArgumentParser = Words(
        prog="freehold", description=ABOUT, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    top.add_argument("--version", action="version", version=f"freehold {__version__}")
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND", title="commands")
    _run(commands)
    _demo(commands)
    _account(commands)
    _queue(commands)
    _import_export(commands)
    _label(commands)
    _takedown(commands)
    _keys(commands)
    _trustees(commands)
    _domain(commands)
    _beacon(commands)
    _care(commands)
    _standby(commands)
    _archive(commands)
    _witness(commands)
    _edge(commands)
    _drill(commands)
    _readiness(commands)
    _machine(commands)
    _settings(commands)
    return top


Commands: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"


def _command(commands: Commands, name: str, help: str, more: str) -> argparse.ArgumentParser:
    made = commands.add_parser(
        name,
        help=help,
        description=f"{help[0].upper()}{help[1:]}.\n\n{more}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    module = {"import": "take_in", "uninstall": "install"}.get(name, name.replace("-", "_"))
    made.set_defaults(module=f"freehold.cli.{module}", acts=False)
    return made


def _act(commands: Commands, name: str, help: str, more: str) -> argparse.ArgumentParser:
    """A command on one network that has an act: it works whether the network runs or not."""
    made = _command(commands, name, help, more)
    made.set_defaults(acts=True)
    _directory(made)
    return made


def _directory(command: argparse.ArgumentParser) -> None:
    command.add_argument("directory", type=Path, metavar="DIRECTORY", help="the network's directory")


def _run(commands: Commands) -> None:
    run = _command(
        commands,
        "run",
        "serve one network or several",
        "A new directory is made ready, and a code of three words is printed: type it into the first page to become\n"
        "the network's owner.\n"
        "\n"
        "Without a domain only this machine can reach the network. With one, a proxy with a certificate must stand\n"
        "before it: set domain in DIRECTORY/settings.toml if the proxy is on this machine (127.0.0.1 listens), or\n"
        "give --domain if it is elsewhere (all addresses listen). `freehold settings` lists what else can be set.\n"
        "\n"
        "Several networks in one process are told apart by host name: that of each domain, or DIRECTORY.localhost.\n"
        "Ctrl-C or SIGTERM ends it in order; kill -9 loses nothing either.",
    )
    run.add_argument("directories", nargs="*", type=Path, metavar="DIRECTORY", help="default: ./network")
    run.add_argument("--port", type=port, metavar="N", help="default: 8000, with --https 443; 0 takes a free one")
    run.add_argument(
        "--https",
        action="store_true",
        help="serve https on port 443, with certificates from Let's Encrypt or as the settings say; port 80 leads"
        " there. Needs a domain",
    )
    run.add_argument(
        "--behind",
        metavar="ADDRESS",
        help="the proxy's address or network: only it may connect, by plain http, and it says who calls",
    )
    run.add_argument("--domain", metavar="D", help="the network's own name, remembered; all addresses listen")
    run.add_argument(
        "--plc",
        metavar="own|both|URL",
        help="where members' DIDs are kept: here (own, the default), also in the public directory, or in another one",
    )
    run.add_argument(
        "--only",
        choices=["host"],
        help="host: accounts and repositories only, no pages but the settings; views come from an outside AppView",
    )
    run.add_argument(
        "--dev",
        action="store_true",
        help="for development: no claiming, open sign-up, no rate limits, plain http and loopback addresses allowed;"
        " writes DIRECTORY/dev.json with an owner's and a moderator's password; FREEHOLD_ADMIN_PASSWORD opens the"
        " admin methods. Refused with a domain",
    )


def port(text: str) -> int:
    """A port number. Raises ValueError, which argparse turns into a sentence."""
    number = int(text)
    if not 0 <= number <= 65_535:
        raise argparse.ArgumentTypeError("a port is a number from 0 to 65535")
    return number


def community_size(text: str) -> int:
    """How many people the demo has."""
    number = int(text)
    if not 2 <= number <= 60:
        raise argparse.ArgumentTypeError("the demo has 2 to 60 people")
    return number


def count(text: str) -> int:
    """A number from 1 up."""
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("this must be 1 or more")
    return number


def _demo(commands: Commands) -> None:
    demo = _command(
        commands,
        "demo",
        "fill a new network with a community of sixty people",
        "Drawn pictures, threads, echoes, follows by interest and two weeks of history, written as members write. At\n"
        "the end it prints with which names and password to sign in. Then: freehold run DIRECTORY",
    )
    demo.set_defaults(module="freehold.cli.demo.command")
    demo.add_argument("directory", type=Path, metavar="DIRECTORY", help="a directory without a network")
    demo.add_argument("--people", type=community_size, default=60, metavar="N", help="2 to 60, default: 60")
    demo.add_argument("--seed", type=int, default=1, metavar="N", help="another seed, another history")


def _account(commands: Commands) -> None:
    account = _act(
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


def _queue(commands: Commands) -> None:
    queue = _act(
        commands,
        "queue",
        "list those who wait to join, let them in or decline",
        "People wait where the owner lets in after a look, or lets in only so many an hour.",
    )
    acts = queue.add_subparsers(dest="act", required=True, metavar="ACT", title="acts")
    acts.add_parser("list", help="who waits, in order: handle, since when, DID, and what they said")
    admit = acts.add_parser("admit", help="make somebody a member")
    admit.add_argument("handle", metavar="HANDLE", help=HANDLE)
    decline = acts.add_parser("decline", help="say no; they are told at their next sign-in, then forgotten")
    decline.add_argument("handle", metavar="HANDLE", help=HANDLE)
    decline.add_argument("--because", default="", metavar="TEXT", help="why, in words for them")


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


def _import_export(commands: Commands) -> None:
    take = _act(
        commands,
        "import",
        "replace an account's repository by that of a CAR file",
        "All of the file is checked before anything is replaced; it must be of the account's own DID.\n"
        "Pictures are not in the file: those that are not here yet are counted at the end.",
    )
    take.add_argument("handle", metavar="HANDLE", help=HANDLE)
    take.add_argument("file", type=Path, metavar="FILE", help="a repository as a CAR file, of version 3")
    give = _act(
        commands,
        "export",
        "write an account's repository to a CAR file",
        "Everything that the member published, signed, without the pictures themselves.",
    )
    give.add_argument("handle", metavar="HANDLE", help=HANDLE)
    give.add_argument(
        "file", type=Path, metavar="FILE", help="where to write it; a file that is there already is left alone"
    )


def _label(commands: Commands) -> None:
    label = _act(
        commands,
        "label",
        "label an account or a record, or take a label back",
        "Labels are signed by the network's labeler, and everybody can read them (com.atproto.label.queryLabels and\n"
        "subscribeLabels). What a label does is up to who reads it.",
    )
    label.add_argument("subject", metavar="SUBJECT", help="a handle, a DID, or the at-uri of a record")
    label.add_argument("value", metavar="VALUE", help="small letters and dashes, as spam, porn or graphic-media")
    label.add_argument("--undo", action="store_true", help="say that the label holds no more")
    label.add_argument("--until", metavar="DATE", help="when it runs out, as 2026-12-31 or 2026-12-31T18:00Z")


def _takedown(commands: Commands) -> None:
    takedown = _act(
        commands,
        "takedown",
        "stop serving one record or file, or serve it again",
        "Nobody is shown it any more. It stays in its owner's repository, which they can take elsewhere.\n"
        "A whole account: freehold account DIRECTORY takedown HANDLE.",
    )
    takedown.add_argument("subject", metavar="SUBJECT", help="the at-uri of a record, or DID/CID of a file")
    takedown.add_argument("--undo", action="store_true", help="serve it again")
    takedown.add_argument("--ref", metavar="TEXT", help="your own name for the decision; default: the time")


def _keys(commands: Commands) -> None:
    keys = _act(
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
    acts.add_parser("rotate-host", help="another host key in every identity; the old one is destroyed then")
    acts.add_parser("rotate-offline", help="another offline key, for one that was lost; it is shown once")
    acts.add_parser("rotate-network", help="seal everything anew with another network key; the old one is destroyed")
    unlock = acts.add_parser("change-unlock", help="another unlock key, from the same place or from another")
    unlock.add_argument("source", choices=["file", "env", "systemd", "prompt"], help="where it shall come from")
    unlock.add_argument(
        "--key-file", type=Path, metavar="FILE", help="with systemd: where to write it, for systemd-creds"
    )


def _trustees(commands: Commands) -> None:
    trustees = _act(
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


def _domain(commands: Commands) -> None:
    domain = _act(
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


def _beacon(commands: Commands) -> None:
    beacon = _act(
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


def _care(commands: Commands) -> None:
    _directory(
        _command(
            commands,
            "rebuild",
            "throw the index away and make it anew from the repositories",
            f"For an index that is damaged or was lost; nothing that members wrote is touched.\n{ALONE}",
        )
    )
    _act(
        commands,
        "doctor",
        "check repositories, signatures, blobs and index",
        "Prints what is damaged (✗) or worth knowing (!), each with what to do. Exit code 1 if there is damage.\n"
        "It changes no repository; it lets the index catch up.",
    )


def _machine(commands: Commands) -> None:
    install = _command(
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
    upgrade = _command(
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
    _command(
        commands,
        "uninstall",
        "take away the service and the program, and leave the network",
        "As root. The network's directory and its user stay.",
    )
    _act(commands, "claim", "print the code with which a new network gets its owner", "The network must be running.")


def _archive(commands: Commands) -> None:
    archive = _act(
        commands,
        "archive",
        "keep encrypted archives, from which the network can be restored to any second",
        "What must not be lost goes there within some seconds, sealed by a key that the recovery passphrase\n"
        "opens. What is deleted here leaves the archives too (archive_keep_hours in settings.toml).",
    )
    acts = archive.add_subparsers(dest="act", required=True, metavar="ACT", title="acts")
    acts.add_parser("list", help="the archives: how they are, how old and how large")
    add = acts.add_parser("add", help="archive there from now on; the recovery passphrase is asked for")
    add.add_argument(
        "address",
        metavar="ADDRESS",
        help="file:///PATH or s3://BUCKET/PREFIX?endpoint=URL&region=NAME, with AWS_ACCESS_KEY_ID and"
        " AWS_SECRET_ACCESS_KEY in the network's environment or s3://KEY:SECRET@BUCKET",
    )
    add.add_argument("--name", metavar="NAME", help="what to call it; default: the folder's or the bucket's name")
    add.add_argument("--even-so", action="store_true", help="although the bucket keeps what is deleted in it")
    remove = acts.add_parser("remove", help="archive there no more, and delete what is there")
    remove.add_argument("name", metavar="NAME", help="as `list` calls it")
    remove.add_argument("--leave", action="store_true", help="do not delete what is there")
    rehearse = acts.add_parser("rehearse", help="restore it into a folder, check all of it, throw it away")
    rehearse.add_argument("name", nargs="?", default="", metavar="NAME", help="as `list` calls it; default: each")
    _act(
        commands,
        "purge",
        "let nothing that was deleted live on in an archive",
        "Begins a new base in every archive at once and drops all older ones: what was before cannot be restored then.",
    )
    restore = _command(
        commands,
        "restore",
        "put a network back from an archive",
        "On any machine, with the archive's address and the recovery passphrase, which is asked for. What was erased\n"
        "after the moment restored is erased again. Cut off in the middle, say the same again.",
    )
    restore.add_argument(
        "address", metavar="ADDRESS", help="file:///PATH or s3://BUCKET/PREFIX?endpoint=URL&region=NAME"
    )
    _directory(restore)
    restore.add_argument("--at", metavar="TIME", help='as it was then: "2026-11-21T20:00:00Z" (default: the newest)')


def _standby(commands: Commands) -> None:
    standby = _act(
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
    made = acts.add_parser("make", help="on the other machine: let DIRECTORY be a standby's")
    made.add_argument("--listen", default="", metavar="HOST:PORT", help="for tls://; without it, by ssh only")
    bridge = acts.add_parser("bridge", help="what ssh runs on the standby's machine: from here to its socket")
    for here in (made, bridge):
        here.set_defaults(acts=False)


def _witness(commands: Commands) -> None:
    witness = _command(
        commands,
        "witness",
        "on a third machine: decide when the primary is lost",
        "A primary with a witness says yes to writes only while it is granted time, second by second. If it is lost,\n"
        "its standby asks the witness, which grants it the succession once the old time has run out: nobody writes in\n"
        "two places. A witness holds nothing of any member's. DIRECTORY is its own, and made if absent.",
    )
    _directory(witness)
    witness.add_argument("--listen", required=True, metavar="HOST:PORT", help="for example 0.0.0.0:7101")


def _drill(commands: Commands) -> None:
    drill = _command(
        commands,
        "drill",
        "lose a machine on purpose, on a copy, and see what comes back",
        "lost-machine: a copy of the network gets a standby and a witness, as processes here; members post,\n"
        "upload, follow and read; then its machine is killed without notice and its disk wiped. The standby takes\n"
        "over, and every acknowledged record and picture is looked for. The network itself may run meanwhile; it is\n"
        "only read. What was found is printed and kept in DIRECTORY/drills. Exit code 1 if anything acknowledged was\n"
        "lost.",
    )
    drill.set_defaults(module="freehold.cli.drill.command")
    _directory(drill)
    drill.add_argument("drill", choices=["lost-machine"], help="what is lost")
    drill.add_argument("--seconds", type=count, default=8, metavar="N", help="of load before and after (default: 8)")


def _edge(commands: Commands) -> None:
    edge = _act(
        commands,
        "edge",
        "put throw-away machines before the network, which pass TLS on unread",
        "An edge is a small machine anywhere with HAProxy. Visitors come to it by the network's name; it passes their\n"
        "connections on by the name in the first message, and has no key to read them with. Any number of them come\n"
        "and go while the network runs. With edges_only in settings.toml nobody else is spoken to.",
    )
    acts = edge.add_subparsers(dest="act", required=True, metavar="ACT", title="acts")
    acts.add_parser("list", help="the edges, and how many connections each has passed on since the start")
    make = acts.add_parser("make", help="let a machine be an edge, or change it; prints its haproxy.cfg")
    make.add_argument("name", metavar="NAME", help="what to call it: letters, digits, hyphens")
    make.add_argument("--address", action="append", required=True, help="from which it reaches the origin; repeatable")
    make.add_argument(
        "--origin",
        action="append",
        required=True,
        metavar="ADDRESS:PORT",
        help="where the network is; then, repeated, where it will be when a standby is promoted",
    )
    make.add_argument("--listen", action="append", metavar="ADDRESS", help="its own addresses; default: all")
    make.add_argument("--http-01", action="store_true", help="pass on the certificate authority's questions, port 80")
    show = acts.add_parser("show", help="print its haproxy.cfg once more")
    show.add_argument("name", metavar="NAME", help="as `list` calls it")
    for each in (make, show):
        each.add_argument("--to", type=Path, metavar="FILE", help="write the haproxy.cfg there")
    remove = acts.add_parser("remove", help="believe it no more, from now on")
    remove.add_argument("name", metavar="NAME", help="as `list` calls it")
    push = acts.add_parser("push", help="install HAProxy with that configuration over there, or bring it up to date")
    push.add_argument("name", metavar="NAME", help="as `list` calls it")
    push.add_argument("address", metavar="ssh://USER@HOST[:PORT]", help="a Debian machine; root, or with sudo")
    tunnel = acts.add_parser("tunnel", help="make both ends of a WireGuard tunnel, by which the network calls an edge")
    tunnel.add_argument("name", metavar="NAME", help="what to call it: 8 letters, digits, hyphens at most")
    tunnel.add_argument("address", metavar="ADDRESS[:PORT]", help="the edge's, in the world (UDP; default: 51820)")
    tunnel.add_argument("--to", type=Path, required=True, metavar="FOLDER", help="where the two files are written")
    for here in (push, tunnel):
        here.set_defaults(acts=False)
    caa = acts.add_parser("caa", help="print the DNS records by which no edge gets a certificate for the name")
    caa.add_argument("--issuer", metavar="NAME", help="the authority's own name; default: Let's Encrypt's")


def _readiness(commands: Commands) -> None:
    _act(
        commands,
        "readiness",
        "say what the network depends on, and what stands ready if that is lost",
        "One line for each thing outside that can be lost: ✓ something takes its place, ! what to do, ✗ nothing does.\n"
        "Exit code 1 if there is a ✗.",
    )


def _settings(commands: Commands) -> None:
    options = _command(
        commands,
        "settings",
        "print every setting with its help and default, as a settings.toml",
        "To begin with: freehold settings > DIRECTORY/settings.toml",
    )
    options.add_argument("--markdown", action="store_true", help="as the table of docs/settings.md")
