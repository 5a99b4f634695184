"""People who join the running network for a test."""

import httpx
import pytest

from support.inside import Clock
from support.network import Operator, Person


@pytest.fixture
async def alice(http: httpx.AsyncClient) -> Person:
    return await Person.join(http)


@pytest.fixture
async def bob(http: httpx.AsyncClient) -> Person:
    return await Person.join(http)


@pytest.fixture
def operator(http: httpx.AsyncClient) -> Operator:
    return Operator(http)


@pytest.fixture
def clock() -> Clock:
    return Clock()
