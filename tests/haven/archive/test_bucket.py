"""An archive in a bucket, on a server that really speaks S3."""

import asyncio
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from freehold.haven.archive.forms import KEY
from freehold.haven.archive.places import open_store
from freehold.haven.archive.restoring import Restorer, open_key
from freehold.haven.archive.sealing import ArchiveKey
from freehold.haven.archive.stores import NoObject, OutOfReach, Store, parse
from support.archived import PASSPHRASE, Archived, Clock, rows
from support.bucket import bucket_server, make_bucket


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with bucket_server(tmp_path_factory.mktemp("bucket") / "log") as url:
        yield url


def bucket(url: str, name: str, **more: bool) -> Store:
    make_bucket(url, name, **more)
    return open_store(parse(f"s3://user:secret@{name}/town/a?endpoint={url}"))


async def test_all_of_it_comes_back(server: str, tmp_path: Path) -> None:
    store, key = bucket(server, "whole"), ArchiveKey.new()
    assert store.put_new(KEY, key.wrapped(PASSPHRASE))
    network = Archived(tmp_path / "town", store, key, Clock())
    try:
        await network.fed()
        await asyncio.to_thread(network.archive.step)
        network.keep(b"a picture")
        for n in range(20):
            await network.add(str(n))
        await network.fed()
        await asyncio.to_thread(network.archive.step)
    finally:
        network.stop()
    restorer = Restorer(store, open_key(store, PASSPHRASE))
    found = await asyncio.to_thread(restorer.restore, tmp_path / "again")
    assert (rows(tmp_path / "again"), found.blobs) == ({str(n) for n in range(20)}, 1)


def test_of_several_who_claim_one_succeeds(server: str) -> None:
    store = bucket(server, "claimed")
    with ThreadPoolExecutor(8) as pool:
        won = list(pool.map(lambda n: store.put_new("epoch/1", b"%d" % n), range(8)))
    assert won.count(True) == 1
    assert store.get("epoch/1") == b"%d" % won.index(True)


def test_names_are_listed_and_deleted(server: str) -> None:
    store = bucket(server, "listed")
    for name in ("log/1/1", "log/1/2", "logs/3", "base/1"):
        store.put(name, b"data")
    assert sorted(store.entries("log")) == [("log/1/1", 4), ("log/1/2", 4)]
    store.delete(["log/1/1", "never/there"])
    assert sorted(name for name, _ in store.entries("")) == ["base/1", "log/1/2", "logs/3"]
    with pytest.raises(NoObject):
        store.get("log/1/1")


def test_a_bucket_that_keeps_what_is_deleted_is_known(server: str) -> None:
    assert not bucket(server, "forgetful").keeps_deleted()
    assert bucket(server, "versioned", versions=True).keeps_deleted()


def test_a_bucket_that_is_not_there_is_out_of_reach(server: str) -> None:
    with pytest.raises(OutOfReach):
        open_store(parse(f"s3://user:secret@nowhere/?endpoint={server}")).put("name", b"data")


def test_an_address_shows_no_secret() -> None:
    address = parse("s3://user:a%2Fsecret@bucket/town?endpoint=http://127.0.0.1:1&region=here")
    assert (address.user, address.secret, address.where, address.prefix) == ("user", "a/secret", "bucket", "town")
    assert "secret" not in f"{address}{address!r}"
    assert parse(address.full) == address
