"""`freehold account DIRECTORY move-in` and `move-out`: accounts that come from other hosts, and that leave for them."""

import argparse
import tempfile
from collections.abc import AsyncIterable, AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import BinaryIO, cast

from freehold.cli.account import full_handle, one
from freehold.cli.terminal import FileTrouble, Terminal
from freehold.pds import recovery_keys
from freehold.pds.accounts import Account
from freehold.pds.backup import Backup
from freehold.pds.membership import Application
from freehold.pds.moves import STEPS
from freehold.pds.moving_out import KEPT_DAYS, Wanted, whole_handle
from freehold.pds.moving_over import Asking
from freehold.pds.other_host import OtherHost, OtherSide, origin_of
from freehold.protocol.cid import Cid
from freehold.protocol.refused import InvalidRequest
from freehold.site import Site

SECOND_FACTOR = "AuthFactorTokenRequired"


async def act(site: Site, given: argparse.Namespace, terminal: Terminal) -> None:
    """Do what the words say."""
    if given.act == "move-out":
        await move_out(site, given, terminal)
    elif given.old and not (given.backup or given.recovery_key):
        await move_over(site, given, terminal)
    elif given.backup and given.recovery_key and not given.old:
        await rescue(site, given, terminal)
    else:
        raise InvalidRequest("Say either --from URL, or both --backup FILE and --recovery-key FILE.")


# --- in, from a host that is gone


async def rescue(site: Site, given: argparse.Namespace, terminal: Terminal) -> None:
    """Bring an account here by its backup and its holder's own key."""
    key = recovery_keys.key_of(b"".join([piece async for piece in terminal.read_file(given.recovery_key)]).decode())
    with tempfile.TemporaryFile(dir=site.directory) as spool:
        async for piece in terminal.read_file(given.backup):
            spool.write(piece)
        backup = Backup(cast("BinaryIO", spool))
        waiting = await site.rescue.examine(backup, key)
        elsewhere = _Folder(given.blobs, terminal).blob if given.blobs else None
        application = await _application(site, given.handle, waiting, terminal)
        done = await site.rescue.bring(backup, key, application, elsewhere, terminal.progress)
    _say_here(terminal, done.account, done.records, done.lacking)
    terminal.say("Its holder's own key stays above all others. Put the file with the key back where it is safe.")


class _Folder:
    """Blobs in a folder of whoever typed the command, each under its CID."""

    def __init__(self, path: Path, terminal: Terminal) -> None:
        self._path, self._terminal = path, terminal

    @asynccontextmanager
    async def blob(self, cid: Cid) -> AsyncIterator[AsyncIterable[bytes] | None]:
        """The file's bytes; None if there is none."""
        pieces = self._terminal.read_file(self._path / str(cid))
        try:
            first = await anext(pieces, b"")
        except FileTrouble:
            yield None
            return
        yield _again(first, pieces)


async def _again(first: bytes, rest: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    yield first
    async for piece in rest:
        yield piece


# --- in, from a host that is alive


async def move_over(site: Site, given: argparse.Namespace, terminal: Terminal) -> None:
    """Bring an account here from where it lives."""
    old = OtherHost(site.client, given.old)
    did = await _sign_in(old, terminal)
    waiting = await site.moving_over.prove(did, old)
    application = await _application(site, given.handle, waiting, terminal)

    async def code() -> str:
        return await terminal.ask(f"The code that {old.name} sends by e-mail now (if it sends none: the password): ")

    async def mine(key: str) -> bool:
        terminal.say(f"The identity names a key that {old.name} does not call its own: {key}")
        return (await terminal.ask("Is it the holder's own, and shall it stay? (yes or no) ")).strip().lower() == "yes"

    done = await site.moving_over.bring(did, old, application, Asking(code, mine), terminal.progress)
    _say_here(terminal, done.account, done.records, done.lacking)
    terminal.say(f"At {old.name} the account is deactivated. Delete it there when all is as it should be here.")


async def _sign_in(old: OtherHost, terminal: Terminal) -> str:
    name = (await terminal.ask(f"Handle, DID or e-mail address at {old.name}: ")).strip()
    password = await terminal.ask_secret(f"Password at {old.name}: ")
    try:
        return await old.sign_in(name, password)
    except OtherSide as refused:
        if refused.name != SECOND_FACTOR:
            raise
    return await old.sign_in(name, password, (await terminal.ask("The code of the second factor: ")).strip())


async def _application(site: Site, handle: str, waiting: Account | None, terminal: Terminal) -> Application:
    """Handle and password here; neither is asked for an account that waits here from an earlier try."""
    if waiting is not None:
        terminal.say(f"{waiting.handle} waits here from an earlier try; it goes on.")
        return Application(waiting.handle, "")
    password = await terminal.ask_secret("A password for the account here: ", twice=True)
    return Application(full_handle(site, handle), password)


def _say_here(terminal: Terminal, account: Account, records: int, lacking: int) -> None:
    terminal.say(f"{account.handle} lives here now, with {records} records: {account.did}")
    if lacking:
        terminal.say(
            f"{lacking} pictures or other files that they name could not be had. Upload those that turn up with"
            " com.atproto.repo.uploadBlob: they find their places."
        )


# --- out


async def move_out(site: Site, given: argparse.Namespace, terminal: Terminal) -> None:
    """Take an account to another host."""
    account = one(site, given.handle)
    move = site.moving_out.state(account)
    refused = move is not None and move.step == STEPS[0] and move.failure is not None
    if move is None or move.over or refused or move.host != origin_of(given.new):
        wanted = await _wanted(site, account, given.new, terminal)
        move = await site.moving_out.begin(account, wanted, background=False)
    else:
        terminal.say(f"{account.handle} is on its way to {move.host} already; it goes on.")
    await site.moving_out.advance(account, terminal.progress)
    terminal.say(f"{account.did} lives at {move.host} now, as {move.handle}.")
    terminal.say(
        f"Here {account.handle} is deactivated: nobody sees it. Its records, pictures and settings stay for {KEPT_DAYS}"
        " days, should something be amiss, and are then deleted. To delete them now: freehold account"
        f" {given.directory} delete {account.handle}"
    )


async def _wanted(site: Site, account: Account, host: str, terminal: Terminal) -> Wanted:
    """What the new host wants to know."""
    described = await site.moving_out.look(host)
    first = account.handle.removesuffix(site.place.handle_domain)
    suggested = whole_handle(first, described)
    handle = (await terminal.ask(f"Handle there ({suggested}): ")).strip() or suggested
    mail = (await terminal.ask("E-mail address there (may be empty if that host asks for none): ")).strip()
    invite = (await terminal.ask("Invite code: ")).strip() if described.invite_required else ""
    password = await terminal.ask_secret("A password for the account there: ", twice=True)
    return Wanted(host, handle, mail, password, invite)
