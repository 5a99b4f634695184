"""A network inside the test's process, its doors called without a socket, and people who joined it."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import httpx
import pytest

from freehold.cli import dev
from freehold.protocol.diddoc import read as read_document
from freehold.repo.car import read_car
from freehold.repo.verify import Verified, verify_repo
from freehold.server import Networks
from freehold.site import Shared, Site
from support.browsing import Reader
from support.inside import Clock, calling, cheap_shared, opened, served
from support.network import PASSWORD, Operator, Person


@pytest.fixture(scope="session")
def shared() -> Iterator[Shared]:
    made = cheap_shared()
    yield made
    made.passwords.close()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def site(tmp_path: Path, shared: Shared, clock: Clock) -> Iterator[Site]:
    with opened(tmp_path / "town", shared, clock) as site:
        yield site


@pytest.fixture
async def http(site: Site) -> AsyncIterator[httpx.AsyncClient]:
    async with calling(site) as client:
        yield client


@pytest.fixture
async def alice(http: httpx.AsyncClient) -> Person:
    return await Person.join(http, "alice")


@pytest.fixture
async def bob(http: httpx.AsyncClient) -> Person:
    return await Person.join(http, "bob")


@pytest.fixture
def operator(http: httpx.AsyncClient) -> Operator:
    return Operator(http)


@pytest.fixture
def verified(http: httpx.AsyncClient):
    """Checks a member's whole exported repository: signature, tree, every record."""

    async def verified(person: Person) -> Verified:
        document = read_document(person.did, (await http.get(f"/plc/{person.did}")).json())
        roots, blocks = read_car(await person.car("com.atproto.sync.getRepo", did=person.did))
        assert document.signing_key is not None
        return verify_repo(blocks, roots[0], person.did, document.signing_key)

    return verified


@pytest.fixture
async def old(tmp_path: Path, shared: Shared, clock: Clock) -> AsyncIterator[Site]:
    """The network from which accounts move, or to which they come back."""
    async with served(tmp_path / "old", shared, clock) as site:
        yield site


@pytest.fixture
async def new(tmp_path: Path, shared: Shared, clock: Clock, old: Site) -> AsyncIterator[Site]:
    """A network whose directory of identities is that of the old one."""
    async with served(tmp_path / "new", shared, clock, plc=old.place.base_url + "/plc") as site:
        yield site


@pytest.fixture
async def there(old: Site) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=old.place.base_url, timeout=20) as client:
        yield client


@pytest.fixture
async def here(new: Site) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=new.place.base_url, timeout=20) as client:
        yield client


@pytest.fixture
async def alices(site: Site, http: httpx.AsyncClient, alice: Person) -> AsyncIterator[Reader]:
    """Alice's browser."""
    await dev.prepare(site)
    async with Reader(Networks([site]), site.place.base_url) as reader:
        await reader.sign_in("alice", PASSWORD)
        yield reader
