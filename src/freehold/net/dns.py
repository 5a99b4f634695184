"""TXT records, with limits on time, number and length.

dnspython is loaded with the first question. The nameservers are this machine's own.
"""

import asyncio
from typing import TYPE_CHECKING

from freehold.net.errors import UpstreamFailed

if TYPE_CHECKING:
    from dns.asyncresolver import Resolver

SECONDS = 3.0
MAX_RECORDS = 50
MAX_LENGTH = 4_096


class Dns:
    """Asks for TXT records. nameservers: addresses to ask instead of this machine's, on `port`.

    seconds: for one question, all tries together.
    """

    def __init__(self, nameservers: list[str] | None = None, port: int = 53, seconds: float = SECONDS) -> None:
        self._nameservers = nameservers
        self._port = port
        self._seconds = seconds
        self._resolver: Resolver | None = None

    async def txt(self, name: str) -> list[str]:
        """The TXT records of `name`, each joined from its pieces; [] when there are none. Raises UpstreamFailed."""
        from dns.exception import DNSException
        from dns.resolver import NXDOMAIN, NoAnswer

        resolver = self._open()
        try:
            async with asyncio.timeout(self._seconds):
                answer = await resolver.resolve(name + ".", "TXT", lifetime=self._seconds, raise_on_no_answer=True)
        except (NXDOMAIN, NoAnswer):
            return []
        except (DNSException, OSError, TimeoutError) as error:
            raise UpstreamFailed(name=name, reason=f"{type(error).__name__}: {error}") from None
        texts = [b"".join(record.strings).decode("utf-8", "replace") for record in list(answer)[:MAX_RECORDS]]
        return [text for text in texts if len(text) <= MAX_LENGTH]

    def _open(self) -> "Resolver":
        if self._resolver is None:
            from dns.asyncresolver import Resolver

            self._resolver = Resolver(configure=self._nameservers is None)
            if self._nameservers is not None:
                self._resolver.nameservers = list(self._nameservers)
                self._resolver.port = self._port
        return self._resolver
