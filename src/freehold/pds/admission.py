"""Who may join, by the owner's choices: the checks before the door, the line before it, and who is let in from it.

- An invitation lets in at once, whatever else is asked, except where the door is closed.
- `open`: everybody, up to so many an hour if the owner says so; who comes beyond that waits, and the line moves by
  itself. `ask`: everybody waits until the owner or a moderator has had a look. `invite`: nobody else. `closed`: nobody.
- With `proof`, whoever comes without an invitation brings a proof of work first.
Whatever cannot be checked lets nobody in. The line is in the truth: a restart keeps everybody's place.
Source: lexicon com.atproto.temp.checkSignupQueue
"""

import asyncio
import logging
import secrets
from collections.abc import Callable
from typing import NamedTuple

from freehold.identity.register import Genesis, Register
from freehold.pds import applicants, proof_of_work, sessions
from freehold.pds.accounts import Account, Accounts, HandleTaken, MailTaken, New
from freehold.pds.applicants import Applicant, NewApplicant, NotInLine
from freehold.pds.membership import Application, Members, SignedIn, SignUpClosed, checked_mail
from freehold.pds.network import Network
from freehold.pds.passwords import Passwords
from freehold.pds.proof_of_work import Proof, ProofOfWork, ProofRequired
from freehold.pds.tokens import Claims, ExpiredToken, InvalidToken, Tokens
from freehold.protocol.keys import K256Key
from freehold.protocol.refused import Refused
from freehold.store.database import Database
from freehold.store.sealed import Seal
from freehold.store.tx import Tx

logger = logging.getLogger(__name__)

HOUR_MICROS = 3600 * 1_000_000
MAX_WAITING = 10_000
MAX_WORDS = 1_000
"""Characters that an applicant may say about themselves, or hear of why they were declined."""
ENOUGH_TO_TELL = 3
"""Admissions on somebody's word from which on their pace can be told."""
BY_ITSELF, ON_WORD = ("door", "line"), ("word",)


class LineFull(SignUpClosed):
    """Too many wait already."""

    say = "Too many people wait to join at the moment. Try again in a few days, or ask a member for an invitation."


class Declined(Refused):
    """The owner or a moderator has had a look, and said no."""

    kind = "forbidden"
    name = "ApplicationDeclined"
    say = "Your request to join was declined."

    def __init__(self, because: str) -> None:
        super().__init__(f"{self.say} {because}".strip())
        self.because = because


class Standing(NamedTuple):
    """Where somebody stands in the line. turn: 1 is next. seconds: until they are let in; None where nobody knows."""

    turn: int
    seconds: int | None


class Waits(NamedTuple):
    """One in the line, for whoever decides. words: what they said."""

    place: int
    did: str
    handle: str
    applied_at: int
    words: str


class Admission:
    """The door of one network, and the line before it."""

    def __init__(
        self,
        *,
        truth: Database,
        seal: Seal,
        accounts: Accounts,
        members: Members,
        passwords: Passwords,
        register: Register,
        tokens: Tokens,
        network: Network,
        handle_domain: str,
        clock: Callable[[], int],
    ) -> None:
        self._truth, self._seal, self._accounts, self._members = truth, seal, accounts, members
        self._passwords, self._register, self._tokens, self._network = passwords, register, tokens, network
        self._handle_domain, self._clock = handle_domain, clock
        self._proofs = ProofOfWork(seal, clock)
        self._entering = 0  # those who may come in at once, and whose accounts are being made
        self._stirred = asyncio.Event()

    # --- joining

    def challenge(self) -> str:
        """A piece of work to be done before joining; empty where none is asked for."""
        choices = self._network.choices
        if self._members.open_to_all or not choices.proof or choices.join not in ("open", "ask"):
            return ""
        with self._truth.reading() as tx:
            return self._proofs.challenge(choices.proof_bits + proof_of_work.rise(tx))

    @property
    def code_wanted(self) -> bool:
        """Should an app ask for an invitation? Also where a proof of work would do, which apps cannot give."""
        return self._members.invite_required or bool(self.challenge())

    async def join(self, given: Application) -> SignedIn:
        """Sign somebody up: a member at once, or one who waits (`account.waiting`), with a session either way.

        Raises SignUpClosed, LineFull, InvalidInvite, ProofRequired, StaleProof, InvalidHandle, HandleTaken, MailTaken,
        WeakPassword ...
        """
        if self._members.open_to_all:
            return await self._members.admit(given, role="member")
        if not self._members.sign_up_open:
            raise SignUpClosed
        if given.invite or self._members.invite_required:
            return await self._members.admit(given, role="member", invited=False)
        proof = self._proven(given)
        if self._must_wait():
            return await self._wait(given, proof)
        self._entering += 1
        try:
            return await self._members.admit(given, role="member", together_with=lambda tx, _: _came_in(tx, proof))
        finally:
            self._entering -= 1

    def by_invitation(self, given: Application) -> bool:
        """For who brings an account from elsewhere: must an invitation let them in? They do not wait in line, so
        wherever others would wait or work for it, one must. Raises SignUpClosed."""
        if self._members.open_to_all:
            return False
        if not self._members.sign_up_open:
            raise SignUpClosed
        return bool(given.invite) or self._members.invite_required or self._network.choices.proof or self._must_wait()

    def _proven(self, given: Application) -> Proof | None:
        if not self._network.choices.proof:
            return None
        if not given.proof:
            raise ProofRequired(challenge=self.challenge())
        return self._proofs.check(given.proof)

    def _must_wait(self) -> bool:
        choices = self._network.choices
        if choices.join != "open":
            return True
        with self._truth.reading() as tx:
            return applicants.first(tx) is not None or self._pause(tx, choices.hourly, 1 + self._entering) > 0

    def _pause(self, tx: Tx, hourly: int, turn: int) -> int:
        """Microseconds until the door is open for the one whose turn this is, 1 being the next."""
        if hourly < 1:
            return 0
        rounds, slot = divmod(turn - 1, hourly)
        lately = applicants.admissions(tx, self._clock() - HOUR_MICROS, hourly, BY_ITSELF)
        busy = slot - (hourly - len(lately))
        first = 0 if busy < 0 else max(0, lately[busy] + HOUR_MICROS - self._clock())
        return first + rounds * HOUR_MICROS

    async def _wait(self, given: Application, proof: Proof | None) -> SignedIn:
        """Put somebody at the end of the line. Nothing is published of them."""
        handle, mail, words = self._members.checked_handle(given.handle), checked_mail(given.mail), given.words.strip()
        if not self._members.is_free(handle):
            raise HandleTaken(handle=handle)
        password = await self._passwords.hash(given.password)
        key = K256Key.from_raw(secrets.token_bytes(32))
        genesis = self._register.genesis(handle, key.did_key, given.recovery_key)

        def apply(tx: Tx) -> SignedIn:
            self._accounts.assure_free(tx, handle, mail)
            if applicants.waiting(tx) >= MAX_WAITING:
                raise LineFull
            if proof is not None:
                proof_of_work.use(tx, proof)
            new = NewApplicant(handle, password, mail, words[:MAX_WORDS], key, genesis)
            waiting = as_account(applicants.add(tx, self._seal, new))
            return SignedIn(waiting, sessions.start(tx, self._tokens, waiting))

        signed_in = await self._truth.write(apply)
        self.stir()
        return signed_in

    # --- waiting

    def find(self, did: str) -> Account | None:
        """Somebody in the line, as an account that is not one yet; None for anybody else."""
        with self._truth.reading() as tx:
            found = applicants.find(tx, did)
        return as_account(found) if found is not None else None

    async def standing(self, did: str) -> Standing | None:
        """Where somebody stands; None for a member. Raises Declined, InvalidToken (they are not in the line)."""
        if self._accounts.find(did) is not None:
            return None
        with self._truth.reading() as tx:
            found = applicants.find(tx, did)
            if found is None:
                raise InvalidToken("This request to join is no longer here. Join again.")
            self._assure_not_declined(tx, found)
            turn = applicants.turn_of(tx, found.place)
            seconds = self._seconds(tx, turn)
        if found.seen_at + applicants.SEEN_EVERY_MICROS <= self._clock():
            await self._truth.write(lambda tx: applicants.mark_seen(tx, did))
        return Standing(turn, seconds)

    def _seconds(self, tx: Tx, turn: int) -> int | None:
        """By the hours that were left free where the line moves by itself; else by the pace of those who decide."""
        choices = self._network.choices
        if choices.join == "open":
            return self._pause(tx, choices.hourly, turn) // 1_000_000
        lately = applicants.admissions(tx, 0, 100, ON_WORD)
        if choices.join != "ask" or len(lately) < ENOUGH_TO_TELL:
            return None
        return (self._clock() - lately[0]) // len(lately) * turn // 1_000_000

    def _assure_not_declined(self, tx: Tx, found: Applicant) -> None:
        if found.declined_at is not None:
            raise Declined(applicants.reason_of(tx, self._seal, found.did))

    async def start_web(self, did: str) -> str:
        """A browser session for somebody who waits: the id for the cookie. Raises InvalidToken."""
        waiting = self.find(did)
        if waiting is None:
            raise InvalidToken
        return await self._truth.write(lambda tx: sessions.start_web(tx, waiting.id))

    def of_web(self, session_id: str) -> Account | None:
        """Who waits, by their browser session."""
        with self._truth.reading() as tx:
            place = sessions.place_of_web(tx, session_id)
            row = tx.one("SELECT did FROM applicant WHERE place = :place", place=place) if place is not None else None
        return self.find(row[0]) if row else None

    async def session(self, did: str) -> SignedIn:
        """A session for a program of somebody who waits. Raises Declined, InvalidToken."""
        await self.standing(did)
        waiting = self.find(did)
        if waiting is None:
            raise InvalidToken
        return SignedIn(waiting, await self._truth.write(lambda tx: sessions.start(tx, self._tokens, waiting)))

    async def refresh(self, waiting: Account, claims: Claims) -> SignedIn:
        """The next pair of tokens for somebody who waits. Raises ExpiredToken."""
        pair = await self._truth.write(lambda tx: sessions.rotate(tx, self._tokens, waiting, claims.jti))
        if pair is None:
            raise ExpiredToken("This session has ended. Sign in again.")
        return SignedIn(waiting, pair)

    async def withdraw(self, did: str) -> None:
        """They do not want to join any more: all of it is erased."""

        def leave(tx: Tx) -> None:
            found = applicants.find(tx, did)
            if found is not None:
                applicants.erase(tx, did)
                sessions.end_all(tx, -found.place)

        await self._truth.write(leave)

    # --- deciding

    def count(self) -> int:
        """How many wait."""
        with self._truth.reading() as tx:
            return applicants.waiting(tx)

    def line(self, after: int = 0, limit: int = 50) -> list[Waits]:
        """Those who wait, in order, after a place, with what they said."""
        with self._truth.reading() as tx:
            found = applicants.page(tx, after, limit)
            return [
                Waits(one.place, one.did, one.handle, one.applied_at, applicants.words_of(tx, self._seal, one.did))
                for one in found
            ]

    def named(self, name: str) -> Account:
        """Who waits, by handle (its first part is enough) or DID. Raises NotInLine."""
        whole = name if name.startswith("did:") or "." in name else f"{name.lower()}{self._handle_domain}"
        found = self.find(whole)
        if found is None:
            raise NotInLine
        return found

    async def let_in(self, did: str, how: str = "word") -> Account:
        """Make a member of somebody in the line; their sessions go on. Raises NotInLine, HandleTaken, MailTaken and
        what publishing the identity raises."""
        with self._truth.reading() as tx:
            found, genesis = applicants.find(tx, did), applicants.genesis_of(tx, did)
        if found is None:
            raise NotInLine(did=did)
        handle = found.handle
        genesis = self._renewed(genesis, handle)
        await self._register.publish_first(genesis)

        def enter(tx: Tx) -> Account:
            was, new = applicants.take(tx, self._seal, did)
            made = New(genesis.did, handle, "member", new.password, new.mail, new.signing_key)
            account = self._members.enter(tx, made, genesis)
            self._register.repoint(tx, genesis.did)  # both change nothing, unless the network has moved meanwhile
            self._register.change_handle(tx, genesis.did, handle)
            sessions.hand_on(tx, -was.place, account.id)
            applicants.note_admission(tx, how)
            return account

        return await self._truth.write(enter)

    def _renewed(self, genesis: Genesis, handle: str) -> Genesis:
        """The operation as it was signed; if a key of the network was replaced since, one with the new keys, and so
        another DID. Nobody has heard of the first; its holder signs in again."""
        keys: list[str] = genesis.operation["rotationKeys"]
        if keys[-2:] == self._register.rotation_keys:
            return genesis
        own = keys[0] if len(keys) > len(self._register.rotation_keys) else None
        return self._register.genesis(handle, genesis.operation["verificationMethods"]["atproto"], own)

    async def decline(self, did: str, because: str = "") -> None:
        """Say no, with or without a reason, which they are told when they come back. Raises NotInLine."""
        await self._truth.write(lambda tx: applicants.decline(tx, self._seal, did, because.strip()[:MAX_WORDS]))

    # --- steady work

    def stir(self) -> None:
        """The line or the owner's choices have changed: look again. Called on the event loop."""
        self._stirred.set()

    async def run(self) -> None:
        """Let in by itself whose turn it is, until cancelled."""
        while True:
            self._stirred.clear()
            pause = await self.move()
            try:
                async with asyncio.timeout(pause):
                    await self._stirred.wait()
            except TimeoutError:
                pass

    async def move(self) -> float | None:
        """Let in all whose turn it is. Seconds until the next one's; None where the line does not move by itself."""
        while self._network.choices.join == "open":
            with self._truth.reading() as tx:
                first, pause = applicants.first(tx), self._pause(tx, self._network.choices.hourly, 1)
            if first is None:
                return None
            if pause > 0:
                return pause / 1_000_000 + 0.01
            try:
                await self.let_in(first.did, "line")
            except (HandleTaken, MailTaken) as taken:
                await self.decline(first.did, taken.say)
            except NotInLine:
                continue  # somebody decided meanwhile
        return None

    def sweep(self, tx: Tx, keep_micros: int) -> None:
        """Erase who was declined long ago or never came back, and proofs that count no more."""
        for place in applicants.sweep(tx, keep_micros):
            sessions.end_all(tx, -place)
        proof_of_work.sweep(tx)


def as_account(applicant: Applicant) -> Account:
    """Somebody in the line as what sessions hang on: its id is not that of any account."""
    one = applicant
    return Account(-one.place, one.did, one.handle, "waiting", "deactivated", one.applied_at)


def _came_in(tx: Tx, proof: Proof | None) -> None:
    if proof is not None:
        proof_of_work.use(tx, proof)
    applicants.note_admission(tx, "door")
