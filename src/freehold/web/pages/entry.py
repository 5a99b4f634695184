"""Coming in for the first time: the first-run page, joining."""

from dataclasses import asdict, dataclass

from starlette.responses import Response
from starlette.routing import Route

from freehold.net.statuses import STATUS
from freehold.protocol.refused import Refused
from freehold.web.backend import Claim, Member
from freehold.web.brand import HUES
from freehold.web.endpoints import Form, getter, poster
from freehold.web.gate import WAYS, Applied
from freehold.web.pages import waiting
from freehold.web.visit import Missing, Visit

# which field of a form a refusal belongs to, by its protocol name
FIELD_OF = {
    "InvalidHandle": "handle",
    "HandleNotAvailable": "handle",
    "UnsupportedDomain": "handle",
    "InvalidPassword": "password",
    "InvalidInviteCode": "invite",
    "InvalidEmail": "email",
    "EmailNotAvailable": "email",
    "WrongClaimCode": "code",
}


@dataclass
class Joining:
    """The join form, as typed."""

    handle: str = ""
    email: str = ""
    invite: str = ""
    rules: bool = False
    words: str = ""
    proof: str = ""


@dataclass
class Claiming:
    """The first-run form, as typed."""

    code: str = ""
    name: str = ""
    domain: str = ""
    hue: str = "bottle"
    joining: str = "invite"
    handle: str = ""


async def claim_page(visit: Visit) -> Response:
    """GET /claim"""
    if visit.network.claimed:
        raise Missing
    return await _claim(visit, Claiming(code=visit.asked("code"), domain=visit.network.host), {})


async def claim(visit: Visit, form: Form) -> Response:
    """POST /claim: the recovery key is in the answer to this, and nowhere else."""
    if visit.network.claimed:
        raise Missing
    typed = Claiming(**{name: form.text(name, 200) for name in asdict(Claiming())})
    typed.hue = typed.hue if typed.hue in HUES else "bottle"
    found = _blank(
        visit, {"code": typed.code, "name": typed.name, "handle": typed.handle, "password": form.raw("password")}
    )
    if found:
        return await _claim(visit, typed, found, 400)
    hue = HUES[typed.hue]
    wanted = Claim(
        code=typed.code,
        name=typed.name,
        hue=hue.hue,
        chroma=hue.chroma,
        domain=typed.domain,
        joining=next((way for way in WAYS if way == typed.joining), "invite"),
        handle=_name(visit, typed.handle),
        password=form.raw("password"),
    )
    try:
        done = await visit.backend.claim(wanted)
    except Refused as refused:
        return await _claim(visit, typed, _found(visit, refused), STATUS[refused.kind])
    visit.network = visit.backend.network()
    return await _welcome(visit, done.owner, await visit.page("keys.html", recovery_key=done.recovery_key))


async def join_page(visit: Visit) -> Response:
    """GET /join?invite=…"""
    if visit.member is not None:
        return visit.go("/")
    return await _join(visit, Joining(invite=visit.asked("invite", 100)), {})


async def join(visit: Visit, form: Form) -> Response:
    """POST /join"""
    typed = Joining(
        form.text("handle", 300), form.text("email", 300), form.text("invite", 100), bool(form.text("rules")),
        form.text("words", 1_000), form.text("proof", 1_000),
    )  # fmt: skip
    found = _blank(visit, {"handle": typed.handle, "password": form.raw("password")})
    if visit.network.rules and not typed.rules:
        found["rules"] = visit.speech.say("Read the rules and tick the box to go on.")
    if found:
        return await _join(visit, typed, found, 400)
    try:
        member = await visit.backend.sign_up(
            handle=_name(visit, typed.handle),
            password=form.raw("password"),
            email=typed.email or None,
            invite=typed.invite or None,
            proof=typed.proof or None,
            words=typed.words,
            address=visit.address,
        )
    except Refused as refused:
        if refused.name in ("ProofRequired", "StaleProof"):
            typed.proof = ""
        return await _join(visit, typed, _found(visit, refused), STATUS[refused.kind])
    if isinstance(member, Applied):
        return await waiting.begin(visit, member.did)
    return await _welcome(visit, member, visit.go(visit.network.front, said="welcome"))


async def _welcome(visit: Visit, member: Member, response: Response) -> Response:
    return await visit.signed_in(member, response)


async def _claim(visit: Visit, typed: Claiming, found: dict[str, str], status: int = 200) -> Response:
    first = typed.name.split()[:1]
    sample = first[0] if first and len(first[0]) <= 6 else "Aa"
    facts = {"hue_names": hue_words(visit), "sample": sample}
    return await visit.page("claim.html", status, typed=typed, found=found, **facts)


def hue_words(visit: Visit) -> list[tuple[str, str]]:
    """The owner's colours: their names in the form, and in the reader's language."""
    say = visit.speech.say
    words = (
        *(say("Bottle green"), say("Ink blue"), say("Oxblood"), say("Plum")),
        *(say("Ochre"), say("Brick"), say("Lake"), say("Slate")),
    )
    return list(zip(HUES, words, strict=True))


async def _join(visit: Visit, typed: Joining, found: dict[str, str], status: int = 200) -> Response:
    """The form, with a piece of work for the browser where one is asked for and not done yet."""
    asked = visit.network.proof and not typed.proof and visit.network.joining in ("open", "ask")
    work = visit.backend.gate.challenge() if asked else ""
    return await visit.page("join.html", status, typed=typed, found=found, work=work)


def _blank(visit: Visit, typed: dict[str, str]) -> dict[str, str]:
    """Fields that were left empty."""
    say = visit.speech.say
    words = {
        "code": say("Type the code that the terminal shows."),
        "name": say("Give the network a name."),
        "handle": say("Choose a name for yourself."),
        "password": say("Choose a password."),
    }
    return {field: words[field] for field, value in typed.items() if not value}


def _found(visit: Visit, refused: Refused) -> dict[str, str]:
    """A refusal beside the field that it is about."""
    return {FIELD_OF.get(refused.name, ""): visit.says(refused)}


def _name(visit: Visit, typed: str) -> str:
    """The part of a handle that a person chooses, however much of it they typed."""
    return typed.lower().lstrip("@").removesuffix(visit.network.handle_suffix)


ROUTES = [
    Route("/claim", getter(claim_page, unclaimed=True)),
    Route("/claim", poster(claim, members=False, unclaimed=True), methods=["POST"]),
    Route("/join", getter(join_page)),
    Route("/join", poster(join, members=False), methods=["POST"]),
]
