"""When the network is reached somewhere else than before: every member's DID and handle are made to say so.

In comes the address of this start; if it differs from the one that the identities name, each account's DID document is
pointed here and each handle moved to the new domain, in batches of one transaction; what was done is not done again.
"""

import logging

import msgspec

from freehold.identity.register import HostHasNoRight, Register
from freehold.pds import applicants
from freehold.pds.accounts import Account, Accounts
from freehold.pds.network import Network
from freehold.store.database import Database
from freehold.store.tx import Tx

logger = logging.getLogger(__name__)

BATCH = 200


class Relocation:
    """Moves the identities of one network."""

    def __init__(self, truth: Database, accounts: Accounts, network: Network, register: Register) -> None:
        self._truth = truth
        self._accounts = accounts
        self._network = network
        self._register = register

    def settle(self, base_url: str, handle_domain: str, domain: str) -> int:
        """Let all identities say `base_url` and `handle_domain` (with its dot). Returns how many accounts moved.

        domain: the operator's, kept so that the next start need not be told; empty leaves the one that is kept.
        """
        choices = self._network.choices
        settled = msgspec.structs.replace(
            choices, base_url=base_url, handle_domain=handle_domain, domain=domain or choices.domain
        )
        if settled == choices:
            return 0
        moved = 0
        if choices.base_url and (choices.base_url, choices.handle_domain) != (base_url, handle_domain):
            logger.warning("the network has moved: %s is now %s", choices.base_url, base_url)
            moved = self._move_all(choices.handle_domain, handle_domain)
            self._truth.write_sync(lambda tx: applicants.rename_all(tx, choices.handle_domain, handle_domain))
        self._truth.write_sync(lambda tx: self._network.choose(tx, settled))
        return moved

    def _move_all(self, old: str, new: str) -> int:
        moved = after = 0
        while page := self._accounts.page(after, BATCH):
            self._truth.write_sync(lambda tx, page=page: self._move(tx, page, old, new))  # type: ignore[misc]
            after = page[-1].id
            moved += len(page)
        return moved

    def _move(self, tx: Tx, page: list[Account], old: str, new: str) -> None:
        for account in page:
            if self._register.lives_elsewhere(tx, account.did, self._network.choices.base_url):
                continue  # it has moved to another host, and only rests here
            handle = account.handle.removesuffix(old) + new if account.handle.endswith(old) else account.handle
            try:
                changed = self._register.repoint(tx, account.did) is not None
                if handle != account.handle:
                    self._register.change_handle(tx, account.did, handle)
            except HostHasNoRight:
                logger.warning("%s names the old place: only its holder's own keys can change that", account.did)
                changed = False
            if changed or handle != account.handle:
                self._accounts.set_handle(tx, account, handle)
