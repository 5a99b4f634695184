"""The `freehold` command that is killed at one step of a network's leaving: the first argument says which."""

import os
import signal
import sys
from collections.abc import Callable
from typing import Any

from freehold.cli import main
from freehold.haven import leaving
from freehold.haven.carrier import Carrier
from freehold.haven.haven import Haven

STEPS = ("copying", "compared", "handing", "leaving", "succeeded", "gone", "erasing", "left")


def die(*_: object) -> None:
    """At once, as by a power cut."""
    os.kill(os.getpid(), signal.SIGKILL)


def dying_after(work: Callable[..., Any], told: Callable[..., bool]) -> Callable[..., Any]:
    """The same work, and the end, if `told` so of its arguments."""

    def done(*given: Any, **named: Any) -> Any:
        result = work(*given, **named)
        if told(*given, **named):
            die()
        return result

    return done


def arm(step: str) -> None:
    """Die at that step."""
    match step:
        case "compared":
            Carrier.hand_over = die  # type: ignore[method-assign]
        case "leaving":
            Haven.become = dying_after(Haven.become, lambda haven, role: role == step)  # type: ignore[method-assign]
        case "succeeded":
            Carrier.hand_over = dying_after(Carrier.hand_over, lambda *given: True)  # type: ignore[method-assign]
        case "erasing":
            leaving.shutil.rmtree = die  # type: ignore[assignment]
        case _:
            leaving.note = dying_after(leaving.note, lambda *given, **changes: changes.get("state") == step)


if __name__ == "__main__":
    arm(sys.argv[1])
    sys.exit(main.main(sys.argv[2:]))
