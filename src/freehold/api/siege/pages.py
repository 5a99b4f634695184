"""Public pages kept in memory while there is a siege: what anybody may see costs next to nothing then.

A page is made for nobody: the request that it is made by has no cookie, so nothing of a member's can be on it, and one
that came out with a form is not kept. It is shown for half a minute, after that it is made anew as soon as there is
room, and never shown when it is older than `STALE_SECONDS`. Before anything is shown the streams are read as far as
they go: what somebody wrote, changed or deleted drops every page that names them, and a takedown or a change of any
account drops all. So what was deleted is shown no more from the moment of the "yes".
"""

import re
from collections import OrderedDict
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from isal import igzip

from freehold.site import Site

FRESH_SECONDS = 30.0
STALE_SECONDS = 600.0
MOST_PAGES = 1_000
MOST_BYTES = 64_000_000
FEW_EVENTS = 200
"""Behind more than so many, everything is dropped instead of reading what each was about."""
QUIET = {"mute", "seen", "preference", "report"}
"""Private events that change nothing on a public page."""
EVERYBODYS = rb"/|/about|/busy|/@[^/?%]{1,300}(?:/p/[^/?%]{1,100})?"
_FILE = rb"static/[a-z0-9._-]{1,60}|brand\.css|icon[a-z0-9.-]{0,20}|manifest\.webmanifest|sw\.js"
FILES = rb"/(?:%s)(?:\?v=[0-9a-f]{1,20})?" % _FILE
_KEPT = re.compile(rb"(?:%s|%s)" % (EVERYBODYS, FILES))
_LINKED = re.compile(rb'(?:href|src|data-worker)="(%s)"' % FILES)
_NAMED = re.compile(rb"/@([A-Za-z0-9.:-]+)")
_OWN = (b"set-cookie", b"content-length", b"cache-control", b"transfer-encoding", b"connection", b"vary")
_FORM = b'name="token"'
_EVERYBODYS = ((b"cache-control", b"no-cache"), (b"vary", b"cookie, accept-language, accept-encoding"))
_SENT_ON = (b"host", b"x-forwarded-for", b"x-forwarded-proto")
"""Headers by which a page is made: which network, and what our own proxies say of the way there."""

Scope = MutableMapping[str, Any]
App = Callable[[Scope, Any, Any], Awaitable[None]]


class Kept:
    """One page. headers: but for those of its length. at: when it was made, on the clock that does not go back."""

    __slots__ = ("_head", "at", "headers", "named", "packed", "plain")

    def __init__(self, headers: list[tuple[bytes, bytes]], body: bytes, at: float) -> None:
        kind = dict(headers).get(b"content-type", b"")
        text = kind.startswith(b"text/") or b"json" in kind or b"svg" in kind
        self.headers = [*(pair for pair in headers if pair[0] not in _OWN), *_EVERYBODYS]
        self._head = b"".join(name + b": " + value + b"\r\n" for name, value in self.headers)
        self.plain, self.packed = body, igzip.compress(body, compresslevel=2) if text else b""
        self.named, self.at = frozenset(_NAMED.findall(body)), at

    def __len__(self) -> int:
        return len(self.plain) + len(self.packed)

    def answer(self, status: bytes, packed: bool, now: float, more: bytes = b"") -> bytes:
        """The whole answer. status: `200 OK`. packed: the reader takes gzip."""
        body = self.plain
        if packed and self.packed:
            body, more = self.packed, more + b"content-encoding: gzip\r\n"
        ends = b"age: %d\r\ncontent-length: %d\r\n\r\n" % (now - self.at, len(body))
        return b"".join([b"HTTP/1.1 ", status, b"\r\n", self._head, more, ends, body])

    def links(self) -> list[bytes]:
        """The files that it needs."""
        return sorted(set(_LINKED.findall(self.plain)))


class PublicPages:
    """The kept pages of one network."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._kept: OrderedDict[tuple[bytes, str], Kept] = OrderedDict()
        self._bytes = 0
        self._at = self._newest()

    def __len__(self) -> int:
        return len(self._kept)

    @staticmethod
    def may_keep(target: bytes) -> bool:
        """Is this the address of a public page, or of a file that one needs? target: path and query, not decoded."""
        return _KEPT.fullmatch(target) is not None

    def find(self, target: bytes, language: str, now: float) -> Kept | None:
        """The page, if it may be shown."""
        self._read_on()
        kept = self._kept.get((target, language))
        return kept if kept is not None and now - kept.at < STALE_SECONDS else None

    async def make(self, app: App, scope: Scope, target: bytes, language: str, now: float) -> tuple[int, Kept]:
        """Let `app` make the page for nobody; its status, and what it is. Kept when it may be shown to everybody.

        scope: of the request that asks, whose address pays for it.
        """
        await self._site.caught_up()
        await self._site.private_caught_up()
        self._read_on()
        before, shows_all = self._at, self._is_caught_up()
        status, headers, body = await _answer(app, _for_nobody(scope, target, language))
        page = Kept(headers, body, now)
        self._read_on()
        if status == 200 and shows_all and self._at == before and _FORM not in body:
            self._keep((target, language), page)
        return status, page

    def drop(self) -> None:
        """Forget all."""
        self._kept.clear()
        self._bytes = 0

    def _keep(self, key: tuple[bytes, str], page: Kept) -> None:
        self._bytes += len(page) - len(self._kept.pop(key, b""))
        self._kept[key] = page
        while len(self._kept) > MOST_PAGES or self._bytes > MOST_BYTES:
            self._bytes -= len(self._kept.popitem(last=False)[1])

    # --- what was deleted

    def _newest(self) -> tuple[int, int]:
        return self._site.log.last, self._site.log.last_private

    def _is_caught_up(self) -> bool:
        """Does the index show all that was read of the streams? Without views nothing is shown of them."""
        index = self._site.index
        return self._site.settings.host_only or (index.seq >= self._at[0] and index.private_seq >= self._at[1])

    def _read_on(self) -> None:
        """Drop what the events since the last look are about."""
        after, newest = self._at, self._newest()
        if after == newest:
            return
        self._at = newest
        if sum(newest) - sum(after) > FEW_EVENTS or not self._kept:
            self.drop()
            return
        for event in self._site.log.read(after[0]):
            if event.kind not in ("commit", "sync") or not self._drop_naming(event.did):
                self.drop()
        if any(private.kind not in QUIET for private in self._site.log.read_private(after[1])):
            self.drop()

    def _drop_naming(self, did: str) -> bool:
        """Drop the pages that name this account; False where it is not known by a name."""
        account = self._site.accounts.find(did)
        if account is None:
            return False
        short = account.handle.removesuffix(self._site.place.handle_domain)
        names = {did.encode(), account.handle.encode(), short.encode()}
        for key in [key for key, page in self._kept.items() if not names.isdisjoint(page.named)]:
            self._bytes -= len(self._kept.pop(key))
        return True


def _for_nobody(scope: Scope, target: bytes, language: str) -> Scope:
    """The same request as somebody would make it who has no cookies and says nothing of themselves."""
    path, _, query = target.partition(b"?")
    headers = [pair for pair in scope["headers"] if pair[0] in _SENT_ON]
    headers += [(b"accept-language", language.encode()), (b"accept", b"text/html")]
    made = {**scope, "method": "GET", "headers": headers, "query_string": query, "raw_path": path}
    made["path"] = path.decode("latin-1")
    made.pop("state", None)
    return made


async def _answer(app: App, scope: Scope) -> tuple[int, list[tuple[bytes, bytes]], bytes]:
    """What the application answers to a request without a body."""
    status, headers, pieces = 500, [], []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: MutableMapping[str, Any]) -> None:
        nonlocal status, headers
        if message["type"] == "http.response.start":
            status, headers = message["status"], [(name.lower(), value) for name, value in message["headers"]]
        else:
            pieces.append(message.get("body", b""))

    await app(scope, receive, send)
    return status, headers, b"".join(pieces)
