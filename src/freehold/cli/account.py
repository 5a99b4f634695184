"""`freehold account`: the operator's hand on accounts."""

import argparse
from datetime import UTC, datetime

from freehold.cli.terminal import Terminal
from freehold.pds import invites
from freehold.pds.accounts import Account, AccountNotFound
from freehold.pds.membership import Application
from freehold.protocol.refused import InvalidRequest
from freehold.site import Site

PAGE = 500


async def act(site: Site, given: argparse.Namespace, terminal: Terminal) -> None:
    """Do what the words say."""
    match given.act:
        case "list":
            await show_all(site, terminal)
        case "invite":
            terminal.say(await site.truth.write(lambda tx: invites.make(tx, 0, given.uses)))
        case "create":
            handle = full_handle(site, given.handle)
            joined = await site.members.admit(Application(handle, await ask_password(terminal)), role="member")
            terminal.say(f"{joined.account.handle} is a member: {joined.account.did}")
        case _:
            await change(site, given, one(site, given.handle), terminal)


async def change(site: Site, given: argparse.Namespace, account: Account, terminal: Terminal) -> None:
    """An act on one account."""
    match given.act:
        case "password":
            await site.members.set_password(account, await ask_password(terminal))
            terminal.say(f"{account.handle} has a new password; all sessions have ended.")
        case "takedown":
            await site.members.take_down(account)
            undo = f"freehold account {given.directory} restore {account.handle}"
            terminal.say(f"{account.handle} is taken down. To undo: {undo}")
        case "restore":
            back = await site.members.put_back(account)
            terminal.say(f"{back.handle} {'is served again' if back.active else 'rests, by its own wish'}.")
        case "role":
            await site.truth.write(lambda tx: site.accounts.set_role(tx, account, given.role))
            terminal.say(f"{account.handle} is now {given.role}.")
        case "factors":
            if given.off:
                await site.second_factor.drop_all(account)
            terminal.say(factors(site, account))
        case "delete":
            await confirm(account, terminal)
            await site.members.delete(account)
            terminal.say(f"{account.handle} is erased.")


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


def factors(site: Site, account: Account) -> str:
    """What a sign-in asks for beside the password, and what else opens the account."""
    way = {
        "app": "asks for codes of an app",
        "mail": "asks for codes by e-mail",
        None: "asks for no codes",
    }[site.second_factor.of(account)]
    passkeys = len(site.passkeys.of(account))
    recovery = "a" if site.recovery.code_made_at(account) is not None else "no"
    return f"{account.handle} {way}; passkeys: {passkeys}; {recovery} recovery code."


async def show_all(site: Site, terminal: Terminal) -> None:
    """One line for each account: handle, role, status, since when, DID."""
    after = 0
    while page := site.accounts.page(after, PAGE):
        for account in page:
            since = datetime.fromtimestamp(account.created_at / 1e6, UTC).date()
            state = f"{account.role:<10} {account.status or 'active':<12}"
            terminal.say(f"{account.handle:<32} {state} {since}  {account.did}")
        after = page[-1].id
        await terminal.drain()


async def ask_password(terminal: Terminal) -> str:
    """Typed twice at a terminal, or one line of standard input."""
    return await terminal.ask_secret("Password: ", twice=True)


async def confirm(account: Account, terminal: Terminal) -> None:
    """Erasing cannot be undone: the handle must be typed."""
    if terminal.interactive and (await terminal.ask(f"Type {account.handle} to erase it for ever: ")) != account.handle:
        raise InvalidRequest("That was not the handle. Nothing was changed.")
