"""Accounts that come from other hosts, alive or dead, and accounts that leave for them."""

from freehold.pds.archive import Archives
from freehold.pds.arriving import Arriving
from freehold.pds.moving_in import MovingIn
from freehold.pds.moving_out import MovingOut
from freehold.pds.moving_over import MovingOver
from freehold.pds.rescue import Rescue
from freehold.site.keys import KeyChanges


class Moves(KeyChanges):
    """A host to which accounts can come, and which they can leave."""

    def _open_moves(self) -> None:
        self._open_arrivals()
        self.moving_out = MovingOut(
            truth=self.truth,
            accounts=self.accounts,
            seal=self.seal,
            client=self.client,
            exports=self.exports,
            blobs=self.blobs,
            register=self.register,
            operations=self.operations,
            standing=self.standing,
            identity=self.identity,
            host_did=self.host_did,
            clock=self.clock,
        )

    def _open_arrivals(self) -> None:
        self.moving_in = MovingIn(
            truth=self.truth,
            accounts=self.accounts,
            members=self.members,
            repositories=self.repositories,
            passwords=self.shared.passwords,
            tokens=self.tokens,
            identity=self.identity,
            seal=self.seal,
            handle_domain=self.place.handle_domain,
        )
        self.arriving = Arriving(self.truth, self.seal, self.imports, self.blobs)
        self.archives = Archives(
            self.truth, self.accounts, self.exports, self.blobs, self.identity, self.place.host, self.clock
        )
        self.rescue = Rescue(
            self.accounts,
            self.moving_in,
            self.arriving,
            self.operations,
            self.plc_requests,
            self.standing,
            self.clock,
        )
        self.moving_over = MovingOver(
            self.accounts,
            self.moving_in,
            self.arriving,
            self.operations,
            self.plc_requests,
            self.standing,
            self.service_callers,
            self.host_did,
        )
