"""Answers leave in one piece, in order, and nothing large waits."""

import asyncio

from freehold.api.http import TOGETHER_BYTES, Together


class Wire(asyncio.Transport):
    """Notes what it is given, piece by piece."""

    def __init__(self) -> None:
        super().__init__()
        self.sent: list[bytes] = []
        self.closed = False

    def writelines(self, pieces) -> None:
        self.sent.append(b"".join(pieces))

    def close(self) -> None:
        self.closed = True


async def test_what_is_written_in_one_turn_goes_out_together():
    wire = Wire()
    transport = Together(wire, asyncio.get_running_loop())
    transport.write(b"head, ")
    transport.write(b"body")
    assert wire.sent == []
    await asyncio.sleep(0)
    assert wire.sent == [b"head, body"]
    transport.write(b"next")
    await asyncio.sleep(0)
    assert wire.sent == [b"head, body", b"next"]


async def test_much_does_not_wait_and_keeps_its_place():
    wire = Wire()
    transport = Together(wire, asyncio.get_running_loop())
    transport.write(b"head")
    transport.write(bytes(TOGETHER_BYTES))
    assert wire.sent == [b"head" + bytes(TOGETHER_BYTES)]
    transport.write(b"tail")
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert wire.sent[1:] == [b"tail"]


async def test_closing_sends_what_waits_first():
    wire = Wire()
    transport = Together(wire, asyncio.get_running_loop())
    transport.write(b"farewell")
    transport.close()
    assert (wire.sent, wire.closed) == ([b"farewell"], True)
    await asyncio.sleep(0)
    assert wire.sent == [b"farewell"]
