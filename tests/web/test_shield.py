"""What protects every page and form."""

import pytest

from freehold.web.app import ROUTES, web_app
from freehold.web.backend import Fetched
from freehold.web.shield import POLICY, own_path
from support.browsing import Reader
from support.village import NOW, PIXEL, Village


@pytest.mark.parametrize(
    "path", ["/", "/sign-in", "/nothing", "/static/base.css", "/brand.css", "/offline", "/@amina.linden.example"]
)
async def test_every_answer_carries_the_protecting_headers(stranger: Reader, path: str) -> None:
    headers = (await stranger.go(path)).headers
    assert headers["content-security-policy"] == POLICY
    assert "frame-ancestors 'none'" in POLICY
    assert "unsafe" not in POLICY
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "same-origin"
    assert headers["cross-origin-opener-policy"] == "same-origin"


@pytest.mark.parametrize("path", ["/", "/write", "/settings", "/notices", "/search?q=frost", "/@amina.linden.example"])
async def test_no_page_needs_inline_style_or_script(mei: Reader, village: Village, path: str) -> None:
    village.post(village.amina, "frost")
    html = (await mei.go(path)).text
    assert " style=" not in html
    assert "<style" not in html
    assert "<script>" not in html
    assert " onclick" not in html
    assert html.count("<h1") == 1


async def test_pages_of_a_member_are_never_stored(mei: Reader, stranger: Reader) -> None:
    assert (await mei.go("/")).headers["cache-control"] == "no-store"
    assert "public" not in (await stranger.go("/")).headers["cache-control"]


async def test_static_files_are_kept_for_ever_under_their_hash_only(stranger: Reader) -> None:
    await stranger.go("/")
    address = stranger.text.split('href="/static/tokens.css')[1].split('"')[0]
    assert "immutable" in (await stranger.go("/static/tokens.css" + address)).headers["cache-control"]
    assert (await stranger.go("/static/tokens.css?v=other")).headers["cache-control"] == "no-cache"
    assert (await stranger.go("/static/../app.py")).status_code == 404


async def test_static_files_travel_compressed_when_the_browser_can(stranger: Reader) -> None:
    packed = await stranger.go("/static/components.css", headers={"Accept-Encoding": "gzip"})
    plain = await stranger.go("/static/components.css", headers={"Accept-Encoding": "identity"})
    assert packed.headers["content-encoding"] == "gzip"
    assert int(packed.headers["content-length"]) < int(plain.headers["content-length"]) / 3
    assert packed.text == plain.text


async def test_the_session_cookie_is_bound_to_its_host_on_https() -> None:
    village = Village("https://linden.example")
    village.add("mei", "Mei")
    async with Reader(web_app(village, now=lambda: NOW), "https://linden.example") as reader:
        await reader.go("/sign-in")
        answer = await reader.send("/sign-in", identifier="mei", password="correct horse", follow=False)
        cookie = next(c for c in answer.headers.get_list("set-cookie") if "session=" in c)
        assert cookie.startswith("__Host-session=")
        for word in ("HttpOnly", "SameSite=lax", "Secure", "Path=/"):
            assert word in cookie
        assert "Domain" not in cookie
        assert answer.headers["strict-transport-security"]


async def test_signing_in_makes_a_new_session_and_ends_the_old(mei: Reader, village: Village) -> None:
    first = mei.http.cookies["session"]
    await mei.go("/about")
    village.sessions["planted"] = village.oskar
    mei.http.cookies.set("session", "planted", domain="village.test")
    await mei.go("/settings")
    await mei.send("/sign-out")
    mei.http.cookies.clear()
    await mei.sign_in("mei")
    assert mei.http.cookies["session"] not in ("planted", first)
    assert "planted" not in village.sessions


async def test_a_planted_session_is_not_taken_over(stranger: Reader, village: Village) -> None:
    stranger.http.cookies.set("session", "chosen-by-attacker", domain="village.test")
    await stranger.sign_in("mei")
    assert "chosen-by-attacker" not in village.sessions
    assert [c.value for c in stranger.http.cookies.jar if c.name == "session"][-1] in village.sessions


POSTS = sorted({route.path for route in ROUTES if "POST" in (route.methods or ())})


@pytest.mark.parametrize("path", POSTS)
async def test_no_form_is_taken_without_its_token(mei: Reader, village: Village, path: str) -> None:
    ref = village.post(village.mei, "mine")
    path = path.replace("{actor}", "mei.linden.example").replace("{rkey}", ref.uri.rpartition("/")[2])
    for token in ("", "wrong"):
        answer = await mei.http.post(path, data={"token": token, "do": "like", "text": "x"})
        assert answer.status_code in (403, 404), path
    assert ref.uri in village.said
    assert len(village.said) == 1


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
    ],
)
async def test_a_form_from_elsewhere_is_refused(mei: Reader, village: Village, headers: dict[str, str]) -> None:
    await mei.go("/write")
    answer = await mei.send("/write", headers=headers, text="forged")
    assert answer.status_code == 403
    assert "FormExpired" in answer.text
    assert not village.said


async def test_a_token_of_somebody_else_is_refused(mei: Reader, amina: Reader, village: Village) -> None:
    await amina.go("/write")
    token = dict(amina.form("/write").fields)["token"]
    answer = await mei.http.post("/write", data={"token": token, "text": "x"})
    assert answer.status_code == 403
    assert not village.said


async def test_a_body_is_counted_before_it_is_parsed(stranger: Reader) -> None:
    await stranger.go("/sign-in")
    answer = await stranger.send("/sign-in", identifier="x" * 70_000)
    assert answer.status_code == 413
    assert "PayloadTooLarge" in answer.text

    async def endless():  # type: ignore[no-untyped-def]
        for _ in range(100):
            yield b"a" * 1000

    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    assert (await stranger.http.post("/sign-in", content=endless(), headers=headers)).status_code == 413


async def test_tokens_differ_each_time_and_all_are_good(mei: Reader, village: Village) -> None:
    tokens = set()
    for _ in range(3):
        await mei.go("/write")
        tokens.add(dict(mei.form("/write").fields)["token"])
    assert len(tokens) == 3
    for token in tokens:
        assert (await mei.http.post("/write", data={"token": token, "text": "x"})).status_code == 303
    for forged in ("A" * 88, "é", tokens.pop()[:-4]):
        assert (await mei.http.post("/write", data={"token": forged, "text": "x"})).status_code == 403
    assert len(village.said) == 3


async def test_pages_travel_compressed(mei: Reader, village: Village) -> None:
    for n in range(20):
        village.post(village.amina, f"Post {n}")
    answer = await mei.go("/", headers={"Accept-Encoding": "gzip"})
    assert answer.headers["content-encoding"] == "gzip"
    assert int(answer.headers["content-length"]) < len(answer.text) / 5
    assert "content-encoding" not in (await mei.go("/", headers={"Accept-Encoding": "identity"})).headers


async def test_a_broken_form_is_refused(mei: Reader) -> None:
    headers = {"Content-Type": "multipart/form-data; boundary=x"}
    assert (await mei.http.post("/write", content=b"--x\r\nbroken", headers=headers)).status_code in (400, 403)


async def test_too_many_files_are_refused(mei: Reader) -> None:
    await mei.go("/write")
    files = [("files", ("a.png", PIXEL, "image/png"))] * 9
    assert (await mei.send("/write", files=files, text="x")).status_code == 400


@pytest.mark.parametrize(
    "path",
    [
        "//evil.example",
        "https://evil.example",
        "/\\evil.example",
        "/a\nb",
        "javascript:x",
        "",
        None,
        "/\t/evil.example",
        "x",
    ],
)
def test_redirects_stay_at_home(path: str | None) -> None:
    assert own_path(path) == "/"


async def test_signing_in_leads_on_only_to_own_pages(stranger: Reader) -> None:
    await stranger.go("/sign-in?next=//evil.example/x")
    answer = await stranger.send("/sign-in", identifier="mei", password="correct horse", follow=False)
    assert answer.headers["location"] == "/"


async def test_no_other_site_makes_this_server_fetch(mei: Reader, village: Village) -> None:
    village.pages["https://a.example/"] = Fetched("https://a.example/", "text/html", b"<title>A</title>")
    path = "/write/card?url=https://a.example/"
    assert (await mei.go(path, headers={"Sec-Fetch-Site": "cross-site"})).status_code == 403
    assert (await mei.go(path, headers={"Sec-Fetch-Site": "same-origin"})).status_code == 200


async def test_a_fault_is_said_with_a_number_and_nothing_else(mei: Reader, village: Village) -> None:
    async def broken(*args: object, **kwargs: object) -> dict[str, object]:
        raise ZeroDivisionError("secret detail")

    village.get_timeline = broken  # type: ignore[method-assign,assignment]
    answer = await mei.go("/")
    assert answer.status_code == 500
    assert "InternalServerError" in answer.text
    assert "secret detail" not in answer.text
