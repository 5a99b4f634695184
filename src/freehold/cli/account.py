"""`freehold account`: the operator's hand on accounts."""

import argparse
import asyncio
import getpass
import sys
from datetime import UTC, datetime

from freehold.cli.opening import opened
from freehold.pds import invites
from freehold.pds.accounts import Account, AccountNotFound
from freehold.pds.membership import Application
from freehold.protocol.refused import InvalidRequest
from freehold.site import Site

PAGE = 500


def main(given: argparse.Namespace) -> None:
    """Do one act. The network must not be running meanwhile."""
    with opened(given.directory) as site:
        if given.act == "list":
            show_all(site)
        elif given.act == "invite":
            print(site.truth.write_sync(lambda tx: invites.make(tx, 0, given.uses)))
        else:
            asyncio.run(act(site, given))


async def act(site: Site, given: argparse.Namespace) -> None:
    """An act on one account."""
    if given.act == "create":
        handle = full_handle(site, given.handle)
        joined = await site.members.admit(Application(handle, ask_password()), role="member")
        print(f"{joined.account.handle} is a member: {joined.account.did}")
        return
    account = one(site, given.handle)
    match given.act:
        case "password":
            await site.members.set_password(account, ask_password())
            print(f"{account.handle} has a new password; all sessions have ended.")
        case "takedown":
            await site.members.set_status(account, "takendown")
            print(
                f"{account.handle} is taken down. To undo: freehold account {given.directory} restore {account.handle}"
            )
        case "restore":
            await site.members.set_status(account, None)
            print(f"{account.handle} is served again.")
        case "role":
            await site.truth.write(lambda tx: site.accounts.set_role(tx, account, given.role))
            print(f"{account.handle} is now {given.role}.")
        case "delete":
            confirm(account)
            await site.members.delete(account)
            print(f"{account.handle} is erased.")


def one(site: Site, name: str) -> Account:
    """The account of a member, by handle (its first part is enough) or DID. Raises AccountNotFound."""
    whole = full_handle(site, name)
    account = site.accounts.find(whole)
    if account is None:
        say = f"There is no account {whole} here. To see who is: freehold account {site.directory} list"
        raise AccountNotFound(say)
    if account.role == "service":
        raise InvalidRequest("That account belongs to the network itself.")
    return account


def full_handle(site: Site, name: str) -> str:
    """The whole handle for its first part."""
    return name if name.startswith("did:") or "." in name else f"{name}{site.place.handle_domain}"


def show_all(site: Site) -> None:
    """One line for each account: handle, role, status, since when, DID."""
    after = 0
    while page := site.accounts.page(after, PAGE):
        for account in page:
            since = datetime.fromtimestamp(account.created_at / 1e6, UTC).date()
            print(f"{account.handle:<32} {account.role:<10} {account.status or 'active':<12} {since}  {account.did}")
        after = page[-1].id


def ask_password() -> str:
    """Typed twice at a terminal, or one line of standard input."""
    if not sys.stdin.isatty():
        return sys.stdin.readline().rstrip("\n")
    password = getpass.getpass("Password: ")
    if getpass.getpass("Again: ") != password:
        raise InvalidRequest("The two were not the same. Nothing was changed.")
    return password


def confirm(account: Account) -> None:
    """Erasing cannot be undone: the handle must be typed."""
    if sys.stdin.isatty() and input(f"Type {account.handle} to erase it for ever: ").strip() != account.handle:
        raise InvalidRequest("That was not the handle. Nothing was changed.")
