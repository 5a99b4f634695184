"""A little mail server on port 0 that keeps every letter it is handed."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from email import message_from_bytes, policy
from email.message import EmailMessage

PATIENCE_SECONDS = 20


class Mailbox:
    """The letters in the order of their coming. refuse: as many of the next are turned away for now."""

    def __init__(self) -> None:
        self.port, self.refuse = 0, 0
        self._letters: asyncio.Queue[EmailMessage] = asyncio.Queue()

    @property
    def settings(self) -> dict[str, str]:
        """The settings of a network that sends its mail here."""
        return {"smtp_url": f"smtp://127.0.0.1:{self.port}", "mail_from": "town@town.example"}

    async def next(self) -> EmailMessage:
        """The next letter."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            return await self._letters.get()

    async def code(self) -> str:
        """The code in the next letter."""
        text = (await self.next()).get_content().replace("\r\n", "\n")
        [code] = re.findall(r"^    (\S+)$", text, re.M)
        return code

    @property
    def empty(self) -> bool:
        return self._letters.empty()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One conversation by RFC 5321."""
        try:
            writer.write(b"220 mailbox.example\r\n")
            while line := await reader.readline():
                verb = line[:4].upper()
                if verb == b"DATA":
                    writer.write(b"354 go on\r\n")
                    self._keep(await reader.readuntil(b"\r\n.\r\n"))
                elif verb == b"RCPT" and self.refuse:
                    self.refuse -= 1
                    writer.write(b"450 not now\r\n")
                    continue
                writer.write(b"221 bye\r\n" if verb == b"QUIT" else b"250 fine\r\n")
                if verb == b"QUIT":
                    break
            await writer.drain()
        finally:
            writer.close()

    def _keep(self, data: bytes) -> None:
        letter = message_from_bytes(data.removesuffix(b".\r\n").replace(b"\r\n..", b"\r\n."), policy=policy.default)
        self._letters.put_nowait(letter)


@asynccontextmanager
async def mailbox() -> AsyncIterator[Mailbox]:
    """Serve one."""
    box = Mailbox()
    server = await asyncio.start_server(box.serve, "127.0.0.1", 0)
    box.port = server.sockets[0].getsockname()[1]
    try:
        yield box
    finally:
        server.close()
