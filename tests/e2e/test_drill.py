"""`freehold drill`, held for real on a small network that runs meanwhile."""

import asyncio
from pathlib import Path

import httpx

from freehold.cli.drill import report
from freehold.cli.drill.lost_machine import by_second
from freehold.cli.drill.machines import copy_of
from freehold.outside.sources import Source
from support.command import COMMAND
from support.inside import opened
from support.network import Person, running


async def test_a_lost_machine_loses_nothing_and_the_network_goes_on_meanwhile(tmp_path: Path) -> None:
    town = tmp_path / "town"
    with running(town) as network:
        async with httpx.AsyncClient(base_url=network.url) as http:
            mei = await Person.join(http, "mei")
            before = await mei.post("before the drill")
            words = [*COMMAND, "drill", str(town), "lost-machine", "--members", "4", "--seconds", "2"]
            drill = await asyncio.create_subprocess_exec(*words, stdout=asyncio.subprocess.PIPE)
            out, _ = await drill.communicate()
            assert drill.returncode == 0, out
            after = await mei.post("after it")
            found = await mei.get("com.atproto.repo.listRecords", repo=mei.did, collection="app.bsky.feed.post")
            assert [record["uri"] for record in found["records"]] == [after.uri, before.uri]
    held = report.newest(town, "lost-machine")
    assert held is not None
    assert held.lost == []
    assert held.records > 20
    assert held.blobs > 0
    assert 0 < held.seconds_to_write < 60
    assert b"nothing acknowledged was lost" in out


async def test_a_copy_listens_to_nobody_whom_the_network_listens_to(tmp_path: Path, shared) -> None:
    town, copy = tmp_path / "town", tmp_path / "copy"
    with opened(town, shared) as site:
        await site.outside.sources.add(Source("wss://pds.example", relay=False))
        copy_of(town, copy)
        assert [source.url for source in site.outside.sources.all()] == ["wss://pds.example"]
    with opened(copy, shared) as site:
        assert site.outside.sources.all() == []


def test_a_report_shows_what_was_lost_and_when() -> None:
    assert by_second([10.1, 10.2, 12.0], 10.0) == [2, 0, 1]
