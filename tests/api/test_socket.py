"""Frames as the socket packs them, read by the websocket library."""

import pytest
from websockets.client import ClientProtocol
from websockets.frames import Frame, Opcode
from websockets.protocol import State
from websockets.uri import parse_uri

from freehold.api.socket import pack


def read(data: bytes) -> list[bytes]:
    """What a client understands."""
    client = ClientProtocol(parse_uri("ws://localhost/"), state=State.OPEN, max_size=None)
    client.receive_data(data)
    frames = client.events_received()
    assert all(isinstance(frame, Frame) and frame.opcode is Opcode.BINARY and frame.fin for frame in frames)
    return [bytes(frame.data) for frame in frames if isinstance(frame, Frame)]


@pytest.mark.parametrize("size", [0, 1, 125, 126, 127, 65_535, 65_536, 70_000])
def test_a_message_of_any_size_is_one_frame(size: int) -> None:
    assert read(pack([b"x" * size])) == [b"x" * size]


def test_several_messages_stay_apart() -> None:
    messages = [b"one", b"", b"y" * 200, b"z" * 66_000]
    assert read(pack(messages)) == messages


def test_no_message_is_no_byte() -> None:
    assert pack([]) == b""
