"""`freehold demo` fills a network that is whole and can be used."""

import re
from pathlib import Path

import httpx

from support.command import freehold, serving


def test_the_demo_is_whole_and_its_people_can_sign_in(town, network: Path) -> None:
    assert f"Linden has 6 people. To look around: freehold run {town.directory}\n" in town.said
    member, moderator, owner = re.search(r"as (\w+), (\w+) \(moderator\) or (\w+) \(owner\)", town.said).groups()
    listed = freehold("account", network, "list").out
    roles = {line.split()[0]: line.split()[1] for line in listed.splitlines()}
    assert [roles[f"{name}.test"] for name in (member, moderator, owner)] == ["member", "moderator", "owner"]
    assert freehold("doctor", network).out.endswith("All repositories, blobs and databases are whole.\n")
    with serving(network) as running, httpx.Client(base_url=running.urls[0]) as http:
        assert "type this code" not in running.log()
        given = {"identifier": member, "password": town.password}
        session = http.post("/xrpc/com.atproto.server.createSession", json=given).json()
        mine = {"authorization": f"Bearer {session['accessJwt']}"}
        feed = http.get("/xrpc/app.bsky.feed.getTimeline", headers=mine).json()["feed"]
        assert feed
        assert http.get(feed[0]["post"]["author"]["avatar"]).headers["content-type"].startswith("image/")


def test_the_demo_fills_no_network_twice(town) -> None:
    done = freehold("demo", town.directory)
    assert done.code == 1
    assert done.err.startswith(f"freehold: There is a network in {town.directory} already.")
