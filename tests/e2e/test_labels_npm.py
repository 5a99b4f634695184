"""Labels checked by the official npm packages: their codec, their verifier, their subscription.

Source: @atproto/crypto, @atproto/common, @atproto/xrpc-server; the script is tests/node/labels.mjs.
"""

import httpx
import pytest

from e2e.test_official_npm import node_says
from support.inside import HOUR, served
from support.network import Person

pytestmark = pytest.mark.node


async def test_the_official_packages_accept_labels(tmp_path, shared, node):
    async with (
        served(tmp_path / "town", shared) as site,
        httpx.AsyncClient(base_url=site.place.base_url) as http,
    ):
        alice = await Person.join(http)
        post = await alice.post("to be labelled")
        put, take_back = site.labels.put, site.labels.take_back
        await site.truth.write(lambda tx: put(tx, alice.did, "spam"))
        await site.truth.write(lambda tx: put(tx, post.uri, "porn", cid=post.cid, until=site.clock() + HOUR))
        await site.truth.write(lambda tx: take_back(tx, alice.did, "spam"))
        told = await node_says(node, "labels.mjs", site.place.base_url, site.services.labeler, 3)
        assert [(label["val"], label.get("neg", False)) for label in told["heard"]] == [
            ("spam", False),
            ("porn", False),
            ("spam", True),
        ]
        assert [label["uri"] for label in told["held"]] == [post.uri]
