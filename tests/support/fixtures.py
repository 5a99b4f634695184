"""One running network for each worker, for every folder of tests."""

from collections.abc import AsyncIterator, Iterator

import httpx
import pytest

from freehold.site import Shared
from support.inside import cheap_shared
from support.network import RunningNetwork, running


@pytest.fixture(scope="session")
def running_network(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningNetwork]:
    with running(tmp_path_factory.mktemp("network") / "town") as network:
        yield network


@pytest.fixture
def network(running_network: RunningNetwork) -> Iterator[RunningNetwork]:
    """A network that must not have a fault of its own during the test."""
    before = len(running_network.faults())
    yield running_network
    assert running_network.alive
    assert running_network.faults()[before:] == []


@pytest.fixture
async def http(network: RunningNetwork) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=network.url, timeout=30) as client:
        yield client


@pytest.fixture(scope="session")
def shared() -> Iterator[Shared]:
    made = cheap_shared()
    yield made
    made.passwords.close()
