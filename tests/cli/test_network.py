"""`freehold network`: networks of one process come and go one by one; leaving can be tried, and given up again."""

import asyncio
from pathlib import Path

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from freehold.haven import leaving, machine
from support.command import serving
from support.network import Caller, Person
from support.standbys import command, posts_of, standing_by
from support.tenants import Neighbour, furnished, living, place_for, visiting

DEV = ("--dev",)
HOSE = "/xrpc/com.atproto.sync.subscribeRepos"


async def test_networks_come_and_go_while_another_is_served(tmp_path: Path) -> None:
    one, two = furnished(tmp_path / "one"), furnished(tmp_path / "two")
    with serving(one, two, words=DEV) as process:
        async with visiting(two) as http, living([Neighbour.of(one)]):
            mei = await Person.join(http, "mei", domain=".two.test")
            told = await mei.post("before")
            async with connect(f"ws://two.localhost:{process.port}{HOSE}", host="127.0.0.1", port=process.port) as hose:
                dropped = await command("network", "drop", two)
                assert (dropped.code, "served here no more" in dropped.out) == (0, True), dropped.err
                with pytest.raises(ConnectionClosed, match="1012"):
                    await asyncio.wait_for(hose.recv(), 10)
            assert (await http.get("/about")).status_code == 421
            assert not (two / "control.sock").exists()
            added = await command("network", "add", two, "--beside", one)
            assert (added.code, "http://two.localhost" in added.out) == (0, True), added.err
            listed = await command("network", "list", one, two, tmp_path / "nothing")
            assert (listed.code, "http://two.localhost" in listed.out, "last drill: never" in listed.out) == (
                1,
                True,
                True,
            )
            assert "There is no network" in listed.out
            assert told.uri in await posts_of(Caller(http), mei.did)
            await mei.post("after")
            twice = await command("network", "add", two, "--beside", one)
            assert (twice.code, "is served here already" in twice.err) == (1, True)
        other = await command("network", "add", furnished(tmp_path / "three", "https = true\n"), "--beside", one)
        assert (other.code, "Set it alike" in other.err) == (1, True)
        assert process.end() == 0


async def test_leaving_can_be_tried_and_given_up(tmp_path: Path) -> None:
    one, there = furnished(tmp_path / "one"), tmp_path / "there"
    address, code = await place_for(there)
    with serving(one, words=DEV), standing_by(there):
        tried = await command("network", "leave", one, "--to", address, "--code", code, "--dry-run")
        assert (tried.code, "rotate-network" in tried.out, "Nothing was changed" in tried.out) == (0, True, True)
        other = await command("network", "leave", one, "--to", address, "--code", "0" * 64 + ".x", "--dry-run")
        assert (other.code, "not the machine that the code is of" in other.err) == (1, True), other
        begun = await command("network", "leave", one, "--to", address, "--code", code, given="another name\n")
        assert (begun.code, "served here as before" in begun.err) == (1, True), begun
        assert [peer.name for peer in machine.read(one).standbys] == [leaving.NAME]
        stays = await command("network", "stay", one)
        assert (stays.code, "It stays" in stays.out) == (0, True), stays.err
        assert not (one / "leaving.json").exists()
        assert not machine.read(one).standbys
        assert not (there / "network.key").exists(), "the keys come last of all"
        async with visiting(one) as http:
            await (await Person.join(http)).post("still here")
