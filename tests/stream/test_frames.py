"""Frames are what the official server sends, byte for byte."""

import base64
from contextlib import suppress
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from freehold.protocol.cbor import BadCbor
from freehold.protocol.cid import Cid
from freehold.protocol.refused import Refused
from freehold.stream import frames


def test_a_frame_is_header_then_payload_and_reads_back() -> None:
    payload = {"seq": 7, "commit": Cid.of_cbor(b"x"), "blocks": b"\0\1", "since": None, "ops": [], "tooBig": False}
    frame = frames.encode("commit", payload)
    assert frame.startswith(b"\xa2\x61t\x67#commit\x62op\x01")
    kind, found = frames.decode(frame)
    assert (kind, found) == ("commit", payload)
    assert isinstance(found["commit"], Cid)


def test_a_frame_of_our_own_is_read_by_its_kind() -> None:
    payload = {"seq": 7, "commit": Cid.of_cbor(b"x"), "blocks": bytes(range(256)), "since": None}
    frame = frames.encode("commit", payload)
    found = frames.payload_of("commit", frame)
    assert found == payload
    assert isinstance(found["commit"], Cid)
    with pytest.raises(frames.BadFrame):
        frames.payload_of("identity", frame)
    with pytest.raises(BadCbor):
        frames.payload_of("commit", frame[:-1])


def test_notices_and_errors_have_the_protocols_form() -> None:
    assert frames.decode(frames.info_frame("OutdatedCursor", "said")) == (
        "info",
        {"name": "OutdatedCursor", "message": "said"},
    )
    error = frames.error_frame("FutureCursor", "said")
    assert error.startswith(b"\xa1\x62op\x20")
    assert frames.decode(error) == ("error", {"error": "FutureCursor", "message": "said"})


def test_the_official_servers_frames_read_and_write_to_the_same_bytes(vectors: Path) -> None:
    lines = (vectors / "capture" / "frames.jsonl").read_bytes().splitlines()
    assert lines
    for line in lines:
        frame = base64.b64decode(msgspec.json.decode(line)["frame_base64"])
        assert frames.encode(*frames.decode(frame)) == frame


@pytest.mark.parametrize(
    "bad",
    [
        b"",
        b"\xa2",
        b"\xa2\x61t\x67#comm",
        b"\xbf\xff\xa0",
        b"\xb8\xff",
        b"\xa1\x61t\x67#commit\xa0",
        b"\xa2\x61t\x66commit\x62op\x01\xa0",
        b"\xa2\x61t\x67#commit\x62op\x02\xa0",
        b"\xa2\x61t\x67#commit\x62op\x01\x80",
        b"\xa2\x61t\x78\xff#\x62op\x01\xa0",
        b"\xa2\x61t\x61\xff\x62op\x01\xa0",
        b"\xa0" * (frames.MAX_FRAME_BYTES + 1),
    ],
)
def test_what_is_no_frame_is_refused_by_name(bad: bytes) -> None:
    with pytest.raises(frames.BadFrame):
        frames.decode(bad)


@given(st.binary(max_size=60), st.integers(0, 40))
def test_no_bytes_at_all_bring_the_reader_down(noise: bytes, at: int) -> None:
    good = frames.encode("identity", {"did": "did:plc:a", "seq": 1})
    for bad in (noise, good[:at] + noise, good[:at]):
        with suppress(Refused):
            frames.decode(bad)
