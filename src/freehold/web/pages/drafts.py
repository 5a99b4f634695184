"""Posts that a member keeps to finish later. Apps keep theirs in the same place, and those may hold more.

What is in a draft here: words, their language, a post that is quoted. Of others it is shown what they say.
Source: lexicon app.bsky.draft.defs
"""

from dataclasses import dataclass

from starlette.responses import Response
from starlette.routing import Route

from freehold.web.apart import Kept
from freehold.web.backend import Json, Ref
from freehold.web.endpoints import Form, getter, poster
from freehold.web.pages.home import said
from freehold.web.untrusted import clean
from freehold.web.visit import Missing, Visit

DRAFTS = "/drafts"
_POST, _DRAFT = {"text", "embedRecords", "$type"}, {"posts", "langs", "deviceId", "deviceName", "$type"}


@dataclass(frozen=True, slots=True)
class Row:
    """A draft as the list draws it. simple: it can be finished on these pages."""

    id: str
    words: str
    when: str
    simple: bool


@dataclass(frozen=True, slots=True)
class Begun:
    """What is taken up again. quote: the at-uri of a post, or ""."""

    text: str
    lang: str
    quote: str


def made(text: str, lang: str, quote: Ref | None) -> Json:
    """app.bsky.draft.defs#draft of what was typed."""
    post: Json = {"text": text}
    if quote is not None:
        post["embedRecords"] = [{"record": {"uri": quote.uri, "cid": quote.cid}}]
    return {"posts": [post], "langs": [lang]}


def begun(visit: Visit, id: str) -> Begun:
    """A draft to be finished. Raises Missing where it is not there, or holds more than these pages can."""
    found = next((one.draft for one in visit.backend.apart.drafts(visit.me.did) if one.id == id), None)
    if found is None or not _is_simple(found):
        raise Missing
    post = found["posts"][0]
    records = post.get("embedRecords") or [{}]
    return Begun(
        str(post["text"]), str((found.get("langs") or [""])[0]), str(records[0].get("record", {}).get("uri", ""))
    )


def _is_simple(draft: Json) -> bool:
    """One post without pictures or rules for replies."""
    posts = draft["posts"]
    return len(posts) == 1 and not (posts[0].keys() - _POST or draft.keys() - _DRAFT)


async def drafts(visit: Visit) -> Response:
    """GET /drafts"""
    rows = [_row(visit, one) for one in visit.backend.apart.drafts(visit.me.did)]
    return await visit.page("drafts.html", rows=rows, said=said(visit))


def _row(visit: Visit, one: Kept) -> Row:
    words = "\n".join(clean(post.get("text")) for post in one.draft["posts"])
    return Row(one.id, words, visit.speech.ago(one.changed, visit.now), _is_simple(one.draft))


async def delete(visit: Visit, form: Form) -> Response:
    """POST /drafts: let one go."""
    await visit.backend.apart.delete_draft(visit.me.did, form.text("id"))
    return visit.go(DRAFTS, said="draft-deleted")


ROUTES = [
    Route(DRAFTS, getter(drafts)),
    Route(DRAFTS, poster(delete), methods=["POST"]),
]
