"""Strangers, as a process: `flooder TARGET NAME SECONDS ADDRESS…` asks as fast as it can, from all these addresses.

Each stranger connects, asks for pages and public views some times, and comes again from another address. At the end
one line: how many calls were answered with content, and how many were turned away.
"""

import asyncio
import itertools
import ssl
import sys
import time

STRANGERS, CALLS = 60, 10
PATHS = ("/", "/xrpc/com.atproto.server.describeServer", "/about", "/xrpc/com.atproto.sync.listRepos?limit=1000")


class Flood:
    """All of them."""

    def __init__(self, target: str, name: str, addresses: list[str]) -> None:
        self._target, self._name = target, name
        self._from = itertools.cycle(addresses)
        self._context = ssl.create_default_context()
        self._context.check_hostname, self._context.verify_mode = False, ssl.CERT_NONE  # a flood trusts anybody
        self.answered = self.refused = 0

    async def stranger(self, until: float) -> None:
        """One of them."""
        while time.monotonic() < until:
            try:
                async with asyncio.timeout(max(until - time.monotonic(), 0)):
                    await self._come()
            except (OSError, TimeoutError, asyncio.IncompleteReadError):
                self.refused += 1

    async def _come(self) -> None:
        reader, writer = await asyncio.open_connection(
            self._target, 443, ssl=self._context, server_hostname=self._name, local_addr=(next(self._from), 0)
        )
        try:
            for path in itertools.islice(itertools.cycle(PATHS), CALLS):
                writer.write(f"GET {path} HTTP/1.1\r\nhost: {self._name}\r\n\r\n".encode())
                head = await reader.readuntil(b"\r\n\r\n")
                await reader.readexactly(_length(head))
                self.answered += head.startswith(b"HTTP/1.1 200")
                self.refused += not head.startswith(b"HTTP/1.1 200")
        finally:
            writer.transport.abort()


def _length(head: bytes) -> int:
    found = head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0]
    if not found:
        raise ConnectionError("an answer without a length: its end is not waited for")
    return int(found)


async def flood(target: str, name: str, seconds: float, addresses: list[str]) -> None:
    """For so long."""
    made = Flood(target, name, addresses)
    print("begins", flush=True)
    until = time.monotonic() + seconds
    await asyncio.gather(*(made.stranger(until) for _ in range(STRANGERS)))
    print(made.answered, made.refused, flush=True)


if __name__ == "__main__":
    asyncio.run(flood(sys.argv[1], sys.argv[2], float(sys.argv[3]), sys.argv[4:]))
