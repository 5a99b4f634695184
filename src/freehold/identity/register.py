"""How the DIDs of this network's accounts are made and changed.

In come an account's handle and keys; out come signed did:plc operations, logged in our own directory within the
caller's transaction and, where the settings say so, handed to another directory: by a durable job, and where DIDs live
only there (a URL) the first one before anything is written here.
Rotation keys by rank: the member's own if there is one, the network's offline key, the host's working key.
Source: https://web.plc.directory/spec/v0.1/did-plc
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from freehold.identity import plc_directory, publish
from freehold.net.client import Client
from freehold.protocol import plc
from freehold.protocol.keys import SigningKey
from freehold.protocol.plcform import BadOperation, Operation
from freehold.store.tx import Tx

Services = Mapping[str, Mapping[str, str]]


class HostHasNoRight(BadOperation):
    """The identity does not name this host's key among its rotation keys."""

    say = "This host's key is not among the rotation keys of that identity: sign with one of those."


class Genesis(NamedTuple):
    """A DID and the signed operation that makes it."""

    did: str
    operation: dict[str, Any]


class Register:
    """Writes identities. kept: own, both, or a directory's URL. endpoint: this host's URL. offline_key: a did:key.

    changed: told, within the transaction, of a DID that somebody else changed.
    """

    def __init__(
        self,
        *,
        kept: str,
        host_key: SigningKey,
        offline_key: str,
        endpoint: str,
        client: Client,
        retired: Sequence[SigningKey] = (),
        changed: Callable[[Tx, str], object] = lambda tx, did: None,
    ) -> None:
        self._changed = changed
        self._kept = kept
        self.use(host_key, retired, offline_key)
        self._endpoint = endpoint
        self._client = client

    def use(self, host_key: SigningKey, retired: Sequence[SigningKey], offline_key: str) -> None:
        """Sign with another host key. retired: keys that some identities still name, and so must sign for them."""
        self._host_key, self._retired, self._offline_key = host_key, tuple(retired), offline_key

    @property
    def rotation_keys(self) -> list[str]:
        """The network's rotation keys by rank, as did:key texts; the last is the one that this host signs with."""
        return [self._offline_key, self._host_key.did_key]

    @property
    def endpoint(self) -> str:
        """Where the DIDs of this network say that it is."""
        return self._endpoint

    def genesis(
        self,
        handle: str,
        signing_key: str,
        recovery_key: str | None = None,
        services: Services | None = None,
        verification_methods: Mapping[str, str] | None = None,
    ) -> Genesis:
        """The first operation of a new identity. signing_key, recovery_key: did:key texts. Raises BadOperation."""
        ranked = [recovery_key, self._offline_key, self._host_key.did_key]
        unsigned = plc.operation(
            rotation_keys=list(dict.fromkeys(key for key in ranked if key)),
            signing_key=signing_key,
            handle=handle,
            pds=self._endpoint,
            services=services,
            verification_methods=verification_methods,
        )
        signed = plc.sign_operation(unsigned, self._host_key)
        return Genesis(plc.did_of(signed), signed)

    async def publish_first(self, genesis: Genesis) -> None:
        """Where DIDs live in another directory only: it must have the operation before we do. Else nothing."""
        if self._kept not in ("own", "both"):
            await publish.submit_to(self._client, self._kept, genesis.did, genesis.operation)

    def record(self, tx: Tx, genesis: Genesis) -> None:
        """Log the operation here, in the caller's transaction. Raises BadOperation."""
        self._log(tx, genesis.did, genesis.operation)

    def change(self, tx: Tx, did: str, **changes: Any) -> dict[str, Any] | None:
        """Log an update that changes these fields of the newest operation; None if they say that already."""
        newest = plc_directory.newest(tx, did)
        if newest is None:
            return None
        state = plc.modern(newest)
        if all(state.get(name) == value for name, value in changes.items()):
            return None
        signed = plc.sign_operation(plc.update(newest, **changes), self._signer(state))
        self._log(tx, did, signed)
        return signed

    def change_handle(self, tx: Tx, did: str, handle: str) -> dict[str, Any] | None:
        """Let the DID say that it is known under `handle`."""
        return self.change(tx, did, alsoKnownAs=[f"at://{handle}"])

    def sign_next(self, newest: Operation, changes: Mapping[str, Any]) -> dict[str, Any]:
        """The operation after `newest` with these changes, signed by this host's key and logged nowhere.

        Raises BadOperation, HostHasNoRight.
        """
        return plc.sign_operation(plc.update(newest, **changes), self._signer(plc.modern(newest)))

    def tell(self, tx: Tx, did: str) -> None:
        """Tell the stream that a DID was changed in another directory."""
        self._changed(tx, did)

    def move(self, tx: Tx, did: str, was: str, now: str, handle: tuple[str, str]) -> bool | None:
        """Let a DID of our log say that what it has at `was` is at `now`, and the handle's second name for its first.

        was, now: base URLs. True if it was changed, False if it said so already. None if this is not ours to say: our
        log has no such DID, it was ended, or its PDS is another host. Raises HostHasNoRight.
        """
        newest = plc_directory.newest(tx, did)
        if newest is None or newest["type"] == "plc_tombstone":
            return None
        state = plc.modern(newest)
        if state["services"].get("atproto_pds", {}).get("endpoint", now) not in (was, now):
            return None
        return self.change(tx, did, **moved(state, was, now, handle)) is not None

    def take(self, tx: Tx, did: str, operation: Any, *, limited: bool) -> None:
        """Log an operation that somebody sent. limited: count it against the DID's limits. Raises BadOperation."""
        self._log(tx, did, operation, limited)
        self._changed(tx, did)

    def repoint(self, tx: Tx, did: str) -> dict[str, Any] | None:
        """Let every service of the DID, all ours, say where this host is reached now; None if it does already."""
        newest = plc_directory.newest(tx, did)
        if newest is None:
            return None
        services = {
            name: {"type": entry["type"], "endpoint": self._endpoint}
            for name, entry in plc.modern(newest)["services"].items()
        }
        return self.change(tx, did, services=services)

    def knows(self, tx: Tx, did: str) -> bool:
        """Is the log of this DID in our own directory?"""
        return plc_directory.newest(tx, did) is not None

    def _signer(self, state: Mapping[str, Any]) -> SigningKey:
        """The host's key that this identity names. Raises HostHasNoRight."""
        for key in (self._host_key, *self._retired):
            if key.did_key in state.get("rotationKeys", ()):
                return key
        raise HostHasNoRight

    def _log(self, tx: Tx, did: str, operation: Any, limited: bool = False) -> None:
        plc_directory.submit(tx, did, operation, tx.now, limited=limited)
        if self._kept != "own":
            publish.enqueue(tx, did)


def moved(state: Mapping[str, Any], was: str, now: str, handle: tuple[str, str]) -> dict[str, Any]:
    """What a DID's state says of services and handles when the host has moved. Services elsewhere stay as they are."""
    services = {
        name: {**entry, "endpoint": now} if entry.get("endpoint") == was else dict(entry)
        for name, entry in state["services"].items()
    }
    old, new = (f"at://{name}" for name in handle)
    aliases = [new if alias == old else alias for alias in state["alsoKnownAs"]]
    if old != new and new not in aliases:
        aliases.insert(0, new)
    return {"services": services, "alsoKnownAs": list(dict.fromkeys(aliases))}
