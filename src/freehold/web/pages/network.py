"""The owner's page: what the network is called and says of itself, its colour, and who may join."""

from dataclasses import dataclass, replace

from starlette.responses import Response
from starlette.routing import Route

from freehold.protocol.refused import Refused
from freehold.web.brand import HUES
from freehold.web.endpoints import Form, getter, poster
from freehold.web.gate import WAYS, Joining, Reading, Wanted
from freehold.web.pages.entry import hue_words
from freehold.web.pages.home import said
from freehold.web.visit import Visit

BITS = (18, 20, 22)
MAX_NAME, MAX_ABOUT, MAX_RULES, MAX_RULE, MAX_NUMBER = 64, 2_000, 30, 500, 1_000_000


class OwnerOnly(Refused):
    """What only the owner chooses."""

    kind, name = "forbidden", "OwnerOnly"
    say = "This page is for the network’s owner."


@dataclass
class Typed:
    """The form, as typed."""

    name: str
    about: str
    rules: str
    contact: str
    hue: str
    joining: str
    proof: bool
    bits: str
    hourly: str
    alarm: str
    slow: bool
    mail_reset: bool


async def page(visit: Visit) -> Response:
    """GET /settings/network"""
    now = _owned(visit)
    hue = next((name for name, hue in HUES.items() if (hue.hue, hue.chroma) == (now.hue, now.chroma)), "")
    return await _page(
        visit,
        Typed(
            now.name, now.about, "\n".join(now.rules), now.contact, hue, now.joining, now.proof, str(now.bits),
            str(now.hourly or ""), str(now.alarm or ""), now.slow, now.mail_reset,
        ),
        {},
    )  # fmt: skip


async def save(visit: Visit, form: Form) -> Response:
    """POST /settings/network"""
    now = _owned(visit)
    typed = Typed(
        name=form.text("name", 200),
        about=form.text("about", MAX_ABOUT),
        rules=form.text("rules", MAX_RULES * MAX_RULE),
        contact=form.text("contact", 500),
        hue=form.text("hue", 20),
        joining=form.text("joining", 20),
        proof=bool(form.text("proof")),
        bits=form.text("bits", 2),
        hourly=form.text("hourly", 20),
        alarm=form.text("alarm", 20),
        slow=bool(form.text("slow")),
        mail_reset=bool(form.text("mail-reset")) if visit.backend.gate.sends_mail() else now.mail_reset,
    )
    found = _slips(visit, typed)
    if found:
        return await _page(visit, typed, found, 400)
    await visit.backend.gate.choose(_wanted(now, typed))
    return visit.go("/settings/network", said="saved")


def _slips(visit: Visit, typed: Typed) -> dict[str, str]:
    say, found = visit.speech.say, {}
    if not 0 < len(typed.name) <= MAX_NAME:
        found["name"] = say("Give the network a name.")
    if len(_rules(typed)) > MAX_RULES or any(len(rule) > MAX_RULE for rule in _rules(typed)):
        found["house-rules"] = say("At most 30 rules, each of at most 500 characters.")
    for field, value in (("hourly", typed.hourly), ("alarm", typed.alarm)):
        if value and not (value.isdecimal() and int(value) <= MAX_NUMBER):
            found[field] = say("A whole number, or nothing.")
    return found


def _wanted(now: Wanted, typed: Typed) -> Wanted:
    hue = HUES.get(typed.hue)
    joining: Joining = next((way for way in WAYS if way == typed.joining), now.joining)
    return replace(
        now,
        name=typed.name,
        about=typed.about,
        rules=_rules(typed),
        contact=typed.contact,
        hue=hue.hue if hue else now.hue,
        chroma=hue.chroma if hue else now.chroma,
        joining=joining,
        proof=typed.proof,
        bits=int(typed.bits) if typed.bits in map(str, BITS) else now.bits,
        hourly=int(typed.hourly or 0),
        alarm=int(typed.alarm or 0),
        slow=typed.slow,
        mail_reset=typed.mail_reset,
    )


def _rules(typed: Typed) -> tuple[str, ...]:
    return tuple(line.strip() for line in typed.rules.splitlines() if line.strip())


def _owned(visit: Visit) -> Wanted:
    """The choices, for the owner. Raises SignInFirst, OwnerOnly."""
    if not visit.me.owner:
        raise OwnerOnly
    return visit.backend.gate.wanted()


async def reading(visit: Visit) -> Response:
    """GET /settings/reading"""
    _owned(visit)
    rows = [(one, sentence(visit, one)) for one in visit.backend.gate.readings()]
    return await visit.page("reading.html", rows=rows, expected=visit.backend.gate.expected(), said=said(visit))


async def expect(visit: Visit, form: Form) -> Response:
    """POST /settings/reading"""
    _owned(visit)
    name = form.text("name", 2_100)
    if name:
        await visit.backend.gate.expect(name, form.text("answer") == "expected")
    return visit.go("/settings/reading", said="saved")


def sentence(visit: Visit, one: Reading) -> str:
    """What somebody has read."""
    say_n, n = visit.speech.say_n, one.things
    if one.kind == "stream":
        return visit.speech.say("Listens to all that happens here, as relays do.")
    return {
        "repositories": say_n(
            "Has read about %(n)s whole repository within an hour.",
            "Has read about %(n)s whole repositories within an hour.", n,
        ),
        "records": say_n(
            "Has read about %(n)s post or other record within an hour.",
            "Has read about %(n)s different posts and other records within an hour.", n,
        ),
        "profiles": say_n(
            "Has read about %(n)s profile within an hour.", "Has read about %(n)s different profiles within an hour.", n
        ),
        "files": say_n(
            "Has read about %(n)s picture within an hour.", "Has read about %(n)s different pictures within an hour.", n
        ),
    }.get(one.kind, "")  # fmt: skip


async def _page(visit: Visit, typed: Typed, found: dict[str, str], status: int = 200) -> Response:
    say = visit.speech.say
    works = zip(
        BITS, (say("Light: half a second"), say("Usual: two seconds"), say("Heavy: eight seconds")), strict=True
    )
    facts = {
        "works": list(works),
        "hue_names": hue_words(visit),
        "waiting": visit.backend.gate.waiting(),
        "readings": len(visit.backend.gate.readings()),
        "moved": visit.backend.gate.moved(),
        "sends_mail": visit.backend.gate.sends_mail(),
    }
    return await visit.page("network.html", status, typed=typed, found=found, said=said(visit), **facts)


ROUTES = [
    Route("/settings/network", getter(page)),
    Route("/settings/network", poster(save), methods=["POST"]),
    Route("/settings/reading", getter(reading)),
    Route("/settings/reading", poster(expect), methods=["POST"]),
]
