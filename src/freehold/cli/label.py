"""`freehold label`: what the network's labeler says of an account or a record."""

import argparse
from datetime import UTC, datetime

from freehold.cli.account import full_handle
from freehold.cli.terminal import Terminal
from freehold.protocol.refused import InvalidRequest
from freehold.protocol.syntax import is_did, parse_at_uri
from freehold.site import Site

MICROS = 1_000_000


async def act(site: Site, given: argparse.Namespace, terminal: Terminal) -> None:
    """Put the label, or take it back."""
    uri, labels = subject(site, given.subject), site.labels
    if given.undo:
        await site.write_private(lambda tx: labels.take_back(tx, uri, given.value))
        terminal.say(f"{uri} is no longer labelled {given.value}.")
        return
    until = moment(given.until) if given.until else None
    label = await site.write_private(lambda tx: labels.put(tx, uri, given.value, until=until))
    terminal.say(f"{uri} is labelled {label.val}" + (f" until {label.exp}." if label.exp else "."))


def subject(site: Site, text: str) -> str:
    """A DID, or an at-uri with one: of an account by handle or DID, or of a record. Raises InvalidSyntax for an at-uri
    that is none, InvalidRequest for a handle that nobody here has."""
    if not text.startswith("at://"):
        return did_of(site, text)
    at = parse_at_uri(text)
    did = did_of(site, at.authority)
    return f"at://{did}/{at.collection}/{at.rkey}" if at.collection and at.rkey else did


def did_of(site: Site, name: str) -> str:
    """Whose name it is. DIDs of other hosts are taken as they are."""
    if is_did(name):
        return name
    account = site.accounts.find(full_handle(site, name))
    if account is None:
        raise InvalidRequest(f"Nobody here is called {name}. Accounts of other hosts are labelled by their DID.")
    return account.did


def moment(text: str) -> int:
    """A day (its beginning, UTC) or a date and time (of UTC if it names no zone), as micros since 1970 UTC."""
    try:
        when = datetime.fromisoformat(text)
    except ValueError:
        raise InvalidRequest(f"{text} is no date: write 2026-12-31 or 2026-12-31T18:00Z.") from None
    return int((when if when.tzinfo else when.replace(tzinfo=UTC)).timestamp() * MICROS)
