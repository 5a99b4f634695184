"""A small XRPC client: ask another service's methods by their NSID.

In come an NSID, parameters and input; out comes JSON, bytes in pieces, or the other side's refusal under its own name.
Source: https://atproto.com/specs/xrpc
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from urllib.parse import urlencode

import msgspec

from freehold.net.client import MAX_BYTES, Answer, Client, Stream
from freehold.net.errors import UpstreamFailed

Params = Mapping[str, str | int | bool | Sequence[str]]
SECONDS = 10.0
LONGEST_NAME = 64
LONGEST_REASON = 300


class RemoteRefused(UpstreamFailed):
    """The other service said no; `name` and `say` are its own, `status` and `headers` those of HTTP."""

    def __init__(self, answer: Answer) -> None:
        self.status, self.headers = answer.status, answer.headers
        name, say = _reason(answer)
        super().__init__(say, name=name, url=answer.url, status=answer.status)


class Remote:
    """One service, by the origin of its URL. headers: sent with every call, for example authorization."""

    def __init__(self, client: Client, origin: str, headers: Mapping[str, str] | None = None) -> None:
        self._client = client
        self.origin = origin.rstrip("/")
        self._headers = dict(headers or {})

    async def query(
        self, nsid: str, params: Params | None = None, *, max_bytes: int = MAX_BYTES, seconds: float = SECONDS
    ) -> object:
        """Call a query; its JSON. Raises RemoteRefused, UpstreamFailed."""
        url = self.url(nsid, params)
        return _read(
            await self._client.request("GET", url, headers=self._headers, max_bytes=max_bytes, seconds=seconds)
        )

    async def procedure(
        self,
        nsid: str,
        given: object = None,
        *,
        params: Params | None = None,
        encoding: str = "application/json",
        content: bytes | AsyncIterator[bytes] | None = None,
        seconds: float = SECONDS,
    ) -> object:
        """Call a procedure with JSON (`given`) or with bytes (`content` in `encoding`); its JSON, None if empty."""
        body = msgspec.json.encode(given) if content is None and given is not None else content
        headers = {**self._headers, "content-type": encoding} if body is not None else self._headers
        url = self.url(nsid, params)
        return _read(await self._client.request("POST", url, headers=headers, content=body, seconds=seconds))

    @asynccontextmanager
    async def download(
        self, nsid: str, params: Params | None = None, *, max_bytes: int, seconds: float
    ) -> AsyncIterator[Stream]:
        """Call a query whose output is bytes, read in pieces inside the `async with`. Raises RemoteRefused."""
        url = self.url(nsid, params)
        async with self._client.stream("GET", url, headers=self._headers, max_bytes=max_bytes, seconds=seconds) as got:
            if got.status != 200:
                body = b"".join([chunk async for chunk in got.chunks])
                raise RemoteRefused(Answer(got.url, got.status, got.headers, body))
            yield got

    def url(self, nsid: str, params: Params | None = None) -> str:
        """The address of a method with its parameters."""
        plain = {key: str(value).lower() if isinstance(value, bool) else value for key, value in (params or {}).items()}
        return f"{self.origin}/xrpc/{nsid}" + (f"?{urlencode(plain, doseq=True)}" if plain else "")


def _read(answer: Answer) -> object:
    if answer.status != 200:
        raise RemoteRefused(answer)
    return answer.json() if answer.body else None


def _reason(answer: Answer) -> tuple[str, str]:
    """The error name and sentence of a refusal; our own where the other side gives none that can be shown."""
    try:
        given = answer.json()
    except UpstreamFailed:
        given = None
    fields = given if isinstance(given, dict) else {}
    name, say = fields.get("error"), fields.get("message")
    if not (isinstance(name, str) and name.isascii() and name.isalnum() and len(name) <= LONGEST_NAME):
        name = UpstreamFailed.name
    if not (isinstance(say, str) and say.strip()):
        say = UpstreamFailed.say
    return name, say[:LONGEST_REASON]
