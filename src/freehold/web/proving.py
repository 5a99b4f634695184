"""`Credentials` made of one site's rooms: only translation, and budgets by address."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime

from freehold.net.budgets import Limit
from freehold.pds import app_passwords, totp
from freehold.pds.accounts import Account
from freehold.pds.signing_in import TooLate
from freehold.site import Site
from freehold.web.credentials import (
    AppPasswordLine,
    CodesBegun,
    PasskeyLine,
    Question,
    Safety,
    Way,
)

SECOND_STEP = Limit("web second step", 30, 300)
RECOVER = Limit("web recovery", 20, 3600)
GROUP = 4


class SiteCredentials:
    """The credentials of one network. spend: takes a point of a limit from an address."""

    def __init__(self, site: Site, spend: Callable[[Limit, str], None]) -> None:
        self._site, self._spend = site, spend

    # --- coming in

    async def second_step(self, ticket: str, code: str, address: str) -> str:
        self._spend(SECOND_STEP, address)
        return (await self._site.signing_in.second_step(ticket, code)).did

    def way_of(self, ticket: str) -> Way | None:
        try:
            return self._site.signing_in.way_of(ticket)
        except TooLate:
            return None

    def question(self) -> Question:
        return Question(*self._site.passkeys.challenge())

    async def by_passkey(self, ticket: str, answer: str, address: str) -> str:
        self._spend(SECOND_STEP, address)
        return (await self._site.signing_in.by_passkey(ticket, answer)).did

    # --- coming back

    @property
    def mail_possible(self) -> bool:
        return self._site.addresses.reset_possible

    async def recover(self, *, identifier: str, proof: str, password: str, address: str) -> tuple[str, str]:
        self._spend(RECOVER, address)
        recovered = await self._site.recovery.recover(identifier, proof, password)
        return recovered.account.did, recovered.code

    async def ask_for_letter(self, mail: str, address: str) -> None:
        self._spend(RECOVER, address)
        await self._site.addresses.ask_to_reset(mail)

    async def recover_by_letter(self, code: str, password: str, address: str) -> None:
        self._spend(RECOVER, address)
        await self._site.addresses.reset(code, password)

    # --- in the settings

    async def safety(self, did: str) -> Safety:
        site, account = self._site, self._account(did)
        made = site.recovery.code_made_at(account)
        return Safety(
            codes=site.second_factor.of(account) == "app",
            backup_codes=site.second_factor.backup_codes_left(account),
            mail_codes=site.second_factor.by_mail(account),
            passkeys=[
                PasskeyLine(
                    key=one.key,
                    name=one.name,
                    host=one.host,
                    made=_moment(one.created_at),
                    used=_moment(one.used_at) if one.used_at is not None else None,
                )
                for one in site.passkeys.of(account)
            ],
            recovery_code=_moment(made) if made is not None else None,
        )

    async def make_recovery_code(self, did: str, password: str) -> str:
        return await self._site.recovery.make_code(self._account(did), password)

    async def begin_codes(self, did: str, password: str) -> None:
        await self._site.second_factor.begin(self._account(did), password)

    def codes_begun(self, did: str) -> CodesBegun | None:
        account = self._account(did)
        secret = self._site.second_factor.begun(account)
        if secret is None:
            return None
        groups = " ".join(secret[i : i + GROUP] for i in range(0, len(secret), GROUP))
        return CodesBegun(groups, totp.address(secret, account.handle, self._site.network.choices.name))

    async def confirm_codes(self, did: str, code: str) -> Sequence[str]:
        return await self._site.second_factor.confirm(self._account(did), code)

    async def end_codes(self, did: str, password: str, code: str) -> None:
        await self._site.second_factor.turn_off(self._account(did), password, code)

    async def renew_backup_codes(self, did: str, password: str) -> Sequence[str]:
        return await self._site.second_factor.renew_backup_codes(self._account(did), password)

    async def offer_passkey(self, did: str, password: str) -> Question:
        return Question(*await self._site.passkeys.offer(self._account(did), password))

    async def add_passkey(self, did: str, *, ticket: str, answer: str, name: str) -> None:
        await self._site.passkeys.add(self._account(did), ticket, answer, name)

    async def remove_passkey(self, did: str, key: str) -> None:
        await self._site.passkeys.remove(self._account(did), key)

    async def app_passwords(self, did: str) -> Sequence[AppPasswordLine]:
        with self._site.truth.reading() as tx:
            known = app_passwords.of_account(tx, self._account(did).id)
        return [AppPasswordLine(one.name, one.privileged, _moment(one.created_at)) for one in known]

    async def make_app_password(self, did: str, name: str, *, privileged: bool) -> str:
        account = self._account(did)
        text, _ = await self._site.truth.write(
            lambda tx: self._site.app_passwords.make(tx, account.id, name, privileged)
        )
        return text

    async def revoke_app_password(self, did: str, name: str) -> None:
        account = self._account(did)
        await self._site.truth.write(lambda tx: self._site.app_passwords.revoke(tx, account.id, name))

    def _account(self, did: str) -> Account:
        return self._site.accounts.one(did)


def _moment(micros: int) -> datetime:
    return datetime.fromtimestamp(micros / 1_000_000, UTC)
