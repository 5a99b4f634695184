"""The pages' `Gate`, made of one site's rooms. Only translation."""

from datetime import UTC, datetime
from urllib.parse import urlsplit

import msgspec

from freehold.pds import sessions
from freehold.pds.admission import Declined
from freehold.site import Site
from freehold.web.gate import Applicant, Moved, Reading, Turn, Wanted


class SiteGate:
    """The door of one network, as its pages see it."""

    def __init__(self, site: Site) -> None:
        self._site = site

    def challenge(self) -> str:
        return self._site.admission.challenge()

    async def start_session(self, did: str) -> tuple[str, int]:
        token = await self._site.admission.start_web(did)
        return token, sessions.WEB_SESSION_MICROS // sessions.MICROS

    async def turn(self, token: str) -> Turn | None:
        waits = self._site.admission.of_web(token)
        if waits is None:
            return None
        try:
            standing = await self._site.admission.standing(waits.did)
        except Declined as declined:
            return Turn(waits.did, waits.handle, declined=declined.because)
        return Turn(waits.did, waits.handle, standing.turn, standing.seconds) if standing is not None else None

    async def withdraw(self, did: str) -> None:
        await self._site.admission.withdraw(did)

    def waiting(self) -> int:
        return self._site.admission.count()

    def line(self, after: int, limit: int) -> list[Applicant]:
        return [
            Applicant(one.place, one.did, one.handle, _moment(one.applied_at), one.words)
            for one in self._site.admission.line(after, limit)
        ]

    async def let_in(self, did: str) -> str:
        return (await self._site.admission.let_in(self._site.admission.named(did).did)).handle

    async def decline(self, did: str, because: str) -> str:
        waits = self._site.admission.named(did)
        await self._site.admission.decline(waits.did, because)
        return waits.handle

    def wanted(self) -> Wanted:
        now = self._site.network.choices
        return Wanted(
            name=now.name,
            about=now.about,
            rules=now.rules,
            contact=now.contact,
            hue=now.hue,
            chroma=now.chroma,
            joining=now.join,  # type: ignore[arg-type]
            proof=now.proof,
            bits=now.proof_bits,
            hourly=now.hourly,
            alarm=now.alarm_reads,
            slow=now.alarm_slow,
            mail_reset=now.mail_reset,
        )

    def moved(self) -> Moved | None:
        move = self._site.network.last_move
        if move is None:
            return None
        return Moved(
            was=urlsplit(move.was).hostname or "",
            at=_moment(move.at),
            moved=move.moved,
            browsers=move.browsers,
            programs=move.programs,
            apps=move.apps,
            passkeys=move.passkeys,
            bound=[(one.handle, one.why) for one in move.bound],
        )

    def sends_mail(self) -> bool:
        return self._site.letters.possible

    async def choose(self, wanted: Wanted) -> None:
        site = self._site
        changed = msgspec.structs.replace(
            site.network.choices,
            name=wanted.name,
            about=wanted.about,
            rules=wanted.rules,
            contact=wanted.contact,
            hue=wanted.hue,
            chroma=wanted.chroma,
            join=wanted.joining,
            proof=wanted.proof,
            proof_bits=wanted.bits,
            hourly=wanted.hourly,
            alarm_reads=wanted.alarm,
            alarm_slow=wanted.slow,
            mail_reset=wanted.mail_reset,
        )
        await site.truth.write(lambda tx: site.network.choose(tx, changed))
        site.admission.stir()

    def readings(self) -> list[Reading]:
        return [Reading(one.name, one.kind, one.things, _moment(one.last_at)) for one in self._site.watch.all()]

    def expected(self) -> list[str]:
        return sorted(self._site.watch.expected())

    async def expect(self, name: str, expected: bool) -> None:
        await self._site.watch.expect(name, expected)


def _moment(micros: int) -> datetime:
    return datetime.fromtimestamp(micros / 1_000_000, UTC)
