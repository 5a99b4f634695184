"""What accounts of other hosts said, put into the index.

In come facts that somebody else has proven (`freehold.outside`): who an account is, how it stands, which records it has
and has no more. Out go the same changes that our own stream makes, by the same handlers, within one transaction in
which whoever proves them also notes how far they have come. Said twice is the same as said once.
"""

from collections.abc import Collection

from freehold.appview import actors, bulk, bundle
from freehold.appview.apply import ACCOUNT, apply_identity, apply_record, forget_record, labelled
from freehold.appview.batch import Batch
from freehold.protocol.cid import Cid
from freehold.store.tx import Tx


class Foreign:
    """Changes by accounts that do not live here. `tx`: the transaction of the index, for the caller's own tables."""

    def __init__(self, batch: Batch) -> None:
        self._batch = batch
        self.tx: Tx = batch.tx

    def identity(self, did: str, handle: str | None) -> None:
        """The account has this handle, confirmed both ways; or none that is."""
        apply_identity(self._batch, did, handle)

    def account(self, did: str, status: str | None) -> None:
        """How the account stands with its own host: None is active, `deleted` takes all that it said along.

        One that this network's moderators hide stays hidden, whatever its host says.
        """
        if status != "deleted" and (did, ACCOUNT) in self._batch.taken_down:
            status = "takendown"
        actors.account(self._batch, did, status is None, status)

    def record(self, did: str, path: str, cid: Cid, raw: bytes) -> None:
        """A record as it is now."""
        if self._is_new(did):
            actors.announce(self._batch, self._batch.actor(did))
        apply_record(self._batch, did, path, cid, raw)

    def records(self, did: str, packed: bytes) -> None:
        """Records as they are now, as `bundle.packed` gives them."""
        bulk.take(self._batch, did, bundle.opened(packed))

    def gone(self, did: str, path: str) -> None:
        """A record is there no more."""
        forget_record(self._batch, did, path)

    def only(self, did: str, paths: Collection[str]) -> None:
        """The account has records at these paths and no others."""
        actors.forget(self._batch, self._batch.actor(did), did, paths)

    def labelled(self, uri: str) -> None:
        """Something else is said of an account (its DID) or of a record than before."""
        labelled(self._batch, uri)

    def reached(self, did: str, rev: str) -> None:
        """The account's repository is known up to this revision."""
        self._batch.reach(self._batch.actor(did), rev)

    def _is_new(self, did: str) -> bool:
        return self._batch.actor(did) not in self._batch.announced
