"""The services outside that a network uses, of a drill, as a process: `outside CHAIN KEY COUNTS`.

A mail server (smtps), a relay and a public directory of identities (https, by name), which do what is asked of them
and count it in the file COUNTS, so that it can be told that they were in use before they were taken away.
Sources: RFC 5321; https://web.plc.directory/spec/v0.1/did-plc; lexicon com.atproto.sync.requestCrawl
"""

import asyncio
import ssl
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import msgspec

from freehold.protocol.plc import document, operation_cid

SMTPS, HTTPS = 465, 443
Json = dict[str, Any]


class Outside:
    """All three."""

    def __init__(self, counts: Path) -> None:
        self._file, self._counts = counts, Counter[str]()
        self._logs: dict[str, list[Json]] = {}

    def _count(self, what: str) -> None:
        self._counts[what] += 1
        self._file.write_bytes(msgspec.json.encode(self._counts))

    async def mail(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One conversation."""
        writer.write(b"220 mail\r\n")
        while line := await reader.readline():
            verb = line[:4].upper()
            if verb == b"DATA":
                writer.write(b"354 go on\r\n")
                await reader.readuntil(b"\r\n.\r\n")
                self._count("letters")
            writer.write(b"221 bye\r\n" if verb == b"QUIT" else b"250 fine\r\n")
            if verb == b"QUIT":
                break
        writer.close()

    async def web(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Requests, until the other end hangs up."""
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
                fields = dict(line.lower().split(": ", 1) for line in head.split("\r\n")[1:] if ": " in line)
                body = await reader.readexactly(int(fields.get("content-length", "0")))
                verb, path, _ = head.split(" ", 2)
                status, said = self._answer(verb, path, body)
                data = msgspec.json.encode(said)
                writer.write(b"HTTP/1.1 %d fine\r\ncontent-length: %d\r\n" % (status, len(data)))
                writer.write(b"content-type: application/json\r\n\r\n" + data)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    def _answer(self, verb: str, path: str, body: bytes) -> tuple[int, Any]:
        if path.startswith("/xrpc/"):
            self._count("calls of the relay")
            return 200, {}
        did, _, more = path.removeprefix("/").partition("/")
        if verb == "POST":
            operation = msgspec.json.decode(body)
            entry = {"cid": str(operation_cid(operation)), "operation": operation, "nullified": False, "did": did}
            self._logs.setdefault(did, []).append(entry)
            self._count("identities published")
            return 200, {}
        if did not in self._logs:
            return 404, {"message": "not registered"}
        return 200, self._logs[did] if more else document(did, self._logs[did][-1]["operation"])


async def serve(chain: str, key: str, counts: Path) -> None:
    """Until it is killed."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(chain, key)
    outside = Outside(counts)
    await asyncio.start_server(outside.mail, port=SMTPS, ssl=context)
    await asyncio.start_server(outside.web, port=HTTPS, ssl=context)
    print("serves", flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(serve(sys.argv[1], sys.argv[2], Path(sys.argv[3])))
