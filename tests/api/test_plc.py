"""The directory over HTTP, as clients of the public one use it."""

import asyncio
import json
import subprocess
from pathlib import Path

import msgspec
import pytest

from freehold.net.client import Client
from freehold.net.guard import Guard
from freehold.protocol import plc
from freehold.protocol.syntax import parse_datetime
from support.plc import HOST, MEMBER, STRANGER, Clock, DirectorySite, ended, genesis, renamed
from support.servers import application

NODE_FOLDER = Path(__file__).resolve().parents[1] / "node"


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def site(tmp_path, clock):
    site = DirectorySite(tmp_path, clock, dev=True)
    yield site
    site.truth.close()


@pytest.fixture
async def url(site):
    async with application(site) as origin:
        yield f"{origin}/plc"


@pytest.fixture
async def client():
    client = Client(Guard(allow_loopback=True))
    yield client
    await client.close()


@pytest.fixture
def get(client, url):
    async def get(path, method="GET"):
        return await client.request(method, f"{url}/{path}")

    return get


@pytest.fixture
def post(client, url):
    async def post(did, operation):
        content = operation if isinstance(operation, bytes) else msgspec.json.encode(operation)
        return await client.request("POST", f"{url}/{did}", content=content)

    return post


async def test_an_identity_is_made_and_read_in_every_form(get, post):
    did, first = genesis()
    made = await post(did, first)
    assert (made.status, made.body) == (200, b"OK")
    document = await get(did)
    assert document.json() == plc.document(did, first)
    assert document.headers["content-type"] == "application/did+ld+json"
    assert document.headers["access-control-allow-origin"] == "*"
    assert (await get(f"{did}/data")).json() == plc.data(did, first)
    assert (await get(f"{did}/log")).json() == [first]
    assert (await get(f"{did}/log/last")).json() == first
    [entry] = (await get(f"{did}/log/audit")).json()
    assert entry["cid"] == str(plc.operation_cid(first))


@pytest.mark.parametrize("form", ["", "/data", "/log", "/log/audit", "/log/last"])
async def test_an_unknown_did_is_404_in_the_directorys_own_words(get, form):
    answer = await get(f"did:plc:nobody{form}")
    assert (answer.status, answer.json()) == (404, {"message": "DID not registered: did:plc:nobody"})


async def test_an_ended_identity_is_not_available(get, post):
    did, first = genesis()
    await post(did, first)
    await post(did, ended(first))
    answer = await get(did)
    assert (answer.status, answer.json()) == (404, {"message": f"DID not available: {did}"})
    assert (await get(f"{did}/data")).status == 404
    assert (await get(f"{did}/log/last")).json()["type"] == "plc_tombstone"


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b"null", b"{}", b'{"type":"plc_operation"}', b"\xff", b'{"a":' * 200, b"[" * 90_000]
)
async def test_what_is_no_operation_is_400_with_a_message(post, body):
    answer = await post("did:plc:" + "a" * 24, body)
    assert answer.status == 400
    assert list(answer.json()) == ["message"]


async def test_an_operation_of_another_or_by_a_stranger_is_400(post):
    did, first = genesis()
    other, _ = genesis("b.test")
    assert (await post(other, first)).status == 400
    await post(did, first)
    assert (await post(did, renamed(first, "stolen.test", signer=STRANGER))).status == 400
    assert (await post(did, {**first, "prev": None})).status == 200
    assert (await post(did, {**renamed(first, "a.test"), "extra": 1})).status == 400


async def test_a_huge_body_is_refused(post):
    assert (await post("did:plc:" + "a" * 24, b" " * 200_000)).status == 413


async def test_other_paths_and_methods_are_404(get, url, client):
    did, _ = genesis()
    for method, path in (("GET", "a/b"), ("GET", "export/stream"), ("POST", f"{did}/log"), ("DELETE", did)):
        assert (await get(path, method)).status == 404
    assert (await client.request("GET", url)).status == 404


async def test_a_page_elsewhere_may_ask_first(get):
    answer = await get("did:plc:x", "OPTIONS")
    assert answer.status == 204
    assert "POST" in answer.headers["access-control-allow-methods"]


async def test_the_health_is_told(get):
    assert "version" in (await get("_health")).json()
    assert (await get("_health", "HEAD")).body == b""


async def test_the_export_is_lines_of_json_by_pages(get, post, clock):
    made = []
    for number in range(5):
        did, first = genesis(f"n{number}.test")
        await post(did, first)
        made.append(did)
    lines, after = [], ""
    while page := (await get(f"export?count=2{after}")).body:
        lines += [json.loads(line) for line in page.split(b"\n")]
        after = f"&after={lines[-1]['createdAt']}"
    assert [line["did"] for line in lines] == made
    numbered = [json.loads(line) for line in (await get("export?after=2")).body.split(b"\n")]
    assert [line["seq"] for line in numbered] == [3, 4, 5]
    assert (await get("export")).headers["content-type"] == "application/jsonlines"


@pytest.mark.parametrize(
    "query", ["count=0", "count=-1", "count=x", "count=", "after=yesterday", "count=٣", "a=1&" * 30]
)
async def test_a_wrong_page_of_the_export_is_400(get, query):
    expected = 200 if query == "count=" else 400
    assert (await get(f"export?{query}")).status == expected


async def test_a_stranger_cannot_fill_the_directory(site, post):
    site.place.dev = False
    statuses = []
    for number in range(31):
        did, first = genesis(f"n{number}.test")
        statuses.append((await post(did, first)).status)
    assert statuses == [200] * 30 + [429]


async def test_the_public_directorys_logs_are_taken_over_http_with_the_same_answers(get, post, clock, vectors):
    for name in ("log_bskyapp", "log_tombstone", "log_nullification_at_exactly_72h", "log_bnewbold_robocracy"):
        audit = json.loads((vectors / "plc" / "valid" / f"{name}.json").read_text())
        did = audit[0]["did"]
        for entry in audit:
            clock.now = max(clock.now, parse_datetime(entry["createdAt"]))
            assert (await post(did, entry["operation"])).status == 200, name
        shown = (await get(f"{did}/log/audit")).json()
        assert [e["operation"] for e in shown] == [e["operation"] for e in audit]
        assert [(e["cid"], e["nullified"]) for e in shown] == [(e["cid"], e["nullified"]) for e in audit]


@pytest.mark.node
async def test_the_official_library_makes_changes_and_believes_what_it_reads(url, node, get):
    """The public directory's own client: create, rename, move, recover, end; then its own check of our log."""
    given = json.dumps({"url": url, "keys": [MEMBER.raw.hex(), HOST.raw.hex()]})
    command = [node, "plc.mjs", given]
    done = await run(command)
    assert done["handles"] == ["at://alice.example", "at://alice2.example", "at://recovered.example"]
    assert done["refused"] == {"status": 400, "hasMessage": True}
    assert done["unknown"] == 404
    audit = (await get(f"{done['did']}/log/audit")).json()
    assert [entry["nullified"] for entry in audit] == [False, False, True, False, False]
    assert plc.validate_log(audit)


async def run(command):
    done = await asyncio.to_thread(subprocess.run, command, cwd=NODE_FOLDER, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)
