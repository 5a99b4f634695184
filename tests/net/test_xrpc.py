"""The small XRPC client against a real server."""

import pytest

from freehold.net.client import Client
from freehold.net.errors import UpstreamFailed
from freehold.net.guard import Guard
from freehold.net.xrpc import Remote, RemoteRefused
from support.servers import answer, pages, serving


@pytest.fixture
async def client():
    client = Client(Guard(allow_loopback=True))
    yield client
    await client.close()


async def test_a_query_carries_its_parameters(client):
    target = "/xrpc/com.example.get?limit=3&deep=true&uris=a&uris=b"
    async with pages({target: answer(200, b'{"ok": true}')}) as origin:
        given = {"limit": 3, "deep": True, "uris": ["a", "b"]}
        assert await Remote(client, origin + "/").query("com.example.get", given) == {"ok": True}


async def test_a_procedure_carries_json_or_bytes(client):
    seen = []

    async def handle(method, target, body, writer):
        seen.append((method, target, body))
        writer.write(answer(200))

    async with serving(handle) as port:
        remote = Remote(client, f"http://127.0.0.1:{port}")
        assert await remote.procedure("com.example.do", {"a": 1}) is None
        await remote.procedure("com.example.upload", content=b"\0\1", encoding="image/png")
    assert seen == [("POST", "/xrpc/com.example.do", b'{"a":1}'), ("POST", "/xrpc/com.example.upload", b"\0\1")]


async def test_the_other_side_says_no_in_its_own_words(client):
    said = b'{"error": "RecordNotFound", "message": "No such record."}'
    async with pages({"/xrpc/com.example.get": answer(400, said)}) as origin:
        remote = Remote(client, origin)
        with pytest.raises(RemoteRefused) as refused:
            await remote.query("com.example.get")
        with pytest.raises(RemoteRefused):
            async with remote.download("com.example.get", max_bytes=1000, seconds=5):
                pass
    assert (refused.value.status, refused.value.name, refused.value.say) == (400, "RecordNotFound", "No such record.")


@pytest.mark.parametrize(
    "said", [b"", b"<html>", b'{"error": "a b", "message": 3}', b"[]", b'{"error": "' + b"x" * 99 + b'"}']
)
async def test_a_refusal_without_words_gets_ours(client, said):
    async with pages({"/xrpc/com.example.get": answer(500, said)}) as origin:
        with pytest.raises(RemoteRefused) as refused:
            await Remote(client, origin).query("com.example.get")
    assert (refused.value.name, refused.value.say) == (UpstreamFailed.name, UpstreamFailed.say)


async def test_bytes_are_downloaded_in_pieces(client):
    async with pages({"/xrpc/com.atproto.sync.getRepo?did=x": answer(200, b"c" * 200_000)}) as origin:
        remote = Remote(client, origin)
        async with remote.download("com.atproto.sync.getRepo", {"did": "x"}, max_bytes=200_000, seconds=5) as got:
            assert sum([len(chunk) async for chunk in got.chunks]) == 200_000
