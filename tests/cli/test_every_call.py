"""The official client makes every call of app.bsky in a network that lives, and holds each answer against its lexicon.

Which calls there are is read from docs/calls.md, which another test holds against the methods that are registered: a
call that nobody drives here fails the test. Each that answers is then asked again by a stranger, and each list page by
page. Source: @atproto/api; the scripts are tests/node/every_call.mjs and noting.mjs.
"""

import json
import re

import pytest

from api.test_calls_page import ANSWERED, REFUSED, rows
from e2e.test_official_npm import node_says
from support.network import running

pytestmark = pytest.mark.node
SECONDS = 120
"""For a machine that has much else to do."""
NOT_THOUGH_NAMED = re.compile(r"^\| `([A-Za-z.0-9]+)` \| \w+ \| refused, as `MethodNotImplemented`", re.MULTILINE)

UNREACHABLE = {f"app.bsky.feed.getActorLikes {name}" for name in ("BlockedActor", "BlockedByActor")}
"""Refusals that lexicons name and that nobody meets: only one's own likes are shown."""


async def test_the_official_client_makes_every_call_and_each_answers_as_the_page_says(town, network, node):
    never = NOT_THOUGH_NAMED.findall(ANSWERED)
    answered = {nsid: whom for nsid, whom in rows(ANSWERED) if nsid not in never}
    known = {
        "answered": list(answered),
        "members": [nsid for nsid, whom in answered.items() if whom == "members"],
        "refused": [*never, *(f"app.bsky.{name}" for name, _ in rows(REFUSED))],
        "visitor": re.search(r"Sign in as (\w+),", town.said)[1],
        "password": town.password,
    }
    with running(network) as served:
        known["services"] = served.told
        told = await node_says(node, "every_call.mjs", served.url, json.dumps(known), seconds=SECONDS)
        assert served.faults() == []
    assert told.pop("pages") > 15
    assert set(told.pop("unmet")) == UNREACHABLE
    assert told == {"undriven": [], "unrefused": [], "unknown": []}
