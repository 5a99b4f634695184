"""The `freehold` command.

What all commands have in common is here, and their list. Their words are read by `words`; each command itself lives in
a module of its own, which is imported when it is asked for, so that `--help` is quick. A command is either a
`main(given)` of its own, or an act (see `acting`) that runs in the network's process while that runs.
"""

import argparse
import os
import sys
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import NoReturn

from freehold import __version__
from freehold.cli.words import (
    accounts,
    archives,
    care,
    edges,
    feeds,
    identity,
    machine,
    moderating,
    network,
    outside,
    planning,
    running,
    standby,
)
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

MISUSED, INTERRUPTED = 2, 130
COMMANDS = (
    running.run,
    running.demo,
    accounts.account,
    moderating.queue,
    accounts.take_in,
    accounts.export,
    moderating.label,
    moderating.takedown,
    moderating.verifier,
    feeds.feeds,
    identity.keys,
    identity.trustees,
    identity.domain,
    identity.beacon,
    care.rebuild,
    care.doctor,
    network.network,
    standby.standby,
    archives.archive,
    archives.purge,
    archives.restore,
    standby.witness,
    standby.aside,
    standby.offer,
    edges.edge,
    outside.outside,
    care.drill,
    care.readiness,
    planning.plan,
    machine.install,
    machine.upgrade,
    machine.uninstall,
    machine.claim,
    running.settings,
)
"""In the order in which `--help` lists them."""


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
    for add in COMMANDS:
        add(commands)
    return top
