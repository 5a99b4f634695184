"""A flood: `python -m bench.storm PORT TARGETS PER_SECOND SECONDS`, in a process of its own.

Each request comes over a new connection from another address of 127.0.0.0/8, as from a botnet, whether or not those
before it were answered (an open loop); PER_SECOND 0 asks again when one of 32 was answered (a closed one), which finds
out how many the server can answer. TARGETS is a file: one request's path and, after a blank, its Accept header a line.
With PORT:NAME instead of PORT each only begins TLS for that name, and hangs up when it is answered; no file is read.
At the end it prints how many were sent and how many answers of each status came, as JSON. It is made to take little of
the core that it shares with members. Linux only: there loopback is a network of sixteen million addresses.
"""

import os
import random
import socket
import ssl
import sys
import time
from collections import Counter, deque
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import msgspec

SERVER = "127.0.0.1"
AT_ONCE = 32
ADDRESSES = 20_000
GLANCE_SECONDS = 0.02
GIVES_WAY = 10
"""To members, whose programs share its core: it shall flood the server, not them. How much it sent is said. Ten steps
leave it a ninth of their share."""
PATIENCE_SECONDS = 5.0
MOST_OPEN = 20_000
STATUS = slice(9, 12)
TLS_RECORDS = {22: "hello", 21: "alert"}


class Storm:
    """The connections that are open, the oldest first. requests: whole requests, of which each goes out many times."""

    def __init__(self, port: int, requests: list[bytes]) -> None:
        self._port, self._requests, self._chance = port, requests, random.Random(port)
        self._hosts = [self._host() for _ in range(ADDRESSES)]
        self._open: deque[tuple[socket.socket, float]] = deque()
        self.sent = 0
        self.answers: Counter[str] = Counter()

    def __len__(self) -> int:
        return len(self._open)

    def _host(self) -> str:
        of = self._chance.randrange
        return f"127.{of(1, 255)}.{of(256)}.{of(1, 255)}"

    def strike(self, now: float) -> None:
        """One more request. On loopback a connection is there at once, or the server's queue is full."""
        number = self.sent = self.sent + 1
        one = socket.socket()
        try:
            one.bind((self._hosts[number % ADDRESSES], 0))
            one.setblocking(False)
            one.connect_ex((SERVER, self._port))
            one.send(self._requests[number * 7_919 % len(self._requests)])
        except OSError:
            self.answers["dropped"] += 1
            one.close()
            return
        self._open.append((one, now))

    def look(self, now: float) -> None:
        """Read the answers that are there, and hang up; give up on who has waited too long."""
        for _ in range(len(self._open)):
            one, since = self._open[0]
            if now - since < GLANCE_SECONDS:
                return
            self._open.popleft()
            try:
                how = _status(one.recv(16))
            except BlockingIOError:
                if now - since < PATIENCE_SECONDS:
                    self._open.append((one, now if now - since < GLANCE_SECONDS else since))
                    continue
                how = "none"
            except OSError:
                how = "reset"
            one.close()
            self.answers[how] += 1

    def rage(self, per_second: float, seconds: float) -> None:
        """For so long."""
        began = time.monotonic()
        while (now := time.monotonic()) - began < seconds:
            wanted = (now - began) * per_second - self.sent if per_second else AT_ONCE - len(self)
            for _ in range(min(int(wanted), 100, MOST_OPEN - len(self))):
                self.strike(now)
            self.look(now)
            time.sleep(GLANCE_SECONDS / 2)


def _status(answer: bytes) -> str:
    """Of HTTP, or `hello`, `alert` where TLS answered."""
    if not answer:
        return "closed"
    return TLS_RECORDS.get(answer[0]) or answer[STATUS].decode()


def hello_of(name: str) -> bytes:
    """What a client says first by TLS. One does for all: it is the server that has to compute."""
    context, out = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT), ssl.MemoryBIO()
    with suppress(ssl.SSLWantReadError):
        context.wrap_bio(ssl.MemoryBIO(), out, server_hostname=name).do_handshake()
    return out.read()


def requests_of(port: int, lines: Iterator[str]) -> list[bytes]:
    """Whole requests."""
    made = []
    for line in lines:
        path, _, accept = line.strip().partition(" ")
        head = f"GET {path} HTTP/1.1\r\nHost: localhost:{port}\r\nAccept: {accept or '*/*'}\r\n"
        made.append(f"{head}Accept-Encoding: gzip\r\nUser-Agent: storm\r\n\r\n".encode())
    return made


def main(words: list[str]) -> int:
    """The command."""
    there, targets, per_second, seconds = words[0], Path(words[1]), float(words[2]), float(words[3])
    os.nice(GIVES_WAY)
    port, _, name = there.partition(":")
    lines = targets.read_text().splitlines() if not name else []
    storm = Storm(int(port), [hello_of(name)] if name else requests_of(int(port), iter(lines)))
    storm.rage(per_second, seconds)
    print(msgspec.json.encode({"sent": storm.sent, "answers": dict(storm.answers)}).decode())
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
