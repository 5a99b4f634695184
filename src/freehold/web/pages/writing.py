"""Writing: a post, a reply, a quote; with pictures, a link card, a language.

The form keeps everything that was typed over every step: adding pictures, a refusal, a card that is not wanted.
"""

from contextlib import suppress
from dataclasses import dataclass, field

from babel import Locale
from starlette.responses import Response
from starlette.routing import Route

from freehold.net.statuses import STATUS
from freehold.protocol.refused import Refused
from freehold.web.backend import DraftPicture, LinkCard, NewPost, Ref
from freehold.web.cards import card_of
from freehold.web.drawn import Post, Quoted
from freehold.web.endpoints import Form, getter, poster
from freehold.web.pages import drafts
from freehold.web.pages.posts import as_quote, load_post
from freehold.web.shield import LARGE_BODY, assure_own_page, own_path
from freehold.web.text import MAX_GRAPHEMES, facets, first_link, graphemes, host_of, is_web_address, tidy, web_address
from freehold.web.visit import Missing, Visit

MAX_PICTURES = 4
MAX_KEPT_GRAPHEMES = 1_000
TONGUES = ("en", "fr", "de", "es", "it", "pt", "nl", "pl", "uk", "tr", "ar", "fa", "zh", "ja")
COVERS = ("", "nudity", "sexual", "graphic-media")


@dataclass
class Draft:
    """A post while it is written. kept: the id under which it waits among the drafts, or ""."""

    text: str = ""
    lang: str = "en"
    cover: str = ""
    back: str = "/"
    pictures: list[tuple[DraftPicture, str]] = field(default_factory=list)
    card: LinkCard | None = None
    card_refused: bool = False
    parent: Post | None = None
    quote: Post | None = None
    kept: str = ""

    @property
    def length(self) -> int:
        """Characters as a person sees them."""
        return graphemes(tidy(self.text))

    @property
    def parent_quoted(self) -> Quoted:
        """The post that is answered, small."""
        return as_quote(self.parent) if self.parent else Quoted()

    @property
    def quote_quoted(self) -> Quoted:
        """The post that is quoted, small."""
        return as_quote(self.quote) if self.quote else Quoted()


async def write(visit: Visit) -> Response:
    """GET /write, with reply_to, quote, or text shared from elsewhere; or with a draft to go on with"""
    _ = visit.me
    if visit.asked("draft"):
        return await _page(visit, await _taken_up(visit, visit.asked("draft")), {})
    shared = [visit.asked(name, 2000) for name in ("title", "text", "url")]
    draft = Draft(text="\n".join(part for part in shared if part), lang=visit.speech.language, back=_back(visit))
    draft.parent = await _asked_post(visit, visit.asked("reply_to", 600))
    draft.quote = await _asked_post(visit, visit.asked("quote", 600))
    if draft.parent is not None:
        draft.back = draft.parent.url
    return await _page(visit, draft, {})


async def _taken_up(visit: Visit, id: str) -> Draft:
    """Raises Missing. A quoted post that is gone meanwhile is left out."""
    begun = drafts.begun(visit, id)
    lang = begun.lang if begun.lang in TONGUES else visit.speech.language
    draft = Draft(text=begun.text, lang=lang, back=drafts.DRAFTS, kept=id)
    with suppress(Missing):
        draft.quote = await _asked_post(visit, begun.quote)
    return draft


async def send(visit: Visit, form: Form) -> Response:
    """POST /write: add pictures, drop something, keep it for later, or publish"""
    draft = await _draft(visit, form)
    found: dict[str, str] = {}
    had = len(draft.pictures)
    await _add_pictures(visit, form, draft, found)
    do = form.text("do") or "post"
    if do.startswith("drop-"):
        _drop(draft, do.removeprefix("drop-"))
        return await _page(visit, draft, found)
    if do == "add" or found or len(draft.pictures) > had:
        # pictures that came along with the text get their descriptions asked for first
        return await _page(visit, draft, found, 200 if not found else 400)
    found = _unfit_to_keep(visit, draft) if do == "keep" else _faults(visit, draft)
    if found:
        return await _page(visit, draft, found, 400)
    try:
        if do == "keep":
            quote = Ref(draft.quote.uri, draft.quote.cid) if draft.quote else None
            await visit.backend.apart.keep_draft(
                visit.me.did, draft.kept, drafts.made(tidy(draft.text), draft.lang, quote)
            )
            return visit.go(drafts.DRAFTS, said="draft-kept")
        await _publish(visit, draft)
    except Refused as refused:
        return await _page(visit, draft, {"": visit.says(refused)}, STATUS[refused.kind])
    return visit.go(draft.back, said="replied" if draft.parent else "posted")


async def card(visit: Visit) -> Response:
    """GET /write/card?url=…: the card of a link, as a piece of the form, for a script"""
    me, url = visit.me.did, web_address(visit.asked("url", 2000))
    assure_own_page(visit.request)  # it makes this server fetch something: not at another site's wish
    found = await card_of(visit.backend, me, url) if url else None
    if found is None:
        raise Missing
    return visit.part("card.html", card=found, host=host_of(found.uri))


async def picture(visit: Visit) -> Response:
    """GET /write/picture?cid=…: a picture that is not posted yet, for its owner only"""
    found = await visit.backend.draft_picture(visit.me.did, visit.asked("cid", 200))
    if found is None or not found[0].startswith("image/") or found[0] == "image/svg+xml":
        raise Missing
    return visit.sealed(
        Response(found[1], media_type=found[0], headers={"Content-Security-Policy": "default-src 'none'"})
    )


async def _draft(visit: Visit, form: Form) -> Draft:
    texts, alts = form.texts("picture"), form.texts("alt")
    pictures = [_picture(text) for text in texts[:MAX_PICTURES]]
    alts += [""] * (len(pictures) - len(alts))
    draft = Draft(
        text=form.raw("text")[:20_000],
        lang=form.text("lang") if form.text("lang") in TONGUES else visit.speech.language,
        cover=form.text("cover") if form.text("cover") in COVERS else "",
        back=own_path(form.text("back")),
        pictures=[(one, alt.strip()[:2000]) for one, alt in zip(pictures, alts, strict=False) if one is not None],
        card_refused=form.text("card") == "none",
    )
    if is_web_address(form.text("card")):
        title, text = form.text("card_title", 300), form.text("card_text", 1000)
        draft.card = LinkCard(form.text("card"), title, text, _picture(form.text("card_picture")))
    draft.parent = await _asked_post(visit, form.text("reply_to"))
    draft.quote = await _asked_post(visit, form.text("quote"))
    draft.kept = form.text("draft", 100)
    return draft


def _picture(text: str) -> DraftPicture | None:
    """A stored picture from the form's hidden field: cid mime size width height."""
    parts = text.split(" ")
    if len(parts) != 5 or not parts[1].startswith("image/") or not all(part.isdecimal() for part in parts[2:]):
        return None
    size, width, height = (int(part) for part in parts[2:])
    return DraftPicture(parts[0], parts[1], size, max(width, 1), max(height, 1))


async def _add_pictures(visit: Visit, form: Form, draft: Draft, found: dict[str, str]) -> None:
    most = visit.network.picture_max_bytes
    for data in await form.files("files", most):
        if len(draft.pictures) == MAX_PICTURES:
            found["files"] = visit.speech.say("Four pictures is the most. The others were not added.")
            return
        if data is None:
            megabytes = visit.speech.number(most // 1_000_000)
            found["files"] = visit.speech.say(
                "That picture was not added. It is larger than %(n)s MB. Choose a smaller one.", n=megabytes
            )
            continue
        try:
            draft.pictures.append((await visit.backend.upload_picture(visit.me.did, data), ""))
        except Refused as refused:
            found["files"] = visit.says(refused)


def _drop(draft: Draft, what: str) -> None:
    if what == "card":
        draft.card, draft.card_refused = None, True
    draft.pictures = [(one, alt) for one, alt in draft.pictures if one.cid != what]


def _faults(visit: Visit, draft: Draft) -> dict[str, str]:
    over = draft.length - MAX_GRAPHEMES
    if over > 0:
        words = visit.speech.say_n(
            "That is %(n)s character too many. Shorten it a little.",
            "That is %(n)s characters too many. Shorten it a little.",
            over,
        )
        return {"text": words}
    if not draft.length and not draft.pictures and draft.quote is None:
        return {"text": visit.speech.say("There is nothing to post yet. Write something or add a picture.")}
    return {}


def _unfit_to_keep(visit: Visit, draft: Draft) -> dict[str, str]:
    say = visit.speech.say
    if draft.pictures:
        return {"": say("Pictures cannot wait in a draft. Remove them, or post now.")}
    if draft.length > MAX_KEPT_GRAPHEMES:
        return {"text": say("A draft has 1,000 characters at most. Shorten it a little.")}
    if not draft.length:
        return {"text": say("There is nothing to keep yet. Write something.")}
    return {}


async def _publish(visit: Visit, draft: Draft) -> None:
    me, text = visit.me.did, tidy(draft.text)
    found = await facets(text, visit.backend.did_of, visit.network.handle_suffix)
    link = first_link(found)
    card = None
    if link and not draft.pictures and not draft.card_refused:
        card = draft.card if draft.card and draft.card.uri == link else await card_of(visit.backend, me, link)
    parent = Ref(draft.parent.uri, draft.parent.cid) if draft.parent else None
    root = Ref(*draft.parent.reply_root) if draft.parent and draft.parent.reply_root else parent
    post = NewPost(
        text=text,
        facets=found,
        langs=(draft.lang,),
        reply_root=root,
        reply_parent=parent,
        quote=Ref(draft.quote.uri, draft.quote.cid) if draft.quote else None,
        pictures=draft.pictures,
        card=card,
        labels=(draft.cover,) if draft.cover and draft.pictures else (),
    )
    await visit.backend.create_post(me, post)
    if draft.kept:
        await visit.backend.apart.delete_draft(me, draft.kept)


async def _asked_post(visit: Visit, uri: str) -> Post | None:
    return await load_post(visit, uri) if uri else None


def _back(visit: Visit) -> str:
    return own_path(visit.asked("back", 2000))


async def _page(visit: Visit, draft: Draft, found: dict[str, str], status: int = 200) -> Response:
    say = visit.speech.say
    tongues = [(code, (Locale.parse(code).get_display_name(code) or code).capitalize()) for code in TONGUES]
    covers = zip(
        COVERS, (say("Do not cover"), say("Nudity"), say("Sexual content"), say("Violence or injury")), strict=True
    )
    host = host_of(draft.card.uri) if draft.card else ""
    return await visit.page(
        "compose.html", status, draft=draft, found=found, tongues=tongues, covers=list(covers), host=host
    )


ROUTES = [
    Route("/write", getter(write)),
    Route("/write", poster(send, most_bytes=LARGE_BODY), methods=["POST"]),
    Route("/write/card", getter(card)),
    Route("/write/picture", getter(picture)),
]
