"""The pages, as a reader without scripts walks through them."""

from datetime import timedelta

import pytest

from freehold.web.app import web_app
from freehold.web.backend import Fetched
from support.browsing import Reader
from support.village import NOW, PIXEL, Village

AMINA, MEI = "/@amina.linden.example", "/@mei.linden.example"


def only(village: Village) -> dict[str, object]:
    (said,) = village.said.values()
    return said.record


async def test_the_owner_claims_a_new_network_and_sees_the_key_once() -> None:
    village = Village(claimed=False, members=0, rules=())
    async with Reader(web_app(village, now=lambda: NOW), "http://village.test") as owner:
        assert (await owner.go("/search")).url.path == "/claim"
        typed = {
            "name": "Harbour <Town>",
            "hue": "lake",
            "handle": "ruth",
            "password": "four quiet words here",
            "domain": "h.example",
        }
        await owner.send("/claim", code="wrong", **typed)
        assert owner.page.status_code == 403
        assert "That code is not right" in owner.text
        assert "Harbour &lt;Town&gt;" in owner.text
        await owner.send("/claim", code="lantern-maple-forty", **typed)
        assert "maple quiet forty lantern" in owner.text
        assert owner.page.headers["cache-control"] == "no-store"
        assert (await owner.go("/")).status_code == 200
        assert "Good evening" in owner.text
        assert "maple quiet" not in owner.text
        assert "--hue: 205" in (await owner.go("/brand.css")).text
        assert (await owner.go("/claim")).status_code == 404


async def test_a_new_member_joins_and_what_was_typed_stays_after_a_refusal(stranger: Reader, village: Village) -> None:
    await stranger.go("/join")
    await stranger.send("/join", handle="mei", password="long enough words", email="m@a.example", rules="yes")
    assert stranger.page.status_code == 400
    assert "“mei” is taken. Free: mei-north." in stranger.text
    assert 'value="m@a.example"' in stranger.text
    assert "long enough words" not in stranger.text
    await stranger.send("/join", handle="Vera.linden.example", password="long enough words", rules="yes")
    assert "Welcome." in stranger.text
    assert "Follow three people" in stranger.text


async def test_the_rules_must_be_read(stranger: Reader) -> None:
    await stranger.go("/join")
    assert (await stranger.send("/join", handle="vera", password="long enough words")).status_code == 400
    assert "tick the box" in stranger.text


async def test_a_wrong_password_is_said_beside_the_form(stranger: Reader) -> None:
    await stranger.go("/sign-in?next=/notices")
    await stranger.send("/sign-in", identifier="mei", password="wrong")
    assert stranger.page.status_code == 401
    assert 'value="mei"' in stranger.text
    await stranger.send("/sign-in", identifier="@mei", password="correct horse")
    assert stranger.page.url.path == "/notices"


async def test_members_pages_ask_strangers_to_sign_in(stranger: Reader) -> None:
    for path in ("/write", "/notices", "/settings", "/search?q=x", "/settings/data"):
        assert (await stranger.go(path)).url.path == "/sign-in", path


async def test_signing_out_ends_the_session_on_the_server(mei: Reader, village: Village) -> None:
    await mei.go("/settings")
    await mei.send("/sign-out")
    assert "You are signed out." in mei.text
    assert not village.sessions


async def test_a_post_with_a_link_a_mention_and_a_tag_is_published_with_its_card(mei: Reader, village: Village) -> None:
    page = b"<title>Trams</title><meta name=description content='Three lines.'>"
    village.pages["https://a.example/trams"] = Fetched("https://a.example/trams", "text/html", page)
    await mei.go("/")
    await mei.send("/write", text="é @amina see https://a.example/trams #frost", do="post")
    assert "Posted." in mei.text
    record = only(village)
    kinds = [facet["features"][0]["$type"].rpartition("#")[2] for facet in record["facets"]]  # type: ignore[attr-defined]
    assert kinds == ["mention", "link", "tag"]
    assert record["embed"]["external"]["title"] == "Trams"  # type: ignore[index]
    assert record["langs"] == ["en"]
    assert 'href="https://a.example/trams" rel="nofollow noopener ugc"' in mei.text
    assert 'href="/search?q=%23frost"' in mei.text


async def test_a_card_can_be_seen_before_and_left_out(mei: Reader, village: Village) -> None:
    url = "https://a.example/trams"
    village.pages[url] = Fetched(url, "text/html", b"<title>Trams &lt;x&gt;</title>")
    piece = await mei.go("/write/card?url=" + url)
    assert "Trams &lt;x&gt;" in piece.text
    assert "<html" not in piece.text
    assert (await mei.go("/write/card?url=https://gone.example/")).status_code == 404
    await mei.go("/write")
    await mei.send("/write", text=url, card=url, card_title="Trams", card_text="", do="drop-card")
    await mei.send("/write", do="post")
    assert "embed" not in only(village)


async def test_pictures_are_added_described_and_posted_without_scripts(mei: Reader, village: Village) -> None:
    await mei.go("/write")
    files = [("files", ("a.png", PIXEL, "image/png")), ("files", ("b.png", PIXEL + b"x", "image/png"))]
    await mei.send("/write", files=files, text="Two pictures", do="add")
    assert "Describe picture 2" in mei.text
    assert "Two pictures" in mei.text
    assert not village.said
    cid = mei.text.split("/write/picture?cid=")[1].split('"')[0]
    preview = await mei.http.get("/write/picture?cid=" + cid)
    assert preview.content == PIXEL
    await mei.send("/write", alt=["A dot", "Another <dot>"], do="post", cover="nudity")
    record = only(village)
    assert [image["alt"] for image in record["embed"]["images"]] == ["A dot", "Another <dot>"]  # type: ignore[index]
    assert record["labels"]["values"] == [{"val": "nudity"}]  # type: ignore[index]
    assert "Covered: nudity" in mei.text


async def test_pictures_sent_with_the_post_get_their_descriptions_asked_for(mei: Reader, village: Village) -> None:
    await mei.go("/write")
    await mei.send("/write", files=[("files", ("a.png", PIXEL, "image/png"))], text="One", do="post")
    assert "Describe picture 1" in mei.text
    assert not village.said
    await mei.send("/write", do="post")
    assert len(village.said) == 1


async def test_a_picture_can_be_taken_off_again_and_four_are_the_most(mei: Reader) -> None:
    await mei.go("/write")
    files = [("files", (f"{n}.png", PIXEL + bytes([n]), "image/png")) for n in range(5)]
    await mei.send("/write", files=files, text="Many", do="add")
    assert "Four pictures is the most" in mei.text
    cid = mei.text.split("/write/picture?cid=")[1].split('"')[0]
    await mei.send("/write", do="drop-" + cid)
    assert cid not in mei.text
    assert "Describe picture 3" in mei.text


async def test_a_bad_or_large_picture_is_refused_and_the_text_kept(mei: Reader, village: Village) -> None:
    await mei.go("/write")
    await mei.send("/write", files=[("files", ("a.txt", b"no picture", "image/png"))], text="Kept words", do="post")
    assert mei.page.status_code == 400
    assert "no picture we know" in mei.text
    assert "Kept words" in mei.text
    await mei.send("/write", files=[("files", ("a.png", PIXEL + bytes(2_000_001), "image/png"))], text="Kept words")
    assert "It is larger than 2 MB" in mei.text
    assert not village.said


async def test_a_long_post_is_refused_with_the_number_and_the_text_kept(mei: Reader, village: Village) -> None:
    await mei.go("/write")
    await mei.send("/write", text="👩‍👩‍👧" * 301, do="post")
    assert mei.page.status_code == 400
    assert "1 character too many" in mei.text
    assert mei.text.count("👩‍👩‍👧") == 301
    await mei.send("/write", text="  \n ", do="post")
    assert "nothing to post yet" in mei.text
    await mei.send("/write", text="👩‍👩‍👧" * 300, do="post")
    assert len(village.said) == 1


async def test_a_reply_keeps_the_root_of_its_conversation(mei: Reader, village: Village) -> None:
    root = village.post(village.amina, "Root", 3)
    first = {"uri": root.uri, "cid": root.cid}
    middle = village.post(village.oskar, "Middle", 2, reply={"root": first, "parent": first})
    path = f"/@oskar.linden.example/p/{middle.uri.rpartition('/')[2]}"
    await mei.go(path)
    assert mei.text.index("<p>Root") < mei.text.index("<p>Middle")
    await mei.send("/write", text="Mine", do="post")
    assert "Your reply is posted." in mei.text
    assert mei.page.url.path == path
    reply = next(said.record["reply"] for said in village.said.values() if said.record["text"] == "Mine")
    assert (reply["root"]["uri"], reply["parent"]["uri"]) == (root.uri, middle.uri)


async def test_replies_are_nested_and_deleted_posts_say_so(mei: Reader, village: Village) -> None:
    root = village.post(village.amina, "Root", 5)
    above = {"uri": root.uri, "cid": root.cid}
    for text in ("one", "two", "three", "four", "five", "six"):
        ref = village.post(village.oskar, text, 1, reply={"root": {"uri": root.uri, "cid": root.cid}, "parent": above})
        above = {"uri": ref.uri, "cid": ref.cid}
    await mei.go(f"{AMINA}/p/{root.uri.rpartition('/')[2]}")
    assert mei.text.count('class="reply-in"') == 3
    await village.delete_post(village.amina, root.uri.rpartition("/")[2])
    assert (await mei.go(f"{AMINA}/p/{root.uri.rpartition('/')[2]}")).status_code == 404
    assert "This post was deleted." in mei.text


async def test_a_quote_shows_the_post_inside(mei: Reader, village: Village) -> None:
    ref = village.post(village.amina, "Quoted words")
    await mei.go(f"/write?quote={ref.uri}")
    assert "Quoted words" in mei.text
    await mei.send("/write", text="Look", do="post")
    assert '<blockquote class="quote">' in mei.text
    await mei.go(f"{AMINA}/p/{ref.uri.rpartition('/')[2]}/quotes")
    assert "Look" in mei.text


async def test_like_and_echo_twice_are_once_and_can_be_taken_back(mei: Reader, village: Village) -> None:
    ref = village.post(village.amina, "Frost")
    path = f"{AMINA}/p/{ref.uri.rpartition('/')[2]}"
    for do, kind, count in (
        ("like", "like", 1),
        ("like", "like", 1),
        ("echo", "repost", 1),
        ("unlike", "like", 0),
        ("unecho", "repost", 0),
        ("unecho", "repost", 0),
    ):
        await mei.go(path)
        await mei.send(path + "/act", do=do)
        assert mei.page.url.path == path
        assert sum(1 for edge in village.edges.values() if edge[0] == kind) == count


async def test_a_script_is_told_how_to_draw_the_button(mei: Reader, village: Village) -> None:
    ref = village.post(village.amina, "Frost")
    path = f"{AMINA}/p/{ref.uri.rpartition('/')[2]}"
    await mei.go(path)
    answer = await mei.send(path + "/act", headers={"Accept": "application/json"}, do="like")
    assert answer.json() == {"pressed": True, "count": "1", "next": "unlike"}


async def test_likes_and_echoes_are_listed_by_name(mei: Reader, village: Village) -> None:
    ref = village.post(village.amina, "Frost")
    village.edge("like", village.oskar, ref.uri)
    village.edge("repost", village.oskar, ref.uri)
    for last in ("likes", "echoes"):
        assert "Oskar" in (await mei.go(f"{AMINA}/p/{ref.uri.rpartition('/')[2]}/{last}")).text


async def test_deleting_asks_first_and_only_the_author_can(mei: Reader, amina: Reader, village: Village) -> None:
    ref = village.post(village.amina, "To be deleted")
    path = f"{AMINA}/p/{ref.uri.rpartition('/')[2]}/delete"
    assert (await mei.go(path)).status_code == 404
    await amina.go(path)
    assert "Delete this post?" in amina.text
    assert ref.uri in village.said
    await amina.send(path)
    assert "Deleted." in amina.text
    assert not village.said


async def test_follow_unfollow_and_the_lists(mei: Reader, village: Village) -> None:
    await mei.go("/@oskar.linden.example")
    await mei.send("/@oskar.linden.example/follow", do="follow")
    await mei.send("/@oskar.linden.example/follow", do="follow")
    assert village._count("follow", village.oskar) == 1
    assert "Mei" in (await mei.go("/@oskar.linden.example/followers")).text
    assert "Oskar" in (await mei.go(MEI + "/following")).text
    await mei.send("/@oskar.linden.example/follow", do="unfollow")
    assert village._count("follow", village.oskar) == 0


async def test_a_profile_parts_posts_photos_and_replies(mei: Reader, village: Village) -> None:
    ref = village.post(village.amina, "A plain post")
    above = {"uri": ref.uri, "cid": ref.cid}
    village.post(village.amina, "A reply of mine", reply={"root": above, "parent": above})
    village.accounts[village.amina].bio = "See @mei and https://a.example <b>"
    await mei.go(AMINA)
    assert "A plain post" in mei.text
    assert "A reply of mine" not in mei.text
    assert 'href="/@did:plc:' in mei.text
    assert "&lt;b&gt;" in mei.text
    assert "A reply of mine" in (await mei.go(AMINA + "/replies")).text
    assert "No photos yet" in (await mei.go(AMINA + "/photos")).text
    assert (await mei.go(f"/@{village.amina}")).status_code == 200
    assert (await mei.go("/@nobody.example")).status_code == 404


async def test_replies_are_found_behind_many_posts(mei: Reader, village: Village) -> None:
    ref = village.post(village.amina, "Long ago", 90)
    above = {"uri": ref.uri, "cid": ref.cid}
    village.post(village.amina, "An old reply", 80, reply={"root": above, "parent": above})
    for n in range(70):
        village.post(village.amina, f"Post {n}", n / 10)
    assert "An old reply" in (await mei.go(AMINA + "/replies")).text


async def test_a_profile_is_edited_and_limits_are_said(mei: Reader, village: Village) -> None:
    await mei.go("/settings/profile")
    await mei.send("/settings/profile", display_name="x" * 65, bio="Kept bio")
    assert mei.page.status_code == 400
    assert "64 characters is the most" in mei.text
    assert "Kept bio" in mei.text
    files = [("avatar", ("a.png", PIXEL, "image/png"))]
    await mei.send("/settings/profile", display_name="Mei Lin", bio="Kept bio", files=files)
    assert "Mei Lin" in mei.text
    assert "Saved." in mei.text
    assert village.blobs
    assert "avatar-org" not in mei.text
    await mei.go("/settings/profile")
    await mei.send("/settings/profile", organisation="yes")
    assert "avatar-xl" in mei.text
    assert "avatar avatar-org" in mei.text


async def test_notices_are_told_in_sentences_and_then_count_as_seen(amina: Reader, village: Village) -> None:
    ref = village.post(village.amina, "Frost on the quay", 3)
    above = {"uri": ref.uri, "cid": ref.cid}
    people = [village.add(f"p{n}", f"Person {n}") for n in range(6)]
    for n, person in enumerate(people):
        village.edge("like", person, ref.uri, hours=0.1 + n / 100)
    village.post(village.oskar, "How cold?", 0.5, reply={"root": above, "parent": above})
    await amina.go("/")
    assert '<span class="nav-new">8' in amina.text
    await amina.go("/notices")
    assert 'Person 0</a>, <a href="/@p1.linden.example">Person 1</a> and 4 others liked your post' in amina.text
    assert "“Frost on the quay”" in amina.text
    assert "Oskar</a> replied to you" in amina.text
    assert amina.text.count("line-new") == 3
    assert "Yesterday" in amina.text
    await amina.go("/notices?show=followers")
    assert "follows you" in amina.text
    assert "liked your post" not in amina.text
    assert "nav-new" not in amina.text
    assert "line-new" not in (await amina.go("/notices")).text


async def test_who_confirms_somebody_and_who_does_so_no_more_is_told(amina: Reader, village: Village) -> None:
    for hours, reason in enumerate(("unverified", "verified"), 1):
        uri = f"at://{village.oskar}/app.bsky.graph.verification/3kabc"
        village.tell(village.amina, reason, village.oskar, uri, {}, NOW - timedelta(hours=hours), None)
    await amina.go("/notices")
    assert "Oskar</a> confirmed that you are who you say" in amina.text
    assert "Oskar</a> no longer confirms that you are who you say" in amina.text
    assert "Open the post" not in amina.text


async def test_a_page_loaded_ahead_marks_nothing_as_seen(amina: Reader, village: Village) -> None:
    await amina.go("/notices", headers={"Sec-Purpose": "prefetch"})
    assert village.amina not in village.seen


async def test_search_finds_posts_and_people_and_marks_the_words(mei: Reader, village: Village) -> None:
    village.post(village.amina, "The Tram is back")
    await mei.go("/search?q=tram")
    assert "<mark>Tram</mark>" in mei.text
    assert "1 post, newest first" in mei.text
    assert "Oskar" in (await mei.go("/search?q=osk&show=people")).text
    assert "Nothing found for “zeppelin&lt;”" in (await mei.go("/search?q=zeppelin<")).text
    assert "People you could follow" in (await mei.go("/search")).text


async def test_a_search_that_is_not_through_leads_on(
    mei: Reader, village: Village, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def nothing_yet(viewer: str, **asked: object) -> dict[str, object]:
        return {"posts": [], "cursor": "5"}

    monkeypatch.setattr(village, "search_posts", nothing_yet)
    await mei.go("/search?q=tram+sheep")
    assert "Nothing found for “tram sheep” among the newest posts" in mei.text
    assert 'href="/search?q=tram+sheep&amp;cursor=5"' in mei.text


async def test_pages_end_and_older_posts_are_a_link(mei: Reader, village: Village) -> None:
    for n in range(35):
        village.post(village.amina, f"Post number {n}.", n)
    await mei.go("/")
    assert "Post number 29." in mei.text
    assert "Post number 30." not in mei.text
    assert 'href="/?cursor=30"' in mei.text
    assert "Post number 34." in (await mei.go("/?cursor=30")).text
    assert "Older posts" not in mei.text
    await mei.go("/?feed=all&cursor=5")
    assert 'href="/?feed=all&amp;cursor=35"' not in mei.text


async def test_an_echo_says_who_passed_it_on(mei: Reader, village: Village) -> None:
    ref = village.post(village.oskar, "From afar")
    village.edge("repost", village.amina, ref.uri)
    assert "Echoed by Amina" in (await mei.go("/")).text


async def test_settings_choose_language_and_light(mei: Reader) -> None:
    await mei.go("/settings")
    await mei.send("/settings", language="fr", theme="dark")
    assert "Enregistré." in mei.text
    assert '<html lang="fr" data-theme="dark">' in mei.text


async def test_changing_the_password_ends_all_other_sessions(mei: Reader, village: Village) -> None:
    await village.start_session(village.mei)
    await mei.go("/settings")
    await mei.send("/settings/password", old="wrong", new="a new long one")
    assert "That is not your password now." in mei.text
    await mei.send("/settings/password", old="correct horse", new="a new long one")
    assert "Your password is changed." in mei.text
    assert len([did for did in village.sessions.values() if did == village.mei]) == 1


async def test_signing_out_everywhere_and_inviting_and_taking_data(mei: Reader, village: Village) -> None:
    await mei.go("/settings")
    await mei.send("/settings/invite")
    assert "/join?invite=linden-4k7q-w2mv" in mei.text
    data = await mei.go("/settings/data")
    assert data.headers["content-type"] == "application/vnd.ipld.car"
    assert data.content.startswith(b"car ")
    await mei.go("/settings")
    await mei.send("/settings/sign-out-everywhere")
    assert village.mei not in village.sessions.values()


async def test_strangers_read_posts_but_not_those_kept_for_members(stranger: Reader, village: Village) -> None:
    ref = village.post(village.amina, "Frost for all")
    path = f"{AMINA}/p/{ref.uri.rpartition('/')[2]}"
    assert "Frost for all" in (await stranger.go(AMINA)).text
    assert "Sign in to reply" in (await stranger.go(path)).text
    village.accounts[village.amina].labels = ["!no-unauthenticated"]
    for address in (AMINA, path):
        assert "Frost for all" not in (await stranger.go(address)).text


async def test_the_front_page_invites_strangers(stranger: Reader) -> None:
    await stranger.go("/")
    assert 'href="/join"' in stranger.text
    assert 'href="/sign-in"' in stranger.text
    assert "belongs to its 1,204 members" in stranger.text


async def test_it_installs_from_the_browser(stranger: Reader) -> None:
    manifest = (await stranger.go("/manifest.webmanifest")).json()
    assert manifest["name"] == "Linden Square"
    for icon in manifest["icons"]:
        drawn = await stranger.go(icon["src"])
        assert drawn.status_code == 200
        assert drawn.headers["content-type"] == icon["type"]
        if icon["type"] == "image/png":
            assert int.from_bytes(drawn.content[16:20]) == int(icon["sizes"].split("x")[0])
    assert (await stranger.go("/icon-77.png")).status_code == 404
    assert (await stranger.go("/offline")).status_code == 200
    assert (await stranger.go("/sw.js")).headers["content-type"].startswith("text/javascript")


@pytest.mark.parametrize("path", ["/nothing", "/@amina.linden.example/p/3mnothere", "/static/nothing.css"])
async def test_what_is_not_there_is_said_with_404(stranger: Reader, path: str) -> None:
    assert (await stranger.go(path)).status_code == 404


async def test_a_wrong_method_is_said(stranger: Reader) -> None:
    answer = await stranger.http.post("/about")
    assert answer.status_code == 405
    assert "MethodNotAllowed" in answer.text
