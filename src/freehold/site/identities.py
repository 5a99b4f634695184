"""Who is who, and who the network is: its client, the register of its DIDs, the resolver, the other directory."""

from freehold.identity import publish
from freehold.identity.lexicons import Lexicons
from freehold.identity.operations import Operations
from freehold.identity.register import Register
from freehold.identity.resolver import Identity
from freehold.net.client import Client
from freehold.net.dns import Dns
from freehold.net.guard import Guard
from freehold.pds.accounts import find as find_account
from freehold.pds.rotations import rotation_keys
from freehold.site.ground import Ground
from freehold.store.tx import Tx
from freehold.stream import log as stream


class Identities(Ground):
    """The ground, and the identities of those who live on it."""

    def _open_identity(self) -> None:
        self.client = Client(Guard(allow_loopback=self.place.dev))
        self.proxy_client = Client(self.client.guard)  # its own connections, so that passing calls on holds up nothing
        self.register = self._register()
        self.identity = Identity(
            reading=self.truth.reading,
            client=self.client,
            plc=self.settings.plc,
            public_plc=self.settings.public_plc,
            local_handle=self._did_of_handle,
            local_domain=self.place.handle_domain,
            own_documents=lambda did: self.host_document if did == self.host_did else None,
            outside=not self.place.dev,
            clock=self.clock,
        )
        self.lexicons = Lexicons(self.client, None if self.place.dev else Dns(), self.identity, self.clock)
        self._open_publisher()
        self.operations = Operations(
            self.truth, self.register, self.identity, self.client, self.identity.directory, self.publisher
        )

    def _register(self) -> Register:
        with self.truth.reading() as tx:
            host_key, retired, offline = rotation_keys(tx, self.seal)
        return Register(
            kept=self.settings.plc,
            host_key=host_key,
            retired=retired,
            offline_key=offline,
            endpoint=self.place.base_url,
            client=self.client,
            changed=self._identity_changed,
        )

    def _open_publisher(self) -> None:
        """What tells another directory of our operations, if one is to be told."""
        self.publisher: publish.Publisher | None = None
        if self.settings.plc != "own":
            other = self.settings.public_plc if self.settings.plc == "both" else self.settings.plc
            self.publisher = publish.Publisher(self.truth, self.client, other, self._identity_changed)
            self.jobs.handles(publish.JOB, self.publisher.publish)
        if self.served:
            kept = self.publisher.url if self.publisher else ""
            self.truth.write_sync(lambda tx: publish.keep_also(tx, kept))

    def _identity_changed(self, tx: Tx, did: str) -> None:
        """Tell the stream that one of our accounts changed its DID by a key of its own."""
        account = find_account(tx, did)
        if account is not None:
            stream.append(tx, "identity", did, {"did": did, "handle": account.handle})

    def _did_of_handle(self, handle: str) -> str | None:
        account = self.accounts.find(handle)
        return account.did if account else None

    @property
    def host_did(self) -> str:
        """The host's own did:web, the only identity here that is bound to a name."""
        return "did:web:" + self.place.host.replace(":", "%3A")

    @property
    def host_document(self) -> dict[str, object]:
        """The document of that did:web."""
        return {
            "@context": ["https://www.w3.org/ns/did/v1"],
            "id": self.host_did,
            "service": [
                {"id": "#atproto_pds", "type": "AtprotoPersonalDataServer", "serviceEndpoint": self.place.base_url}
            ],
        }

    async def stop(self) -> None:
        """Close what is open to the outside."""
        await self.client.close()
        await self.proxy_client.close()
