"""Words to a standby that has no work with them: `python -m bench.pinged FOLDER FINGERPRINT`, a line for each question.

A line of the input says how many bytes a word has and when each is said, in seconds; the answer is how many seconds
each round trip took. So a round trip is measured with as many bytes as a commit has, after pauses as between commits,
from whatever core this process was put on. The papers of the primary that it takes itself for lie in FOLDER.
"""

import base64
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import msgspec

from freehold.haven import haven, transport
from freehold.haven.link import Link
from freehold.haven.wire import Channel, Message
from freehold.store.blobs import BlobStore


class Question(NamedTuple):
    """bytes: of each word. moments: seconds from now."""

    bytes: int
    moments: list[float]


class Padded(Message, frozen=True, tag="Still"):
    """The question whether somebody is there, with bytes that nobody looks at."""

    data: bytes


def said(link: Link, question: Question) -> list[float]:
    """How long each word took."""
    word, waits, began = Padded(bytes(question.bytes)), [], time.perf_counter()
    for moment in question.moments:
        time.sleep(max(0.0, began + moment - time.perf_counter()))
        at = time.perf_counter()
        link.exchange(word)
        waits.append(time.perf_counter() - at)
    return waits


def main(words: Sequence[str]) -> None:
    """Answer until the input ends. words: a folder, the standby's address, its fingerprint, its code."""
    folder, (address, fingerprint, code) = Path(words[0]), words[1:]
    folder.mkdir()
    pin = base64.b64decode(haven.introduce(folder, address, fingerprint, code))
    for line in sys.stdin:
        question = msgspec.json.decode(line, type=Question)
        with Channel(transport.connect(address, folder, pin)) as channel:
            link = Link("second", channel, BlobStore(folder / "blobs"))
            link.greet(1)
            print(msgspec.json.encode(said(link, question)).decode(), flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
