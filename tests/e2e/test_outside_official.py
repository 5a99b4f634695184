"""The official PDS as the other host: what is said there is seen here, and what is taken back is gone here.

Source: npm, @atproto/pds (tests/node/peer).
"""

from base64 import b64encode

import httpx
import pytest

from freehold.outside.sources import Source
from support.abroad import at, shows, until
from support.inside import served
from support.mailbox import mailbox
from support.network import PASSWORD, PROFILE, Operator, Person
from support.official_host import HANDLES, letter_code, official_host
from support.outside import find_peer
from support.pictures import png

pytestmark = [pytest.mark.peer, pytest.mark.long]

SERVER = "com.atproto.server."
THEIR_PASSWORD = "the operator's"


class TheirOperator(Operator):
    """Who runs the official host."""

    def _headers(self, more=None):
        return {"authorization": "Basic " + b64encode(f"admin:{THEIR_PASSWORD}".encode()).decode()} | (more or {})


async def picture_of(here, person):
    """The first picture in somebody's home, as this network's own address gives it: status and media type."""
    feed = (await person.get("app.bsky.feed.getTimeline"))["feed"]
    url = feed[0]["post"]["embed"]["images"][0]["thumb"]
    assert url.startswith(here.place.base_url)
    answer = await person.http.get(url)
    return answer.status_code, answer.headers["content-type"]


async def test_a_life_on_the_official_host_is_seen_here(tmp_path, shared):
    node = find_peer()
    assert node is not None
    async with (
        mailbox() as box,
        served(tmp_path / "here", shared) as here,
        official_host(node, tmp_path / "official", f"{here.place.base_url}/plc", box) as origin,
        httpx.AsyncClient(base_url=origin, timeout=30) as there,
        at(here) as http,
    ):
        ida = await Person.join(there, domain=HANDLES, email="ida@mail.example")
        ana = await Person.join(http)
        await ida.put(PROFILE, "self", {"displayName": "Ida"})
        first = await ida.post("before anybody listened")
        await here.outside.add(Source(origin, relay=False))
        await ana.follow(ida)
        await until(here, shows(ana, "before anybody listened"))
        blob = await ida.upload(png(12, 12))
        await ida.post_picture(blob, "a picture")
        await until(here, shows(ana, "a picture", "before anybody listened"))
        assert await picture_of(here, ana) == (200, "image/jpeg")
        await ida.delete(first)
        await until(here, shows(ana, "a picture"))
        await ida.put(PROFILE, "self", {"displayName": "Ida, renamed"})
        await ida.do("com.atproto.identity.updateHandle", handle=f"renamed{HANDLES}")

        async def renamed():
            return (await ana.get("app.bsky.actor.getProfile", actor=ida.did))["displayName"] == "Ida, renamed"

        await until(here, renamed)
        await TheirOperator(there).set_takedown(ida.did, True)
        await until(here, shows(ana))
        await TheirOperator(there).set_takedown(ida.did, False)
        await until(here, shows(ana, "a picture"))
        ida = Person(there, await session_of(there, ida))
        await ida.do(SERVER + "requestAccountDelete")
        code = await letter_code(box)
        await ida.do(SERVER + "deleteAccount", did=ida.did, password=PASSWORD, token=code)
        await until(here, shows(ana))
        assert set(here.outside.standing()[0].dropped) <= {"old-sequence"}


async def session_of(there, person):
    """A new session: a takedown ends those before."""
    answer = await there.post(f"/xrpc/{SERVER}createSession", json={"identifier": person.did, "password": PASSWORD})
    return answer.json()
