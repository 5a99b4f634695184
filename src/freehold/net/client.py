"""The one HTTP client: guarded addresses, a limit on the time of the whole exchange and on the size of its answer.

In come URLs from strangers; out come an `Answer` or a refusal from net.errors or net.guard. Redirects are followed by
`get` alone, each through the same checks. A slow drip of bytes ends at the same time limit as silence.
"""

import asyncio
import ssl
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import SplitResult, quote, urljoin, urlsplit

import msgspec

from freehold import __version__
from freehold.net.body import bounded
from freehold.net.errors import BadUrl, UnexpectedStatus, UpstreamFailed, UpstreamTooSlow
from freehold.net.guard import Guard
from freehold.protocol.unreadable import UNREADABLE

if TYPE_CHECKING:
    import httpcore

SECONDS = 5.0
MAX_BYTES = 1_000_000
REDIRECTS = (301, 302, 303, 307, 308)
LONGEST_URL = 8_192


@dataclass(frozen=True, slots=True)
class Answer:
    """What another server said. url: the one that answered in the end. headers: names in lower case."""

    url: str
    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> object:
        """The body read as JSON. Raises UpstreamFailed."""
        try:
            parsed: object = msgspec.json.decode(self.body)
        except UNREADABLE as error:
            raise UpstreamFailed(url=self.url, json=str(error)) from None
        return parsed


@dataclass(frozen=True, slots=True)
class Stream:
    """An answer whose body arrives in pieces."""

    url: str
    status: int
    headers: Mapping[str, str]
    chunks: AsyncIterator[bytes]


class Client:
    """Requests to other hosts, for one event loop. Plain http is only for this machine itself, in development.

    context: the TLS settings; by default the system's and Mozilla's authorities.
    """

    def __init__(self, guard: Guard, *, context: ssl.SSLContext | None = None, from_address: str | None = None) -> None:
        """from_address: which of this machine's own addresses it speaks from."""
        self.guard = guard
        self._context, self._from_address = context, from_address
        self._pool: httpcore.AsyncConnectionPool | None = None

    async def get(
        self,
        url: str,
        *,
        accept: str = "*/*",
        max_bytes: int = MAX_BYTES,
        seconds: float = SECONDS,
        redirects: int = 0,
        plain_http: bool = False,
    ) -> Answer:
        """GET, following up to `redirects` redirects; any status is answered. plain_http: take http:// too."""
        async with _within(seconds, url):
            for left in range(redirects, -1, -1):
                answer = await self._once("GET", url, {"accept": accept}, None, max_bytes, plain_http)
                target = answer.headers.get("location")
                if answer.status not in REDIRECTS or target is None or not redirects:
                    return answer
                if not left:
                    break
                url = urljoin(url, target)
        raise UpstreamFailed(url=url, redirects=redirects)

    async def get_bytes(self, url: str, *, max_bytes: int = MAX_BYTES, seconds: float = SECONDS) -> bytes:
        """GET without redirects; the body of a 200. Raises UnexpectedStatus for any other."""
        answer = await self.get(url, max_bytes=max_bytes, seconds=seconds)
        if answer.status != 200:
            raise UnexpectedStatus(answer.status, url=url)
        return answer.body

    async def get_json(self, url: str, *, max_bytes: int = MAX_BYTES, seconds: float = SECONDS) -> object:
        """GET without redirects; the JSON of a 200. Raises UnexpectedStatus, UpstreamFailed."""
        answer = await self.get(url, accept="application/json", max_bytes=max_bytes, seconds=seconds)
        if answer.status != 200:
            raise UnexpectedStatus(answer.status, url=url)
        return answer.json()

    async def request(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        content: bytes | AsyncIterator[bytes] | None = None,
        max_bytes: int = MAX_BYTES,
        seconds: float = SECONDS,
    ) -> Answer:
        """One exchange, no redirects; any status is answered."""
        async with _within(seconds, url):
            return await self._once(method, url, headers or {}, content, max_bytes, False)

    @asynccontextmanager
    async def stream(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        content: bytes | AsyncIterator[bytes] | None = None,
        max_bytes: int,
        seconds: float,
    ) -> AsyncIterator[Stream]:
        """One exchange whose body is read piece by piece inside the `async with`, all of it within `seconds`."""
        async with _within(seconds, url), self._exchange(method, url, headers or {}, content, max_bytes, False) as got:
            yield got

    @asynccontextmanager
    async def raw(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str],
        content: bytes | AsyncIterator[bytes] | None,
        silence: float | None = None,
        plain_http: bool = False,
    ) -> AsyncIterator[Stream]:
        """One exchange whose body comes as it was sent: packed if it is packed, of any length, for any time.

        silence: seconds that may pass at once without a byte being taken or given. What else is to be limited, the
        caller limits.
        """
        plain = _plain(self._checked(url, plain_http))
        sent = {"user-agent": f"Freehold/{__version__}", **headers}
        waits = {} if silence is None else {"timeout": dict.fromkeys(("connect", "read", "write", "pool"), silence)}
        async with AsyncExitStack() as stack:
            opened = self._open().stream(method, plain, headers=_raw(sent), content=content, extensions=waits)
            with _failures(url):
                answer = await stack.enter_async_context(opened)
            yield Stream(url, answer.status, _headers(answer), _pieces(answer, url))

    async def close(self) -> None:
        """Close every connection. The client may be used again and opens new ones."""
        if self._pool is not None:
            pool, self._pool = self._pool, None
            await pool.aclose()

    async def _once(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        content: bytes | AsyncIterator[bytes] | None,
        max_bytes: int,
        plain_http: bool,
    ) -> Answer:
        async with self._exchange(method, url, headers, content, max_bytes, plain_http) as got:
            body = b"".join([chunk async for chunk in got.chunks])
            return Answer(got.url, got.status, got.headers, body)

    @asynccontextmanager
    async def _exchange(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        content: bytes | AsyncIterator[bytes] | None,
        max_bytes: int,
        plain_http: bool,
    ) -> AsyncIterator[Stream]:
        packed = {"accept-encoding": "gzip", **headers}
        async with self.raw(method, url, headers=packed, content=content, plain_http=plain_http) as got:
            chunks = bounded(got.chunks, got.headers, max_bytes)
            yield Stream(got.url, got.status, got.headers, chunks)

    def _checked(self, url: str, plain_http: bool) -> SplitResult:
        """The parts of a URL that we fetch. Raises BadUrl."""
        try:
            parts = urlsplit(url)
            fine = bool(parts.hostname) and parts.username is None and parts.port != 0 and len(url) <= LONGEST_URL
        except ValueError:
            fine = False
        if not fine:
            raise BadUrl(url=url[:200])
        secure = parts.scheme == "https" or (parts.scheme == "http" and (plain_http or self.guard.allow_loopback))
        if not secure:
            raise BadUrl(url=url[:200])
        return parts

    def _open(self) -> "httpcore.AsyncConnectionPool":
        if self._pool is None:
            from freehold.net.transport import open_pool

            self._pool = open_pool(self.guard, self._context, self._from_address)
        return self._pool


@asynccontextmanager
async def _within(seconds: float, url: str) -> AsyncIterator[None]:
    """Bound the time of everything inside. Raises UpstreamTooSlow."""
    try:
        async with asyncio.timeout(seconds):
            yield
    except TimeoutError:
        raise UpstreamTooSlow(url=url, seconds=seconds) from None


@contextmanager
def _failures(url: str) -> Iterator[None]:
    """Turn what the connection raises into a refusal; what the reader of a stream raises passes by."""
    import httpcore

    try:
        yield
    except httpcore.TimeoutException as error:
        raise UpstreamTooSlow(url=url, reason=type(error).__name__) from None
    except (httpcore.NetworkError, httpcore.ProtocolError, OSError) as error:
        raise UpstreamFailed(url=url, reason=f"{type(error).__name__}: {error}") from None


async def _pieces(answer: "httpcore.Response", url: str) -> AsyncIterator[bytes]:
    with _failures(url):
        async for piece in answer.aiter_stream():
            yield piece


def _plain(parts: SplitResult) -> str:
    """The URL in ASCII: names in other scripts by IDNA, other characters by percent."""
    import idna

    host = parts.hostname or ""
    if not host.isascii():
        try:
            host = idna.encode(host, uts46=True).decode("ascii")
        except idna.IDNAError:
            raise BadUrl(url=parts.geturl()[:200]) from None
    host = f"[{host}]" if ":" in host else host
    port = f":{parts.port}" if parts.port else ""
    path = quote(parts.path or "/", safe="/%:@!$&'()*+,;=~")
    query = "?" + quote(parts.query, safe="/%:@!$&'()*+,;=~?[]") if parts.query else ""
    return f"{parts.scheme}://{host}{port}{path}{query}"


def _raw(headers: Mapping[str, str]) -> list[tuple[bytes, bytes]]:
    """Headers as they go out. What is not ASCII in them came from somebody's own headers and goes on as it came."""
    return [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()]


def _headers(answer: "httpcore.Response") -> dict[str, str]:
    """Header names in lower case; one given several times is joined by a comma."""
    joined: dict[str, str] = {}
    for raw_name, raw_value in answer.headers:
        name, value = raw_name.decode("latin-1").lower(), raw_value.decode("latin-1")
        joined[name] = f"{joined[name]}, {value}" if name in joined else value
    return joined
