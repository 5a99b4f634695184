"""Letters to members: queued with the change that needs them, sent by a durable job, sealed while they wait.

An optional part: a network without a mail server has none, and whoever wants a letter sent is told so.
"""

import asyncio
from base64 import b64decode, b64encode
from typing import Any

import msgspec

from freehold.net.mail import Letter, MailServer
from freehold.protocol.refused import Refused
from freehold.store import jobs
from freehold.store.resealing import Sealed
from freehold.store.sealed import Seal
from freehold.store.tx import Tx

JOB = "send letter"
SEALED = (Sealed("job", "payload", JOB, by_row="kind", member="box"),)


class NoMail(Refused):
    """This network sends no e-mail."""

    name = "EmailDisabled"
    say = "This network sends no e-mail. Ask whoever runs it."


class Letters:
    """The letters of one network. server: None for a network that sends none. sender: what stands under From."""

    def __init__(self, seal: Seal, server: MailServer | None, sender: str) -> None:
        self._seal = seal
        self._server = server
        self._sender = sender

    @property
    def possible(self) -> bool:
        """Does this network send mail?"""
        return self._server is not None

    def assure_possible(self) -> None:
        """Raises NoMail."""
        if not self.possible:
            raise NoMail

    def queue(self, tx: Tx, letter: Letter) -> None:
        """Send the letter some time after this transaction's commit. Raises NoMail."""
        self.assure_possible()
        box = self._seal.seal(JOB, msgspec.json.encode(letter))
        jobs.enqueue(tx, JOB, {"box": b64encode(box).decode("ascii")})

    async def deliver(self, payload: dict[str, Any]) -> None:
        """The job's handler. Raises what went wrong, so that it is tried again."""
        if self._server is None:
            raise NoMail
        letter = msgspec.json.decode(self._seal.open(JOB, b64decode(payload["box"])), type=Letter)
        await asyncio.to_thread(self._server.send, letter, self._sender)
