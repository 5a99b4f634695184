"""All that is here of an account, as one file: repository, blobs, private settings, and a page that says what is what.

In comes an account; out comes a ZIP file piece by piece, in bounded memory: nothing is put together on disk but the
repository's export. ZIP, not tar, because it opens with a click on every computer and phone. Nothing is packed, for
pictures are already; so the pieces go out as fast as they are read. Passwords and keys are not in it.
Source: the format is https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT; `backup` reads it again
"""

import mimetypes
import time
from collections.abc import AsyncIterable, AsyncIterator, Callable
from io import RawIOBase
from typing import Any
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

import msgspec

from freehold.identity.resolver import Identity
from freehold.pds import app_passwords, kept, private
from freehold.pds.accounts import Account, Accounts
from freehold.pds.backup import BLOBS, PRIVATE, REPOSITORY
from freehold.pds.blobs import BlobNotFound, Blobs, Stored
from freehold.pds.exports import Exports
from freehold.pds.oauth import grants
from freehold.protocol.refused import Refused
from freehold.protocol.syntax import format_datetime
from freehold.store.database import Database

README, IDENTITY, LIST = "README.txt", "identity.json", "blobs.json"
PAGE = 500
NOT_AT_ALL = 0
"""How much is packed."""

ABOUT = """\
The archive of @{handle}
{did}
made on {day} at {host}

README.txt        this page
repository.car    everything that you published: posts, likes, follows, profile; signed, so that anyone can prove it
                  to be yours and complete. Tools of the AT Protocol read it
blobs/            your pictures and other files, each under its CID, the name by which your posts know it
blobs.json        a list of them: CID, type, size in bytes, file name
private.json      what only you could see: preferences, whom you muted, what you saved and drafted, whose posts you
                  want to be told of, your e-mail address, the names of your app passwords and of the apps that you
                  let in. No password and no key is in here
identity.json     your identity as the world sees it: which host you are at, and the key that signs for you

Keep it with your recovery key. With both you can move to any other host of the AT Protocol, also when this one is
gone or does not let you. At a host that runs Freehold, its operator says:

    freehold account DIRECTORY move-in NAME --backup THIS-FILE --recovery-key KEY-FILE
"""


class _Sink(RawIOBase):
    """What the ZIP writer writes to: keeps the bytes until they are taken."""

    def __init__(self) -> None:
        self._waiting = bytearray()

    def writable(self) -> bool:
        """See io."""
        return True

    def write(self, data: Any) -> int:
        """See io."""
        self._waiting += data
        return len(data)

    def taken(self) -> bytes:
        """What was written since the last time."""
        data = bytes(self._waiting)
        self._waiting.clear()
        return data


class Archives:
    """Puts archives of one network's accounts together. host: what the network is called in them."""

    def __init__(
        self,
        truth: Database,
        accounts: Accounts,
        exports: Exports,
        blobs: Blobs,
        identity: Identity,
        host: str,
        clock: Callable[[], int],
    ) -> None:
        self._truth = truth
        self._accounts = accounts
        self._exports = exports
        self._blobs = blobs
        self._identity = identity
        self._host = host
        self._clock = clock

    async def of(self, account: Account) -> AsyncIterator[bytes]:
        """The archive, piece by piece. Settings and blobs are those of this moment, the repository of one commit."""
        sink = _Sink()
        with ZipFile(sink, "w", ZIP_DEFLATED, compresslevel=NOT_AT_ALL) as file:
            texts = {README: self._readme(account).encode(), PRIVATE: _json(self._private(account))}
            texts[IDENTITY] = _json(await self._identity_of(account))
            for name, data in texts.items():
                file.writestr(self._named(name), data)
                yield sink.taken()
            async for piece in self._entry(file, sink, REPOSITORY, await self._exports.repo(account)):
                yield piece
            listed = []
            async for stored in self._blobs_of(account):
                name = file_name(stored)
                async for piece in self._entry(file, sink, BLOBS + name, self._blobs.read(stored)):
                    yield piece
                listed.append({"cid": str(stored.cid), "type": stored.mime, "size": stored.size, "file": name})
            file.writestr(self._named(LIST), _json(listed))
        yield sink.taken()

    async def _entry(self, file: ZipFile, sink: _Sink, name: str, pieces: AsyncIterable[bytes]) -> AsyncIterator[bytes]:
        """One file of the archive. force_zip64: nobody knows yet how long it gets."""
        with file.open(self._named(name), "w", force_zip64=True) as entry:
            async for piece in pieces:
                entry.write(piece)
                yield sink.taken()

    def _named(self, name: str) -> ZipInfo:
        info = ZipInfo(name, time.gmtime(self._clock() / 1e6)[:6])
        info.compress_type = ZIP_DEFLATED
        info._compresslevel = NOT_AT_ALL  # type: ignore[attr-defined]  # public from Python 3.13 on
        info.external_attr = 0o600 << 16
        return info

    async def _blobs_of(self, account: Account) -> AsyncIterator[Stored]:
        cursor: str | None = None
        while page := self._blobs.listed(account.id, None, cursor, PAGE):
            for cid in page:
                try:
                    yield self._blobs.find(account.id, cid)
                except BlobNotFound:  # deleted meanwhile
                    continue
            cursor = str(page[-1])

    def _readme(self, account: Account) -> str:
        day = format_datetime(self._clock())[:10]
        return ABOUT.format(handle=account.handle, did=account.did, day=day, host=self._host).replace("\n", "\r\n")

    async def _identity_of(self, account: Account) -> dict[str, Any]:
        try:
            return await self._identity.did_json(account.did)
        except Refused:  # whoever keeps it does not answer; the rest is worth having
            return {"id": account.did}

    def _private(self, account: Account) -> dict[str, Any]:
        with self._truth.reading() as tx:
            language, theme = private.page_setting(tx, account.id)
            return {
                "did": account.did,
                "handle": account.handle,
                "joinedAt": format_datetime(account.created_at),
                "email": self._accounts.mail_of(account),
                "preferences": private.preferences(tx, self._accounts.seal, account),
                "mutes": [subject for subject, _ in private.mutes(tx, self._accounts.seal, account.id)],
                "kept": kept.for_archive(tx, self._accounts.seal, account.id),
                "pages": {"language": language, "theme": theme},
                "appPasswords": [
                    {"name": one.name, "privileged": one.privileged, "createdAt": format_datetime(one.created_at)}
                    for one in app_passwords.of_account(tx, account.id)
                ],
                "apps": [
                    {"name": one.client_name, "id": one.client_id, "scope": one.scope,
                     "since": format_datetime(one.created_at)}
                    for one in grants.sessions_of(tx, account.id, tx.now)
                ],
            }  # fmt: skip


def file_name(stored: Stored) -> str:
    """A blob's CID with the ending that its type has."""
    return f"{stored.cid}{mimetypes.guess_extension(stored.mime, strict=False) or ''}"


def _json(value: object) -> bytes:
    return msgspec.json.format(msgspec.json.encode(value), indent=2)
