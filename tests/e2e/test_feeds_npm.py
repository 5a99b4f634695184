"""Feeds read by the official client, and held against its own lexicons.

Source: @atproto/api; the script is tests/node/feeds.mjs.
"""

import pytest

from e2e.test_official_npm import node_says
from support.inside import served

pytestmark = pytest.mark.node


async def test_the_official_client_reads_our_feeds_and_the_discover_that_it_knows(tmp_path, shared, node):
    async with served(tmp_path / "town", shared) as site:
        told = await node_says(node, "feeds.mjs", site.place.base_url)
    assert told == {"asked": 5, "known": True, "views": True, "items": True, "reasons": True}
