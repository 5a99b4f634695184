"""A village and its people for the pages' tests."""

from collections.abc import AsyncIterator

import pytest

from freehold.web.app import web_app
from support.browsing import Reader
from support.village import NOW, Village

BASE = "http://village.test"


@pytest.fixture
def village() -> Village:
    """A network with three people: mei follows amina; oskar is a stranger to both."""
    village = Village(BASE)
    village.mei = village.add("mei", "Mei")
    village.amina = village.add("amina", "Amina")
    village.oskar = village.add("oskar", "Oskar")
    village.edge("follow", village.mei, village.amina, hours=30)
    return village


@pytest.fixture
async def stranger(village: Village) -> AsyncIterator[Reader]:
    """Somebody who is not signed in."""
    async with Reader(web_app(village, now=lambda: NOW), BASE) as reader:
        yield reader


@pytest.fixture
async def mei(village: Village) -> AsyncIterator[Reader]:
    """Mei, signed in."""
    async with Reader(web_app(village, now=lambda: NOW), BASE) as reader:
        await reader.sign_in("mei")
        yield reader


@pytest.fixture
async def amina(village: Village) -> AsyncIterator[Reader]:
    """Amina, signed in."""
    async with Reader(web_app(village, now=lambda: NOW), BASE) as reader:
        await reader.sign_in("amina")
        yield reader
