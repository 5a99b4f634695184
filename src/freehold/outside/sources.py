"""Which hosts and relays the network listens to, as its operator said.

Table: outside_subscription. A host is believed only about accounts that live with it; a relay, which passes on what
many hosts say, about all.
"""

from typing import NamedTuple
from urllib.parse import urlsplit

from freehold.outside.people import origin
from freehold.protocol.refused import Refused
from freehold.store.database import Database
from freehold.store.tx import Tx


class BadSource(Refused):
    """Not the address of a host."""

    say = "That is not the address of a host or relay. It begins with wss:// (or https://) and names a host."


class NoSuchSource(Refused):
    """The network does not listen there."""

    kind, name = "missing", "NoSuchSource"
    say = "This network does not listen to that host."


class Source(NamedTuple):
    """One of them. url: its origin, as `https://host`, without a path."""

    url: str
    relay: bool

    @property
    def stream(self) -> str:
        """Where its websockets are."""
        return "ws" + self.url.removeprefix("http")

    def speaks_for(self, pds: str | None) -> bool:
        """Whether it is believed about accounts that live at `pds`."""
        return self.relay or pds == self.url


def read(text: str, *, relay: bool, plain: bool) -> Source:
    """The source that an operator named. plain: take http too, in development. Raises BadSource."""
    full = text if "://" in text else f"https://{text}"
    try:
        parts = urlsplit(full)
        fine = bool(parts.hostname) and parts.port != 0 and parts.username is None
    except ValueError:
        fine = False
    if not fine or parts.scheme not in ("https", "wss", *(("http", "ws") if plain else ())):
        raise BadSource(given=text[:200])
    return Source(origin(full), relay)


class Sources:
    """What the network listens to."""

    def __init__(self, truth: Database) -> None:
        self._truth = truth

    def all(self) -> list[Source]:
        """In the order of their addresses."""
        with self._truth.reading() as tx:
            rows = tx.run("SELECT url, relay FROM outside_subscription ORDER BY url")
        return [Source(url, bool(relay)) for url, relay in rows]

    def one(self, url: str) -> Source:
        """Raises NoSuchSource."""
        for source in self.all():
            if source.url == url:
                return source
        raise NoSuchSource(url=url)

    async def add(self, source: Source) -> None:
        """Listen to it from now on."""

        def put(tx: Tx) -> None:
            tx.run(
                "INSERT INTO outside_subscription (url, relay, at) VALUES (:url, :relay, :now)"
                " ON CONFLICT (url) DO UPDATE SET relay = excluded.relay",
                url=source.url,
                relay=int(source.relay),
                now=tx.now,
            )

        await self._truth.write(put)

    async def drop(self, source: Source) -> None:
        """Listen to it no more."""
        await self._truth.write(lambda tx: tx.run("DELETE FROM outside_subscription WHERE url = :u", u=source.url))
