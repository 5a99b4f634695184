"""What a child process of the tests is given: the environment of this one, and the tests' own modules to import."""

import os
from pathlib import Path

_TESTS = str(Path(__file__).resolve().parents[1])


def environment(**more: str) -> dict[str, str]:
    """This process's, with `more`, in which `support` can be imported."""
    path = os.pathsep.join(filter(None, (_TESTS, os.environ.get("PYTHONPATH"))))
    return {**os.environ, "PYTHONPATH": path, **more}
