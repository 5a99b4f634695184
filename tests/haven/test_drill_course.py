"""A drill looks for what members were told, and asks again where it is not answered."""

from unittest.mock import create_autospec

import pytest

from freehold.cli.drill.course import Course
from freehold.cli.drill.crowd import Crowd
from freehold.net.errors import UpstreamFailed


def course(answers: list[list[str] | Exception], patience: float) -> Course[None]:
    async def look() -> list[str]:
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    return Course(None, create_autospec(Crowd), look, lambda said: None, patience)


async def test_a_line_that_is_cut_while_it_looks_ends_no_drill() -> None:
    answers: list[list[str] | Exception] = [UpstreamFailed(), UpstreamFailed(), ["a post"]]
    assert await course(answers, patience=30)._looked() == ["a post"]
    assert answers == []


async def test_who_is_never_answered_is_told_so() -> None:
    with pytest.raises(UpstreamFailed):
        await course([UpstreamFailed()], patience=-1)._looked()
