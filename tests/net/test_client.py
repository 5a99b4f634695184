"""The client against servers that do not behave: too slow, too large, broken, somewhere else."""

import asyncio
import gzip
import ssl
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from freehold.net.client import Client
from freehold.net.errors import BadUrl, UnexpectedStatus, UpstreamFailed, UpstreamTooLarge, UpstreamTooSlow
from freehold.net.guard import Guard
from support.servers import answer, pages, serving


@pytest.fixture
async def client():
    client = Client(Guard(allow_loopback=True))
    yield client
    await client.close()


async def test_it_reads_what_is_there(client):
    async with pages({"/a": answer(200, b'{"a": 1}', content_type="application/json")}) as origin:
        assert await client.get_json(f"{origin}/a") == {"a": 1}
        got = await client.get(f"{origin}/a")
    assert (got.status, got.headers["content-type"]) == (200, "application/json")


async def test_another_status_is_named(client):
    async with pages({}) as origin:
        with pytest.raises(UnexpectedStatus) as refused:
            await client.get_json(f"{origin}/a")
    assert refused.value.status == 404


@pytest.mark.parametrize("body", [b"<p>", b"[" * 9_000 + b"]" * 9_000, b'{"a": "\xff"}'], ids=["html", "deep", "bytes"])
async def test_what_is_not_json_is_refused(client, body):
    async with pages({"/": answer(200, body)}) as origin:
        with pytest.raises(UpstreamFailed):
            await client.get_json(origin)


async def test_an_answer_that_announces_too_much_is_not_read(client):
    async with pages({"/": answer(200, b"x" * 2000)}) as origin:
        with pytest.raises(UpstreamTooLarge):
            await client.get_bytes(origin, max_bytes=1999)
        assert await client.get_bytes(origin, max_bytes=2000) == b"x" * 2000


async def test_an_answer_that_announces_nothing_is_cut_off_at_the_limit(client):
    async def endless(method, target, body, writer):
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        while True:
            writer.write(b"x" * 65536)
            await writer.drain()

    async with serving(endless) as port:
        with pytest.raises(UpstreamTooLarge):
            await client.get_bytes(f"http://127.0.0.1:{port}/", max_bytes=300_000)


async def test_a_small_body_that_unpacks_to_much_is_cut_off(client):
    bomb = gzip.compress(b"\0" * 50_000_000)
    async with pages({"/": answer(200, bomb, content_encoding="gzip")}) as origin:
        with pytest.raises(UpstreamTooLarge):
            await client.get_bytes(origin, max_bytes=100_000)


async def test_a_packed_body_is_unpacked(client):
    async with pages({"/": answer(200, gzip.compress(b"hello"), content_encoding="gzip")}) as origin:
        assert await client.get_bytes(origin) == b"hello"


@pytest.mark.parametrize("body", [gzip.compress(b"hello", mtime=0)[:-9], b"not packed at all"], ids=["cut", "other"])
async def test_a_body_that_does_not_unpack_is_refused(client, body):
    async with pages({"/": answer(200, body, content_encoding="gzip")}) as origin:
        with pytest.raises(UpstreamFailed):
            await client.get_bytes(origin)


async def test_a_server_that_says_nothing_is_left_after_the_limit(client):
    async def silent(method, target, body, writer):
        await asyncio.Event().wait()

    async with serving(silent) as port:
        with pytest.raises(UpstreamTooSlow):
            await client.get_bytes(f"http://127.0.0.1:{port}/", seconds=0.1)


async def test_a_slow_drip_ends_at_the_same_limit(client):
    async def drip(method, target, body, writer):
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 100000\r\n\r\n")
        while True:
            writer.write(b"x")
            await writer.drain()
            await asyncio.sleep(0.01)

    async with serving(drip) as port:
        begun = asyncio.get_running_loop().time()
        with pytest.raises(UpstreamTooSlow):
            await client.get_bytes(f"http://127.0.0.1:{port}/", seconds=0.2)
        assert asyncio.get_running_loop().time() - begun < 2


@pytest.mark.parametrize("said", [b"", b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf", b"nonsense\r\n\r\n"])
async def test_half_an_answer_is_refused(client, said):
    async def broken(method, target, body, writer):
        writer.write(said)

    async with serving(broken) as port:
        with pytest.raises(UpstreamFailed):
            await client.get_bytes(f"http://127.0.0.1:{port}/")


async def test_redirects_are_followed_as_often_as_was_said(client):
    chain = {"/0": answer(302, location="/1"), "/1": answer(301, location="/2"), "/2": answer(200, b"end")}
    async with pages(chain) as origin:
        got = await client.get(f"{origin}/0", redirects=2)
        assert (got.url, got.body) == (f"{origin}/2", b"end")
        with pytest.raises(UpstreamFailed):
            await client.get(f"{origin}/0", redirects=1)
        assert (await client.get(f"{origin}/0")).status == 302


async def test_a_circle_of_redirects_ends(client):
    async with pages({"/": answer(302, location="/")}) as origin:
        with pytest.raises(UpstreamFailed):
            await client.get(f"{origin}/", redirects=5)


@pytest.mark.parametrize(
    "url",
    [
        "ftp://example.com/",
        "file:///etc/passwd",
        "https://",
        "https://user:password@example.com/",
        "https://example.com:99999/",
        "https://[::1",
        "//example.com/",
        "https://example.com/" + "a" * 9000,
    ],
)
async def test_only_plain_web_addresses_are_fetched(client, url):
    with pytest.raises(BadUrl):
        await client.get(url, plain_http=True)


async def test_plain_http_needs_leave():
    client = Client(Guard())
    with pytest.raises(BadUrl):
        await client.get("http://example.com/")


async def test_a_redirect_may_not_change_the_scheme(client):
    async with pages({"/": answer(302, location="file:///etc/passwd")}) as origin:
        with pytest.raises(BadUrl):
            await client.get(f"{origin}/", redirects=1)


async def test_other_scripts_in_an_address_are_encoded(client):
    async def lookup(host, port):
        assert host == "xn--bcher-kva.example"
        return ["127.0.0.1"]

    async with pages({"/caf%C3%A9?q=%20%C3%A9": answer(200, b"here")}) as origin:
        other = Client(Guard(allow_loopback=True, lookup=lookup))
        got = await other.get(f"http://bücher.example:{origin.rsplit(':', 1)[1]}/café?q= é")
        await other.close()
    assert got.body == b"here"


async def test_what_the_reader_of_a_stream_raises_is_its_own(client):
    async with pages({"/": answer(200, b"x" * 10)}) as origin:
        with pytest.raises(OSError, match="disk full"):
            async with client.stream("GET", f"{origin}/", max_bytes=100, seconds=5):
                raise OSError("disk full")


async def test_a_stream_arrives_in_pieces_within_its_limits(client):
    async with (
        pages({"/": answer(200, b"x" * 300_000)}) as origin,
        client.stream("GET", f"{origin}/", max_bytes=300_000, seconds=5) as got,
    ):
        sizes = [len(chunk) async for chunk in got.chunks]
    assert sum(sizes) == 300_000
    assert len(sizes) > 1


@pytest.fixture
def certificate(tmp_path):
    """A certificate for named.example, with its own key: (server settings, client settings that trust it)."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "named.example")])
    now = datetime.now(UTC)
    built = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("named.example")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    plain = serialization.NoEncryption()
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain)
    path = tmp_path / "server.pem"
    path.write_bytes(pem + built.public_bytes(serialization.Encoding.PEM))
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(path)
    return server, ssl.create_default_context(cadata=built.public_bytes(serialization.Encoding.PEM).decode())


async def test_the_certificate_is_checked_against_the_name_and_not_the_address(certificate):
    async def page(method, target, body, writer):
        writer.write(answer(200, b"here"))

    async def lookup(host, port):
        return ["127.0.0.1"]

    server, trusting = certificate
    async with serving(page, context=server) as port:
        client = Client(Guard(allow_loopback=True, lookup=lookup), context=trusting)
        assert await client.get_bytes(f"https://named.example:{port}/") == b"here"
        with pytest.raises(UpstreamFailed):
            await client.get_bytes(f"https://other.example:{port}/")
        stranger = Client(Guard(allow_loopback=True, lookup=lookup))
        with pytest.raises(UpstreamFailed):
            await stranger.get_bytes(f"https://named.example:{port}/")
        await client.close()
        await stranger.close()
