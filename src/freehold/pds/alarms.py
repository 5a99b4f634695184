"""What a network's owners must hear of at once: a line of mail to each who has an address, where mail is sent at all.

In come a subject and a text within the transaction that found it out, so that an alarm that is kept is also sent, once.
The log and the readiness page say the same; nobody needs the mail.
"""

from collections.abc import Callable

from freehold.net.mail import Letter
from freehold.pds.accounts import Accounts
from freehold.pds.letters import Letters
from freehold.store.tx import Tx


class Alarms:
    """Of one network. name: of the network."""

    def __init__(self, accounts: Accounts, letters: Letters, name: Callable[[], str]) -> None:
        self._accounts, self._letters, self._name = accounts, letters, name

    def tell(self, tx: Tx, subject: str, text: str) -> None:
        """Write to the owners."""
        if not self._letters.possible:
            return
        for owner in self._accounts.owners(tx):
            mail = self._accounts.mail_of(owner)
            if mail is not None:
                self._letters.queue(tx, Letter(mail, f"{subject} ({self._name()})", text))
