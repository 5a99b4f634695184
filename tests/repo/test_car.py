"""CAR files as streams: whatever the pieces, the same blocks; whatever is wrong, a named refusal."""

import base64
import json
import tracemalloc
from contextlib import suppress
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from freehold.protocol import cbor
from freehold.protocol.cid import Cid
from freehold.repo.car import BadCar, CarReader, CarTooLarge, block, header, read_car, write_car

DATA = st.lists(st.binary(max_size=300), max_size=12)
ROOT = Cid.of_cbor(b"root")
BLOCK = block(ROOT, b"root")


def in_pieces(data: bytes, cuts) -> list[bytes]:
    edges = sorted({0, len(data), *(cut % (len(data) + 1) for cut in cuts)})
    return [data[start:end] for start, end in pairwise(edges)]


def read_all(pieces, **limits) -> tuple[list[Cid] | None, list[tuple[Cid, bytes]]]:
    reader = CarReader(**limits)
    blocks = [found for piece in pieces for found in reader.feed(piece)]
    reader.finish()
    return reader.roots, blocks


@given(DATA, st.lists(st.integers(0, 10_000)), st.integers(0, 3))
def test_blocks_come_through_whatever_the_pieces(datas, cuts, roots):
    blocks = [((Cid.of_raw if at % 3 == 2 else Cid.of_cbor)(data), data) for at, data in enumerate(datas)]
    data = header([ROOT] * roots) + b"".join(block(*pair) for pair in blocks)
    assert read_all(in_pieces(data, cuts)) == ([ROOT] * roots, blocks)
    assert read_all([data[at : at + 1] for at in range(len(data))]) == ([ROOT] * roots, blocks)
    assert read_car(data) == ([ROOT] * roots, dict(blocks))
    assert read_car(write_car([ROOT] * roots, dict(blocks)))[1] == dict(blocks)


def test_a_block_is_handed_on_as_soon_as_it_is_whole():
    reader = CarReader()
    assert reader.feed(header([ROOT]) + BLOCK[:-1]) == []
    assert reader.roots == [ROOT]
    assert reader.feed(BLOCK[-1:] + BLOCK[:5]) == [(ROOT, b"root")]


def test_the_official_writer_makes_the_same_file(vectors):
    for case in json.loads((vectors / "repo/car-file-fixtures.json").read_text()):
        blocks = {Cid.parse(item["cid"]): unpadded(item["bytes"]) for item in case["blocks"]}
        assert all(Cid.of_cbor(data) == cid for cid, data in blocks.items())
        file = unpadded(case["car"])
        assert write_car([Cid.parse(case["root"])], blocks) == file
        assert read_car(file) == ([Cid.parse(case["root"])], blocks)


def unpadded(text: str) -> bytes:
    return base64.b64decode(text + "=" * (-len(text) % 4))


def head(**fields) -> bytes:
    data = cbor.encode(fields)
    return bytes([len(data)]) + data


MALFORMED = {
    "empty": b"",
    "a header cut short": header([ROOT])[:-1],
    "a block cut short": header([ROOT]) + BLOCK[:-1],
    "a length cut short": header([ROOT]) + b"\x80",
    "version 2": head(roots=[ROOT], version=2),
    "version true": head(roots=[ROOT], version=True),
    "no roots": head(version=1),
    "roots that are no list": head(roots=ROOT, version=1),
    "roots that are bytes": head(roots=[bytes(ROOT)], version=1),
    "a further field": head(roots=[ROOT], version=1, more=1),
    "a header that is a list": b"\x01\x80",
    "a header that is no CBOR": b"\x01\xff",
    "a header of nothing": b"\0",
    "zero padding": header([ROOT]) + BLOCK + b"\0",
    "a length in a longer form": header([ROOT]) + bytes([BLOCK[0] | 0x80, 0]) + BLOCK[1:],
    "a length without end": header([ROOT]) + b"\xff" * 20,
    "a length of 64 bits": header([ROOT]) + b"\xff" * 9 + b"\x01",
    "another hash": header([ROOT]) + block(ROOT, b"toor"),
    "a CID of the old kind": header([ROOT]) + bytes([38]) + b"\x12\x20" + bytes(32) + b"root",
    "a CID of another codec": header([ROOT]) + block(Cid(b"\x01\x70\x12\x20" + ROOT[4:]), b"root"),
    "a CID of another hash function": header([ROOT]) + block(Cid(b"\x01\x71\x1e\x20" + ROOT[4:]), b"root"),
    "a section shorter than a CID": header([ROOT]) + b"\x05\x01\x71\x12\x20\x00",
}


@pytest.mark.parametrize("fault", MALFORMED)
def test_a_malformed_file_is_refused(fault):
    data = MALFORMED[fault]
    for pieces in ([data], [data[at : at + 1] for at in range(len(data))]):
        with pytest.raises(BadCar):
            read_all(pieces)


def test_a_file_past_a_limit_is_refused_before_it_is_held():
    with pytest.raises(CarTooLarge):
        read_all([header([ROOT]), block(ROOT, b"x" * 101)[:2]], max_block_bytes=100)
    with pytest.raises(CarTooLarge):
        read_all([header([ROOT]), BLOCK, BLOCK], max_bytes=len(header([ROOT])) + 2 * len(BLOCK) - 1)
    with pytest.raises(CarTooLarge):
        CarReader().feed(b"\xff\xff\x7f")


def test_a_long_stream_is_read_in_little_memory():
    data = bytes(100_000)
    section = block(Cid.of_cbor(data), data)
    tracemalloc.start()
    reader = CarReader()
    reader.feed(header([ROOT]))
    count = sum(len(reader.feed(section[:30_000])) + len(reader.feed(section[30_000:])) for _ in range(50))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert count == 50
    assert peak < 1_000_000


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(data):
    for start in (b"", header([ROOT])):
        with suppress(BadCar):
            read_car(start + data)
