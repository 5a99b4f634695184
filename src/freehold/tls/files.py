"""Certificates that the operator brings: two PEM files, read again when they change.

Something else renews them; the same calls as `Certificates`, so that the door need not know.
"""

import asyncio
import logging
import ssl
from collections.abc import Callable
from pathlib import Path

from freehold.protocol.refused import Refused
from freehold.tls.contexts import context_of_files, term

logger = logging.getLogger(__name__)

DAY = 24 * 3600 * 1_000_000
LOOK_SECONDS = 60.0
LAST_DAYS = 7
LOOKS_PER_DAY = 24 * 60


class BadCertificate(Refused):
    """The files do not hold a certificate and its key."""

    name = "BadCertificate"


class CertificateFiles:
    """serves: is that name one of ours now? Raises BadCertificate when the files cannot be used at the start."""

    def __init__(self, chain: Path, key: Path, serves: Callable[[str], bool], clock: Callable[[], int]) -> None:
        self._chain, self._key, self._serves, self._clock = chain, key, serves, clock
        self._read()

    async def context_for(self, name: str) -> ssl.SSLContext | None:
        """What to open a connection to `name` with; None if it is not ours."""
        return self._context if self._serves(name) else None

    def days_left(self) -> float | None:
        """Until the certificate ends."""
        return (self._ends - self._clock()) / DAY

    def chains(self) -> list[bytes]:
        """The certificate in use, PEM."""
        return [self._pem]

    async def run(self) -> None:
        """Look once a minute whether the files have changed, until cancelled. Broken ones are not taken."""
        looks = 0
        while True:
            if looks % LOOKS_PER_DAY == 0 and (self.days_left() or 0) < LAST_DAYS:
                logger.error("the certificate in %s ends in %.1f days", self._chain, self.days_left())
            await asyncio.sleep(LOOK_SECONDS)
            looks += 1
            try:
                if self._stamp() != self._read_at:
                    self._read()
            except (BadCertificate, OSError) as wrong:
                logger.error("the certificate on disk is not taken, the one before goes on: %s", wrong)

    def _read(self) -> None:
        try:
            self._read_at = self._stamp()
            pem = self._chain.read_bytes()
            _, self._ends = term(pem)
            self._context = context_of_files(self._chain, self._key)
            self._pem = pem
        except (OSError, ValueError) as wrong:
            raise BadCertificate(
                f"{self._chain} and {self._key} do not give a certificate with its key: {wrong}."
            ) from None

    def _stamp(self) -> tuple[int, int]:
        return self._chain.stat().st_mtime_ns, self._key.stat().st_mtime_ns
