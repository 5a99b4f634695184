"""The process in which the owner's feeds run: reads questions from its standard input, answers on its standard output.

It is told public posts and nothing else, has no connection to the network's files, and ends with its parent. What a
feed prints goes nowhere. Run by `sieve` as a file of its own; each message is its length in four bytes, then msgpack.
"""

import os
import resource
import sys
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import ModuleType
from typing import BinaryIO

import msgspec

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from freehold.feeds.public import Post
from freehold.feeds.questions import Answer, Kept, Question

MEMORY_BYTES = 1 << 30


def main() -> None:
    """Answer until there are no more questions."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    loaded: dict[str, tuple[int, ModuleType]] = {}
    while (question := read(sys.stdin.buffer)) is not None:
        try:
            answer = answered(question, loaded)
        except (Exception, SystemExit) as wrong:
            answer = Answer(fault=told(wrong, question.path))
        body = msgspec.msgpack.encode(answer)
        answers.write(len(body).to_bytes(4) + body)
        answers.flush()


def read(questions: BinaryIO) -> Question | None:
    """The next question; None at the end."""
    length = questions.read(4)
    if len(length) < 4:
        return None
    return msgspec.msgpack.decode(questions.read(int.from_bytes(length)), type=Question)


def answered(question: Question, loaded: dict[str, tuple[int, ModuleType]]) -> Answer:
    """Load the file if it is new or changed, and sift. Raises whatever the file raises."""
    changed = Path(question.path).stat().st_mtime_ns
    known = loaded.get(question.path)
    if known is None or known[0] != changed:
        known = loaded[question.path] = changed, load(question.path)
    module = known[1]
    answer = Answer(_text(module, "name", 24), _text(module, "description", 300))
    if not callable(getattr(module, "wants", None)):
        raise TypeError("there is no function called wants")
    for place, post in enumerate(question.posts):
        sift(module, place, post, answer, question.path)
    return answer


def load(path: str) -> ModuleType:
    """The file as a module that nobody else can import."""
    module = ModuleType(Path(path).stem)
    module.__file__ = path
    SourceFileLoader(module.__name__, path).exec_module(module)
    return module


def sift(module: ModuleType, place: int, post: Post, answer: Answer, path: str) -> None:
    """Ask the feed whether it wants the post. Of those on which it fails the first is told of."""
    try:
        reason = module.wants(post)
        if reason is None or reason is False:
            return
        if not isinstance(reason, str) or not reason.strip():
            raise TypeError("wants must return the reason in words, or None")
        weight = float(module.weight(post)) if hasattr(module, "weight") else 0.0
        if not 0 <= weight < 1e12:
            raise ValueError("weight must be 0 or more")
        answer.kept.append(Kept(place, " ".join(reason.split())[:300], weight))
    except Exception as wrong:
        answer.failed.append(place)
        answer.fault = answer.fault or told(wrong, path)


def told(wrong: BaseException, path: str) -> str:
    """What went wrong and in which line of the file."""
    line, step = 0, wrong.__traceback__
    while step is not None:
        if step.tb_frame.f_code.co_filename == path:
            line = step.tb_lineno
        step = step.tb_next
    if isinstance(wrong, SyntaxError):
        line = wrong.lineno or 0
    words = f"{type(wrong).__name__}: {wrong}"[:300]
    return f"line {line}: {words}" if line else words


def _text(module: ModuleType, name: str, most: int) -> str:
    value = getattr(module, name, None)
    if not isinstance(value, str) or not 0 < len(value.strip()) <= most:
        raise TypeError(f"{name} must be text of at most {most} letters")
    return value.strip()


if __name__ == "__main__":
    main()
