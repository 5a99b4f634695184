"""What makes the network a host: repositories, members, the services that it is itself, apps let in."""

import secrets

from freehold.moderation import labels
from freehold.net.budgets import Budgets
from freehold.pds import bulk_reading, keychain
from freehold.pds.accounts import Account
from freehold.pds.admission import Admission
from freehold.pds.blobs import Blobs
from freehold.pds.claim import Claim
from freehold.pds.exports import Exports
from freehold.pds.imports import Imports
from freehold.pds.membership import Members
from freehold.pds.oauth.permission_sets import PermissionSets
from freehold.pds.oauth.server import OAuth
from freehold.pds.pictures.shown import Shown
from freehold.pds.reads import Reads
from freehold.pds.relocation import Relocation
from freehold.pds.repositories import Repositories
from freehold.pds.rotations import session_secrets
from freehold.pds.service_callers import ServiceCallers
from freehold.pds.services import LABEL_KEY, Founding
from freehold.pds.takedowns import Takedowns
from freehold.pds.tokens import Tokens
from freehold.pds.writes import Writes
from freehold.protocol.keys import K256Key, SigningKey
from freehold.site.identities import Identities
from freehold.site.place import domain_of

FEED_CALLS = frozenset({"app.bsky.feed.getFeedSkeleton", "app.bsky.feed.sendInteractions"})
"""What our feeds service is asked by others; everything else of app.bsky is for the AppView."""


class Hosting(Identities):
    """Identities, and the repositories, members and services behind them."""

    def _open_pds(self) -> None:
        self._open_repositories()
        self._open_members()
        self._open_admission()
        self._open_services()
        for room in (self.accounts, self.app_passwords, self.running, self.repositories):
            self.truth.on_lost(room.forget_all)
        self.truth.on_lost(self.network.forget)

    def _open_repositories(self) -> None:
        self.repositories = Repositories(self.accounts, clock_id=secrets.randbelow(1024))
        self.shown = Shown(self.directory / "cache", self.files, self.shared.workshop)
        self.blobs = Blobs(self.truth, self.files, self.settings.blob_max_bytes, gone=self.shown.forget)
        self.writes = Writes(self.truth, self.repositories, self.blobs, self.catalog)
        self.takedowns = Takedowns(self.truth, self.accounts, self.blobs)
        self.reads = Reads(self.truth, self.takedowns)
        self.exports = Exports(self.truth)
        self.imports = Imports(self.truth, self.accounts, self.repositories, self.blobs)

    def _open_members(self) -> None:
        with self.truth.reading() as tx:
            session_secret, older = session_secrets(tx, self.seal)
        self.tokens = Tokens(session_secret, self.host_did, older=older)
        self.members = Members(
            truth=self.truth,
            accounts=self.accounts,
            app_passwords=self.app_passwords,
            repositories=self.repositories,
            blobs=self.blobs,
            passwords=self.shared.passwords,
            tokens=self.tokens,
            network=self.network,
            register=self.register,
            handle_domain=self.place.handle_domain,
            open_to_all=self.place.dev,
            budgets=None if self.place.dev else Budgets(self.clock),
            clock=self.clock,
        )

    def _open_admission(self) -> None:
        self.admission = Admission(
            truth=self.truth,
            seal=self.seal,
            accounts=self.accounts,
            members=self.members,
            passwords=self.shared.passwords,
            register=self.register,
            tokens=self.tokens,
            network=self.network,
            handle_domain=self.place.handle_domain,
            clock=self.clock,
        )
        self.watch = bulk_reading.Watch(self.truth, self.accounts, self.network, self.allowances, self.clock)
        self.oauth = OAuth(
            truth=self.truth,
            accounts=self.accounts,
            http=self.client,
            sets=PermissionSets(self.truth, self._lexicon_of, self.clock),
            issuer=self.place.base_url,
            clock=self.clock,
            mark=self.tokens.marked,
            dev=self.place.dev,
        )

    def _open_services(self) -> None:
        self.relocation = Relocation(self.truth, self.accounts, self.network, self.register)
        domain = domain_of(self.settings, self.network.choices)
        if not self.read_only:
            self.relocation.settle(self.place.base_url, self.place.handle_domain, domain)
        founding = Founding(
            members=self.members,
            repositories=self.repositories,
            register=self.register,
            seal=self.seal,
            endpoint=self.place.base_url,
            handle_domain=self.place.handle_domain,
        )
        self.services = self.truth.settle(founding.found)
        with self.truth.reading() as tx:
            label_key = K256Key.from_raw(keychain.require(tx, self.seal, LABEL_KEY))
        self.labels = labels.Labels(self.truth, self.services.labeler, label_key)
        self.claim = None if self.network.choices.claimed or self.place.dev else Claim()
        self.service_callers = ServiceCallers(
            self.identity, self._audiences, self.clock, None if self.place.dev else Budgets(self.clock)
        )

    async def _lexicon_of(self, nsid: str) -> dict[str, object]:
        """A lexicon as its authority says it now."""
        return (await self.lexicons.resolve(nsid, anew=True)).record

    def _audiences(self, method: str) -> frozenset[str]:
        """What a service token for `method` may say it is for: `did#service` of ours, or (legacy) the DID alone."""
        if method in FEED_CALLS:
            names = [f"{self.services.feeds}#bsky_fg"]
        elif method.startswith("app.bsky."):
            names = [f"{self.services.appview}#{mark}" for mark in ("bsky_appview", "bsky_notif")]
        elif method.startswith("com.atproto.moderation."):
            names = [f"{self.services.labeler}#atproto_labeler"]
        else:
            names = [f"{self.host_did}#atproto_pds"]
        return frozenset({*names, names[0].partition("#")[0]})

    def key_of(self, account: Account) -> SigningKey:
        """The account's signing key."""
        with self.truth.reading() as tx:
            return self.accounts.key_of(tx, account.id)
