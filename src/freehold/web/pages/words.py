"""The words that a member mutes: see them, add one, take one back."""

from dataclasses import dataclass

from starlette.responses import Response
from starlette.routing import Route

from freehold.appview.muted_words import MutedWord
from freehold.net.statuses import STATUS
from freehold.protocol.refused import Refused
from freehold.web.endpoints import Form, getter, poster
from freehold.web.pages.home import said
from freehold.web.visit import Visit

WORDS = "/settings/words"
SPANS = (0, 1, 7, 30)
"""Days for which a word can be muted; 0: always."""


@dataclass(frozen=True, slots=True)
class Row:
    """A muted word, and how it is muted, in words."""

    id: str
    word: str
    how: str


async def words(visit: Visit) -> Response:
    """GET /settings/words"""
    return await _page(visit, {})


async def change(visit: Visit, form: Form) -> Response:
    """POST /settings/words: mute a word, or take one back. Twice is the same as once."""
    me, apart = visit.me.did, visit.backend.apart
    if form.text("do") == "unmute":
        await apart.unmute_word(me, form.text("id"))
        return visit.go(WORDS, said="word-unmuted")
    word, days = form.text("word"), form.text("days")
    span = next((each for each in SPANS if str(each) == days), 0)
    where, others = form.text("where"), form.text("of") == "others"
    try:
        await apart.mute_word(me, word, in_text=where != "tags", of_all=not others, days=span or None)
    except Refused as refused:
        return await _page(visit, {"word": visit.says(refused)}, STATUS[refused.kind], word)
    return visit.go(WORDS, said="word-muted")


async def _page(visit: Visit, found: dict[str, str], status: int = 200, word: str = "") -> Response:
    say = visit.speech.say
    muted = [_row(visit, one) for one in visit.backend.apart.muted_words(visit.me.did)]
    names = say("Always"), say("A day"), say("A week"), say("Thirty days")
    spans = tuple(zip(SPANS, names, strict=True))
    return await visit.page("words.html", status, found=found, word=word, muted=muted, spans=spans, said=said(visit))


def _row(visit: Visit, one: MutedWord) -> Row:
    say = visit.speech.say
    how = [say("Always") if one.until is None else say("Until %(when)s", when=visit.speech.full(one.until))]
    if not one.in_text:
        how.append(say("as a hashtag only"))
    if not one.of_all:
        how.append(say("not in posts by people whom you follow"))
    return Row(one.id, one.word, ", ".join(how) + ".")


ROUTES = [
    Route(WORDS, getter(words)),
    Route(WORDS, poster(change), methods=["POST"]),
]
