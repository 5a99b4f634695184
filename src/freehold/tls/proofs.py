"""Showing a certificate authority that a name is ours: by a file that it fetches, or by a TXT record.

`FileProofs` holds what the door on port 80 answers under /.well-known/acme-challenge/. `HookProofs` has a program of
the operator's set and clear TXT records, for wildcards. Both are called from the thread that orders.
Source: https://www.rfc-editor.org/rfc/rfc8555#section-8.3 and #section-8.4
"""

import logging
import subprocess
from typing import Protocol

from freehold.protocol.refused import Refused

logger = logging.getLogger(__name__)

HOOK_SECONDS = 180
SHOWN_CHARACTERS = 400


class HookFailed(Refused):
    """The operator's program did not set the record."""

    kind, name = "upstream", "HookFailed"


class Proofs(Protocol):
    """One way of showing it. kind: as RFC 8555 names it."""

    kind: str

    def show(self, name: str, token: str, value: str) -> None:
        """Make `value` found for `name`. Returns when it can be found."""

    def hide(self, name: str, token: str, value: str) -> None:
        """Take it back; never raises."""


class FileProofs:
    """http-01: answers by token, in memory only."""

    kind = "http-01"

    def __init__(self) -> None:
        self._answers: dict[str, str] = {}

    def show(self, name: str, token: str, value: str) -> None:
        self._answers[token] = value

    def hide(self, name: str, token: str, value: str) -> None:
        self._answers.pop(token, None)

    def answer(self, token: str) -> str | None:
        """What to say when the authority asks for that token."""
        return self._answers.get(token)


class HookProofs:
    """dns-01: `PROGRAM set NAME VALUE` publishes a TXT record and returns when the zone's own nameservers answer with
    it; `PROGRAM clear NAME VALUE` takes it back. Several values of one name stand at the same time."""

    kind = "dns-01"

    def __init__(self, program: str, seconds: float = HOOK_SECONDS) -> None:
        self._program, self._seconds = program, seconds

    def show(self, name: str, token: str, value: str) -> None:
        """Raises HookFailed."""
        self._call("set", f"_acme-challenge.{name.removeprefix('*.')}", value)

    def hide(self, name: str, token: str, value: str) -> None:
        try:
            self._call("clear", f"_acme-challenge.{name.removeprefix('*.')}", value)
        except HookFailed as failed:
            logger.warning("a TXT record stays behind: %s", failed.say)

    def _call(self, *words: str) -> None:
        try:
            done = subprocess.run(  # noqa: S603 - the program is the operator's own, without a shell
                [self._program, *words],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                timeout=self._seconds,
            )
        except subprocess.TimeoutExpired:
            raise HookFailed(
                f"acme_hook took longer than {self._seconds:.0f} seconds to {words[0]} a record."
            ) from None
        except OSError as wrong:
            raise HookFailed(f"acme_hook could not be started: {wrong.strerror}.") from None
        if done.returncode:
            said = done.stderr.decode("utf-8", "replace").strip()[-SHOWN_CHARACTERS:]
            raise HookFailed(f"acme_hook could not {words[0]} a record (exit code {done.returncode}): {said}")
