"""What an account does with itself: letters to it, how it signs in and is recovered, its name, its end."""

from freehold.net.mail import MailServer
from freehold.pds import letters
from freehold.pds.addresses import Addresses
from freehold.pds.confirmations import Confirmations
from freehold.pds.letters import Letters
from freehold.pds.lost_posts import LostPosts
from freehold.pds.naming import Naming
from freehold.pds.passkeys import Passkeys
from freehold.pds.recovery import Recovery
from freehold.pds.second_factor import SecondFactor
from freehold.pds.signing_in import SigningIn
from freehold.pds.standing import Standing
from freehold.site.outside import Outside


class AccountLife(Outside):
    """A host that can be reached, and what its members do with their accounts."""

    def _open_account_life(self) -> None:
        self._open_letters()
        self.second_factor = SecondFactor(
            self.truth, self.seal, self.accounts, self.confirmations, self.members.check_password
        )
        self.lost_posts = LostPosts(self.truth, self.seal, self.accounts, self.writes, self.blobs)
        self._open_names()
        self._open_sign_in()

    def _open_letters(self) -> None:
        settings, network = self.settings, self.network
        server = MailServer.at(settings.smtp_url) if settings.smtp_url else None
        self.letters = Letters(self.seal, server, settings.mail_from)
        if self.letters.possible:
            self.jobs.handles(letters.JOB, self.letters.deliver)
        self.confirmations = Confirmations(
            self.truth, self.accounts, self.letters, lambda: network.choices.name, self.members.check_password
        )

    def _open_names(self) -> None:
        self.addresses = Addresses(
            self.truth,
            self.accounts,
            self.shared.passwords,
            self.confirmations,
            self.letters,
            self.second_factor,
            lambda: self.network.choices.mail_reset,
        )
        self.naming = Naming(
            self.truth,
            self.accounts,
            self.members,
            self.register,
            self.identity,
            self.operations,
            self.place.handle_domain,
        )
        self.standing = Standing(
            self.truth,
            self.accounts,
            self.members,
            self.identity,
            self.confirmations,
            self.second_factor,
            self.place.base_url,
            self.clock,
            self.operations.follow,
        )

    def _open_sign_in(self) -> None:
        self.passkeys = Passkeys(
            self.truth,
            self.seal,
            self.accounts,
            self.members.check_password,
            self.place.base_url,
            lambda: self.network.choices.name,
            self.clock,
        )
        self.signing_in = SigningIn(
            self.truth,
            self.seal,
            self.accounts,
            self.app_passwords,
            self.members,
            self.second_factor,
            self.passkeys,
            self.tokens,
            self.clock,
        )
        self.recovery = Recovery(
            self.truth,
            self.seal,
            self.accounts,
            self.app_passwords,
            self.members,
            self.shared.passwords,
            self.operations,
            self.register,
        )
