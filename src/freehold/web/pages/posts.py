"""One post: its conversation, who liked, echoed and quoted it, liking and echoing, deleting."""

from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from freehold.web.backend import Json, Ref
from freehold.web.drawn import Post, Quoted
from freehold.web.endpoints import Form, getter, poster
from freehold.web.pages.home import said
from freehold.web.shield import own_path
from freehold.web.untrusted import reply_root
from freehold.web.visit import Missing, Visit

PAGE = 50


async def uri_of(visit: Visit) -> str:
    """The AT-URI of the post in the address /@{actor}/p/{rkey}. Raises Missing when nobody has that name."""
    did = await visit.backend.did_of(visit.request.path_params["actor"])
    if did is None:
        raise Missing
    return f"at://{did}/app.bsky.feed.post/{visit.request.path_params['rkey']}"


async def load_view(visit: Visit, uri: str) -> Json:
    """The view of one post. Raises Missing when it is not there for this reader."""
    visit.backend.reads("records", uri, visit.viewer, visit.address)
    found = (await visit.backend.views.get_posts(visit.viewer, uris=[uri]))["posts"]
    if not found:
        raise Missing
    view: Json = found[0]
    return view


async def load_post(visit: Visit, uri: str) -> Post:
    """One post, ready to draw. Raises Missing."""
    if not uri.startswith("at://"):
        raise Missing
    post = visit.show.post(await load_view(visit, uri))
    if post.by.hidden:
        raise Missing
    return post


def as_quote(post: Post) -> Quoted:
    """A post, small, inside something else."""
    pictures = () if post.cover else post.pictures[:2]
    return Quoted(by=post.by, url=post.url, when=post.when, html=post.html, lang=post.lang, pictures=pictures)


async def conversation(visit: Visit) -> Response:
    """GET /@{actor}/p/{rkey}"""
    uri = await uri_of(visit)
    answer = await visit.backend.views.get_post_thread_v2(
        visit.viewer, anchor=uri, below=6, branching_factor=100, sort="oldest"
    )
    thread = visit.show.thread(answer)
    if thread.post is None and not thread.above and visit.member is not None and not answer.get("thread"):
        raise Missing
    return await visit.page("thread.html", 200 if thread.post else 404, thread=thread, said=said(visit))


async def likes(visit: Visit) -> Response:
    """GET /@{actor}/p/{rkey}/likes"""
    uri, say = await uri_of(visit), visit.speech.say
    answer = await visit.backend.views.get_likes(visit.viewer, uri=uri, limit=PAGE, cursor=_cursor(visit))
    nobody = (say("Nobody has liked this yet"), say("Who likes it is listed here."))
    return await _people(visit, [like["actor"] for like in answer["likes"]], answer, say("Liked by"), nobody)


async def echoes(visit: Visit) -> Response:
    """GET /@{actor}/p/{rkey}/echoes"""
    uri, say = await uri_of(visit), visit.speech.say
    answer = await visit.backend.views.get_reposted_by(visit.viewer, uri=uri, limit=PAGE, cursor=_cursor(visit))
    nobody = (say("Nobody has echoed this yet"), say("Who passes it on is listed here."))
    return await _people(visit, answer["repostedBy"], answer, say("Echoed by"), nobody)


async def quotes(visit: Visit) -> Response:
    """GET /@{actor}/p/{rkey}/quotes"""
    uri = await uri_of(visit)
    answer = await visit.backend.views.get_quotes(visit.viewer, uri=uri, limit=PAGE, cursor=_cursor(visit))
    posts = visit.show.posts(answer["posts"])
    return await visit.page("quotes.html", posts=posts, cursor=answer.get("cursor"), back=_above(visit))


async def act(visit: Visit, form: Form) -> Response:
    """POST /@{actor}/p/{rkey}/act: like, echo, save, mute its thread, or take it back. Twice is the same as once."""
    view = await load_view(visit, await uri_of(visit))
    me, backend, do = visit.me.did, visit.backend, form.text("do")
    subject, state = Ref(view["uri"], view["cid"]), view.get("viewer") or {}
    liked, echoed = state.get("like"), state.get("repost")
    if do == "like" and not liked:
        await backend.like(me, subject)
    elif do == "unlike" and liked:
        await backend.unlike(me, liked)
    elif do == "echo" and not echoed:
        await backend.echo(me, subject)
    elif do == "unecho" and echoed:
        await backend.unecho(me, echoed)
    elif do == "save":
        await backend.apart.save(me, subject.uri, subject.cid)
    elif do == "let-go":
        await backend.apart.let_go(me, subject.uri)
    elif do in ("mute-thread", "unmute-thread"):
        root = (reply_root(view["record"]) or (subject.uri, ""))[0]
        await backend.apart.mute_thread(me, root, muted=do == "mute-thread")
        return visit.go(own_path(form.text("back", 2000)), said=f"thread-{do.partition('-')[0]}d")
    if "application/json" in visit.request.headers.get("accept", ""):
        return await _acted(visit, subject.uri, do)
    return visit.go(own_path(form.text("back", 2000)))


async def ask_delete(visit: Visit) -> Response:
    """GET /@{actor}/p/{rkey}/delete"""
    _ = visit.me
    post = await load_post(visit, await uri_of(visit))
    if not post.mine:
        raise Missing
    return await visit.page("delete.html", post=post, as_quote=as_quote(post))


async def delete(visit: Visit, form: Form) -> Response:
    """POST /@{actor}/p/{rkey}/delete"""
    if await visit.backend.did_of(visit.request.path_params["actor"]) != visit.me.did:
        raise Missing
    await visit.backend.delete_post(visit.me.did, visit.request.path_params["rkey"])
    return visit.go(visit.me_person.url, said="deleted")


async def _acted(visit: Visit, uri: str, do: str) -> Response:
    """What a script needs to draw the button anew."""
    post = visit.show.post(await load_view(visit, uri))
    if do in ("save", "let-go"):
        answer = {"pressed": post.saved, "next": "let-go" if post.saved else "save"}
        return visit.sealed(JSONResponse(answer))
    echo = do.endswith("echo")
    pressed, count = (bool(post.echoed), post.echoes) if echo else (bool(post.liked), post.likes)
    undo, redo = ("unecho", "echo") if echo else ("unlike", "like")
    answer = {"pressed": pressed, "count": visit.speech.number(count), "next": undo if pressed else redo}
    return visit.sealed(JSONResponse(answer))


async def _people(visit: Visit, views: list[Json], answer: Json, title: str, nobody: tuple[str, str]) -> Response:
    return await visit.page(
        "people.html",
        title=title,
        back=_above(visit),
        tabs=(),
        listed=visit.show.people(views),
        nobody=nobody,
        cursor=answer.get("cursor"),
    )


def _cursor(visit: Visit) -> str | None:
    return visit.asked("cursor") or None


def _above(visit: Visit) -> str:
    return visit.request.url.path.rpartition("/")[0]


ROUTES = [
    Route("/@{actor}/p/{rkey}", getter(conversation)),
    Route("/@{actor}/p/{rkey}/likes", getter(likes)),
    Route("/@{actor}/p/{rkey}/echoes", getter(echoes)),
    Route("/@{actor}/p/{rkey}/quotes", getter(quotes)),
    Route("/@{actor}/p/{rkey}/act", poster(act), methods=["POST"]),
    Route("/@{actor}/p/{rkey}/delete", getter(ask_delete)),
    Route("/@{actor}/p/{rkey}/delete", poster(delete), methods=["POST"]),
]
