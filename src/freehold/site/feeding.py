"""The network's feeds: its own, its owner's, and the way to those of other services."""

import secrets

from freehold.feeds import own, records
from freehold.feeds.feeds import Feeds
from freehold.feeds.foreign import Foreign
from freehold.feeds.programs import FOLDER, Programs
from freehold.feeds.window import Seen, newest
from freehold.pds.service_auth import service_token
from freehold.site.reading import Reading
from freehold.store.tx import Tx

MICROS = 1_000_000


class Feeding(Reading):
    """A host with views, and feeds over them."""

    def _open_feeds(self) -> None:
        self.feeds = Feeds(
            self.views,
            self.services.feeds,
            foreign=Foreign(self.proxy_client, self.identity, self._feed_token, self.clock),
            programs=Programs(self.directory / FOLDER, self._newest_posts),
            network=lambda: self.network.choices.name,
            is_local=lambda did: self.accounts.find(did) is not None,
        )
        if self.served and not self.settings.host_only:
            self._declare_own_feeds()

    def _declare_own_feeds(self) -> None:
        """Put the records of the network's own feeds, if any is missing or says something else."""
        did = self.services.feeds
        with self.truth.reading() as tx:
            wanting = records.steps(tx, did, own.WORDS, alone=False)
        if wanting:
            self.truth.write_sync(lambda tx: records.declare(tx, self.repositories, did, own.WORDS, alone=False))

    async def load_feeds(self) -> None:
        """Read the owner's feeds anew, and declare what there is now and nothing else."""
        await self.feeds.programs.load()
        declared = {**own.WORDS, **self.feeds.programs.words}

        def declare(tx: Tx) -> None:
            records.declare(tx, self.repositories, self.services.feeds, declared, alone=True)

        with self.truth.reading() as tx:
            wanting = records.steps(tx, self.services.feeds, declared, alone=True)
        if wanting:
            await self.truth.write(declare)

    def _newest_posts(self, looks: int) -> list[Seen]:
        with self.index_db.reading() as tx:
            return newest(tx, looks)

    def _feed_token(self, viewer: str, service: str, method: str) -> str | None:
        """A token for one call of another feed service in a member's name; None for who is no member here."""
        account = self.accounts.find(viewer)
        if account is None or not account.active:
            return None
        now = self.clock() // MICROS
        return service_token(
            key=self.key_of(account),
            issuer=viewer,
            audience=service,
            method=method,
            now=now,
            until=None,
            nonce=secrets.token_hex(16),
        )

    async def stop(self) -> None:
        """Close what is open to the outside, and the process of the owner's feeds."""
        await self.feeds.programs.stop()
        await super().stop()
