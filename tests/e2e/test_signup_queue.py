"""The official client in the line before the door.

Source: @atproto/api; the script is tests/node/queue.mjs
"""

import asyncio
import json
import re

import httpx
import pytest

from support.inside import served
from support.joining import choose
from support.network import PATIENCE_SECONDS
from support.outside import NODE_FOLDER

pytestmark = pytest.mark.node
ASKED = re.compile(r'^freehold_calls_total\{method="com.atproto.temp.checkSignupQueue",status="200"\} (\d+)', re.M)


async def has_asked_twice(url: str) -> None:
    """Wait until the line was asked about again."""
    async with httpx.AsyncClient(base_url=url) as http:
        while not (asked := ASKED.search((await http.get("/metrics")).text)) or int(asked[1]) < 2:  # noqa: ASYNC110
            await asyncio.sleep(0.02)  # it is another process that asks


async def test_the_official_client_waits_and_is_let_in(tmp_path, shared, node):
    async with served(tmp_path / "town", shared, dev_mode=False) as site:
        await choose(site, join="ask")
        child = await asyncio.create_subprocess_exec(
            node, "queue.mjs", site.place.base_url, cwd=NODE_FOLDER, stdout=asyncio.subprocess.PIPE
        )
        async with asyncio.timeout(PATIENCE_SECONDS):
            await has_asked_twice(site.place.base_url)
            await site.admission.let_in(site.admission.named("cleo").did)
            out, _ = await child.communicate()
    assert child.returncode == 0
    told = json.loads(out)
    assert told["uri"].startswith(f"at://{told['did']}/app.bsky.feed.post/")
