"""`freehold domain`: where the network is reached, and its move to another name.

The move is in the truth before anything is moved: from then on every start is under the new name and finishes what is
left (`pds.relocation`). A running network moves its members while it serves them under the old name, and is then opened
anew under the new one, with the doors kept open.
"""

import argparse
import logging
from datetime import UTC, datetime
from urllib.parse import urlsplit

from freehold import settings as all_settings
from freehold.cli.terminal import Terminal
from freehold.pds.network import Bound, Move
from freehold.pds.relocation import is_local
from freehold.protocol.refused import InvalidRequest
from freehold.protocol.syntax import is_handle
from freehold.site import Site

logger = logging.getLogger(__name__)

WHAT_ENDS = """\
What is bound to the old name ends: everybody signs in again, in browsers, programs and apps. Passwords, recovery codes,
app passwords and codes from apps work at the new name at once; passkeys are made anew. Lost passwords are not reset by
mail until you allow it again (Settings → Look after the network)."""


async def act(site: Site, given: argparse.Namespace, terminal: Terminal) -> None:
    """Do what the words say."""
    if given.act == "show":
        show(site, terminal)
    else:
        await move(site, given, terminal)


# --- what there is


def show(site: Site, terminal: Terminal) -> None:
    """The names, and what the last move did."""
    choices = site.network.choices
    lines = [("at", choices.base_url), ("handles", f"NAME{choices.handle_domain}")]
    lines += [("before", name) for name in choices.former]
    lines += [("spare door", door) for door in site.settings.spare_doors]
    if is_unfinished(site):
        lines.append(("unfinished", f"freehold domain {site.directory} move {choices.domain}"))
    for name, what in lines:
        terminal.say(f"{name:<11} {what}")
    last = site.network.last_move
    if last is not None:
        report(last, terminal)


def report(move: Move, terminal: Terminal) -> None:
    """What a move did."""
    day = datetime.fromtimestamp(move.at / 1e6, UTC).date().isoformat()
    terminal.say(f"\n{move.moved} accounts moved from {move.was} to {move.now} on {day}. With the old name ended:")
    say_ended(move.browsers, move.programs, move.apps, move.passkeys, terminal)
    say_bound(move.bound, terminal)


def say_ended(browsers: int, programs: int, apps: int, passkeys: int, terminal: Terminal) -> None:
    """Numbers of what hung on a name."""
    for number, what in (
        (browsers, "sessions in browsers"),
        (programs, "sessions of programs"),
        (apps, "sessions of apps (OAuth)"),
        (passkeys, "passkeys, which are bound to it"),
    ):
        terminal.say(f"    {number:>7}  {what}")


def say_bound(bound: tuple[Bound, ...] | list[Bound], terminal: Terminal) -> None:
    """Who could not be moved whole."""
    for one in bound:
        terminal.say(f"! {one.handle} ({one.did}): {one.why}.")


def is_unfinished(site: Site) -> bool:
    """Was a move begun and not ended?"""
    choices = site.network.choices
    return bool(choices.domain) and urlsplit(choices.base_url).hostname != choices.domain


# --- another name


async def move(site: Site, given: argparse.Namespace, terminal: Terminal) -> None:
    """Move to `given.new`."""
    new = given.new.strip().lower().rstrip(".")
    assure_possible(site, new)
    if not (given.yes or (is_unfinished(site) and site.network.choices.domain == new)):
        await confirm(site, new, terminal)
    logger.info("the network moves to %s", new)
    ending = site.relocation.ending()
    await site.relocation.begin(new)
    if all_settings.load(site.directory).domain:
        all_settings.put(site.directory, "domain", new)
    walk = await site.relocation.move(
        f"https://{new}", f".{new}", lambda done, total: terminal.progress("accounts", done, total)
    )
    if site.served:
        site.open_anew()
    else:
        site.relocation.settle(f"https://{new}", f".{new}", new)
    terminal.say(f"{walk.done} accounts are at {new} now. With the old name end:")
    say_ended(ending.browsers, ending.programs, ending.apps, site.passkeys.count_beside(new), terminal)
    say_bound(walk.bound, terminal)
    terminal.say(f"The network {'is opened anew' if site.served else 'starts'} as https://{new}.")
    say_next(site, new, terminal)


def assure_possible(site: Site, new: str) -> None:
    """Raises InvalidRequest."""
    if not is_handle(new):
        raise InvalidRequest(f"“{new}” is not a domain name.")
    if site.place.dev:
        raise InvalidRequest("A network that runs with --dev is for this machine only. Run it without that first.")
    if site.place.base_url == f"https://{new}" and not is_unfinished(site):
        raise InvalidRequest(f"The network is at {new} already.")


async def confirm(site: Site, new: str, terminal: Terminal) -> None:
    """Say what happens, and let a person type the name. Raises InvalidRequest."""
    terminal.say(f"{site.accounts.count_all()} accounts move from {site.place.base_url} to https://{new}.\n{WHAT_ENDS}")
    if (await terminal.ask(f"Type {new} to go on: ")).strip().lower() != new:
        raise InvalidRequest("That is not the new name. Nothing was changed.")


def say_next(site: Site, new: str, terminal: Terminal) -> None:
    """What is left for the operator."""
    terminal.say(f"The DNS of {new} and *.{new} must lead here, and a proxy before it needs a certificate for both.")
    if not is_local(site.network.choices.base_url):
        terminal.say("While the old name leads here too, its pages lead to the new ones.")
    for edge in site.edges.all():
        terminal.say(
            f"The edge {edge.name} asks how this network is under the old name: bring it up to date while that is"
        )
        terminal.say(
            f"    served: freehold edge {site.directory} push {edge.name} ssh://… (or show, for its haproxy.cfg)"
        )
    terminal.say("If the service's own words say --domain, change them there too; a standby's settings.toml likewise.")
