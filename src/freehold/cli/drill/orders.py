"""Orders to a network of the drill, as its operator would type them, by its control socket.

In come words and the lines that would be typed when it asks; out comes what it said.
"""

import time
from collections.abc import Sequence
from pathlib import Path

from freehold.cli import acting, reach
from freehold.cli.main import understand
from freehold.cli.terminal import Hands
from freehold.protocol.refused import Refused

PATIENCE_SECONDS = 30.0


class NotDone(Refused):
    """A network of the drill did not do as it was told."""

    kind, name = "unavailable", "NotDone"


class Typist(Hands):
    """Types what it was given, then nothing, and listens. It shows nothing."""

    def __init__(self, answers: Sequence[str]) -> None:
        super().__init__()
        self.interactive = False
        self._answers, self.heard = list(answers), list[str]()

    def say(self, line: str) -> None:
        """See `Hands.say`."""
        self.heard.append(line)

    def progress(self, what: str, done: int, total: int | None = None) -> None:
        """See `Hands.progress`."""

    def ask(self, question: str) -> str:
        """See `Hands.ask`."""
        return self._answers.pop(0) if self._answers else ""

    def ask_secret(self, question: str, twice: bool = False) -> str:
        """See `Hands.ask_secret`."""
        return self.ask(question)


def order(command: str, directory: Path, *words: object, answers: Sequence[str] = (), fails: bool = False) -> str:
    """`freehold COMMAND DIRECTORY WORDS` in the running network; all that it said. fails: whatever its exit code is.
    Raises NotDone, RefusedThere."""
    whole = [command, str(directory), *map(str, words)]
    given, typist = understand(whole), Typist(answers)
    until = time.monotonic() + PATIENCE_SECONDS
    while (there := reach.connect(directory)) is None:
        if time.monotonic() > until:
            raise NotDone(f"The network in {directory} does not answer to {command}.")
        time.sleep(0.02)
    code = reach.Far(there, typist, acting.named(given)).perform(whole)
    said = "\n".join(typist.heard)
    if code and not fails:
        raise NotDone(f"freehold {command}: {said[-500:]}")
    return said
