"""`freehold outside`: what other hosts' accounts say, taken in."""

import argparse

from freehold.cli.label import subject
from freehold.cli.terminal import Terminal
from freehold.outside import sources
from freehold.outside.labelers import Standing as Labeler
from freehold.outside.outside import Standing
from freehold.outside.sources import Source
from freehold.protocol.refused import InvalidRequest, Refused
from freehold.protocol.syntax import is_did, parse_at_uri
from freehold.site import Site


class NothingIsRead(Refused):
    """The network shows nothing itself."""

    kind, name = "conflict", "NothingIsRead"
    say = "This network only hosts accounts (host_only): what is read comes from elsewhere, and takes in others there."


async def act(site: Site, given: argparse.Namespace, terminal: Terminal) -> None:
    """Do what the words say. Raises NothingIsRead."""
    if site.settings.host_only:
        raise NothingIsRead
    match given.act:
        case "list":
            show_all(site, terminal)
        case "add":
            await add(site, _named(site, given), terminal)
        case "drop":
            await drop(site, site.outside.sources.one(_named(site, given).url), terminal)
        case "backfill":
            await backfill(site, site.outside.sources.one(_named(site, given).url), terminal)
        case "label":
            await label(site, given, terminal)
        case "hide":
            await hide(site, given, terminal)


def _named(site: Site, given: argparse.Namespace) -> Source:
    return sources.read(given.address, relay=getattr(given, "relay", False), plain=site.place.local)


def show_all(site: Site, terminal: Terminal) -> None:
    """Some lines for each."""
    standing = site.outside.standing()
    for one in standing:
        show(one, terminal)
    for labeler in site.outside.labelers.standing():
        show_labeler(labeler, terminal)
    fetcher = site.outside.fetcher
    if standing:
        terminal.say(f"Fetched whole since the start: {fetcher.repositories} repositories, {fetcher.records} records.")
    else:
        terminal.say("This network listens to nobody outside: it shows what its own members say.")


def show(one: Standing, terminal: Terminal) -> None:
    """How it is with a source."""
    kind = "relay" if one.source.relay else "host"
    accounts = one.accounts
    terminal.say(f"{one.source.url} ({kind}): {one.state}")
    waiting = f"{accounts.wanted} to be fetched" + (f" ({accounts.failed} after a failure)" if accounts.failed else "")
    listed = "all listed" if one.listed else "the listing goes on"
    terminal.say(f"    accounts: {accounts.held} here, {waiting}, {accounts.inactive} not active; {listed}")
    terminal.say(f"    commits taken in since the start: {one.commits}; newest message: {one.cursor or 'none'}")
    if one.dropped:
        why = ", ".join(f"{reason} {count}" for reason, count in sorted(one.dropped.items()))
        terminal.say(f"    not taken in: {why}")


def show_labeler(one: Labeler, terminal: Terminal) -> None:
    """How it is with a labeler."""
    terminal.say(f"{one.did} (labeler): {one.state}; {one.labels} of its labels hold")
    if one.dropped:
        why = ", ".join(f"{reason} {count}" for reason, count in sorted(one.dropped.items()))
        terminal.say(f"    not taken in: {why}")


async def label(site: Site, given: argparse.Namespace, terminal: Terminal) -> None:
    """Listen to a labeler of another network, whoever subscribes to it; or only while members do."""
    labelers = site.outside.labelers
    who = await site.identity.who(given.labeler)
    if given.undo:
        named = await labelers.unname(who.did)
        terminal.say(f"{who.did} is listened to only while members subscribe to it." if named else "It was not named.")
        return
    await labelers.name(who.did)
    terminal.say(f"What {who.did} says is taken in, and shown to those who listen to it.")
    if not site.outside.sources.all():
        terminal.say("That begins with the first host or relay that this network listens to: freehold outside … add")


async def add(site: Site, source: Source, terminal: Terminal) -> None:
    """Listen to it."""
    await site.outside.add(source)
    what = "all that it passes on" if source.relay else "all accounts that live there"
    terminal.say(f"{source.url} is listened to from now on; {what} will be fetched and shown here.")
    terminal.say(f"How far that is: freehold outside {site.directory} list")


async def drop(site: Site, source: Source, terminal: Terminal) -> None:
    """Listen to it no more, and forget what it said."""
    total = sum(sum(one.accounts[:2]) for one in site.outside.standing() if one.source == source)
    await site.outside.drop(source, lambda gone: terminal.progress("accounts", gone, total))
    terminal.say(f"{source.url} is not listened to any more, and nothing of its accounts is left here.")


async def backfill(site: Site, source: Source, terminal: Terminal) -> None:
    """Go through its list once more."""
    await site.outside.list_again(source)
    terminal.say(f"The list of {source.url} is gone through again; what is missing here will be fetched.")


async def hide(site: Site, given: argparse.Namespace, terminal: Terminal) -> None:
    """Show nobody here an account or record of another host. Raises InvalidRequest for one of ours."""
    uri = subject(site, given.subject)
    at = parse_at_uri(uri if uri.startswith("at://") else f"at://{uri}")
    if not is_did(at.authority) or site.accounts.find(at.authority) is not None:
        raise InvalidRequest("That is of this network itself: use freehold takedown, or freehold account … takedown.")
    path = f"{at.collection}/{at.rkey}" if at.collection and at.rkey else None
    await site.hide_outside(at.authority, path, not given.undo)
    terminal.say(f"{uri} is {'shown again once it was fetched' if given.undo else 'shown to nobody here any more'}.")
