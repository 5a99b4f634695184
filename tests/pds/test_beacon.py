"""The beacon: signed by a key of its own, rising, renewed in time; spare doors serve it and nothing else.

Source: https://www.rfc-editor.org/rfc/rfc7515
"""

import json
from base64 import urlsafe_b64decode

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256

from freehold.pds import beacon, keychain
from freehold.pds.beacon import BadBeacon
from support.inside import HOUR, calling, opened

PATH = "/.well-known/freehold-beacon"


def data(text):
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))


def number(text):
    return int.from_bytes(data(text))


async def test_anybody_can_check_it_by_the_key_that_it_names(site, http):
    answer = await http.get(PATH)
    assert (answer.headers["content-type"], answer.headers["access-control-allow-origin"]) == (
        "application/jose+json",
        "*",
    )
    signed = answer.json()
    key = json.loads(data(signed["protected"]))["jwk"]
    public = ec.EllipticCurvePublicNumbers(number(key["x"]), number(key["y"]), ec.SECP256R1()).public_key()
    raw = data(signed["signature"])
    proof = encode_dss_signature(int.from_bytes(raw[:32]), int.from_bytes(raw[32:]))
    public.verify(proof, f"{signed['protected']}.{signed['payload']}".encode(), ec.ECDSA(SHA256()))
    with pytest.raises(InvalidSignature):
        public.verify(proof, b"something else", ec.ECDSA(SHA256()))
    said = json.loads(data(signed["payload"]))
    assert (said["url"], said["directories"]) == ("http://localhost:8000", ["http://localhost:8000/plc"])


async def test_it_is_renewed_each_day_and_when_it_would_say_something_else(site, clock):
    first = site.beacons.document
    await site.truth.write(site.beacons.renew)
    assert site.beacons.document == first
    clock.pass_by(25 * HOUR)
    await site.sweep()
    second = site.beacons.document
    assert beacon.payload_of(second).number > beacon.payload_of(first).number
    assert beacon.payload_of(second).issued > beacon.payload_of(first).issued


async def test_a_network_that_moved_says_so_by_the_same_key(tmp_path, shared):
    with opened(tmp_path / "town", shared, dev_mode=False, domain="old.example") as site:
        key, first = site.beacons.public_key(), site.beacons.document
    with opened(
        tmp_path / "town", shared, dev_mode=False, domain="new.example", spare_doors=("spare.example",)
    ) as site:
        said = beacon.read(site.beacons.document, key, site.clock(), beacon.payload_of(first).number + 1)
        assert (said.url, said.doors) == ("https://new.example", ("https://spare.example",))


async def test_another_key_an_older_one_and_one_that_expired_are_refused(site):
    key, document, now = site.beacons.public_key(), site.beacons.document, site.clock()
    good = beacon.read(document, key, now)
    forged = beacon.signed(good, b"\7" * 32)
    changed = document.replace(b'"payload":"ey', b'"payload":"eZ')
    for wrong, at, newer in (
        (forged, now, 0),
        (changed, now, 0),
        (b"{}", now, 0),
        (b"no", now, 0),
        (document, now, good.number + 1),
        (document, now + beacon.LIFE, 0),
    ):
        with pytest.raises(BadBeacon):
            beacon.read(wrong, key, at, newer)


async def test_a_network_from_before_gets_a_key_at_its_start(tmp_path, shared):
    with opened(tmp_path / "town", shared) as site:
        site.truth.write_sync(lambda tx: tx.run("DELETE FROM beacon"))
        site.truth.write_sync(lambda tx: tx.run("DELETE FROM secret WHERE name = :name", name=beacon.KEY))
    with opened(tmp_path / "town", shared) as site:
        with site.truth.reading() as tx:
            assert keychain.get(tx, site.seal, beacon.KEY)
        assert beacon.read(site.beacons.document, site.beacons.public_key(), site.clock())


async def test_a_spare_door_serves_the_beacon_and_the_way_and_nothing_else(tmp_path, shared):
    with opened(
        tmp_path / "town", shared, dev_mode=False, domain="town.example", spare_doors=("spare.example",)
    ) as site:
        async with calling(site) as http:
            named = {"host": "spare.example"}
            assert (await http.get(PATH, headers=named)).content == site.beacons.document
            for path in ("/", "/about?lang=fr", "/xrpc/com.atproto.server.describeServer", "/.well-known/atproto-did"):
                led = await http.get(path, headers=named)
                assert (led.status_code, led.headers["location"]) == (307, f"https://town.example{path}")
            assert (await http.get("/", headers={"host": "else.example"})).status_code == 421


async def test_only_the_service_worker_may_ask_the_spare_doors(tmp_path, shared):
    with opened(tmp_path / "town", shared, spare_doors=("spare.example", "http://127.0.0.1:81")) as site:
        async with calling(site) as http:
            worker, page = await http.get("/sw.js"), await http.get("/offline")
    assert "connect-src 'self' https://spare.example http://127.0.0.1:81" in worker.headers["content-security-policy"]
    assert worker.text.startswith("// doors: https://spare.example http://127.0.0.1:81\n")
    assert "connect-src" not in page.headers["content-security-policy"]
