"""Two networks in one process: a busy one is told to come again, a quiet one is not."""

import httpx

from freehold.server import Networks
from support.inside import opened
from support.joining import choose

DESCRIBE = "/xrpc/com.atproto.server.describeServer"


async def test_only_the_network_that_took_more_than_its_share_is_held_back(tmp_path, shared):
    with (
        opened(tmp_path / "busy", shared, dev_mode=False, several=True) as busy,
        opened(tmp_path / "quiet", shared, dev_mode=False, several=True) as quiet,
    ):
        networks = Networks([busy, quiet], check_answers=True)
        for site in (busy, quiet):
            await choose(site, join="open")
        share = busy.allowances.share
        assert share is not None
        assert share is not quiet.allowances.share
        async with httpx.AsyncClient(transport=httpx.ASGITransport(networks)) as http:
            assert (await http.get(busy.place.base_url + DESCRIBE)).status_code == 200
            share._shares._looked += 3_600  # as if it had just looked, and found the loop saturated
            share.points, share._shares.most = 100.0, 50.0
            refused = await http.get(busy.place.base_url + DESCRIBE)
            assert (refused.status_code, refused.json()["error"]) == (429, "RateLimitExceeded")
            assert refused.headers["retry-after"] == "1"
            assert (await http.get(quiet.place.base_url + DESCRIBE)).status_code == 200
        await networks.stop()
