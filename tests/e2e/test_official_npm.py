"""The official npm packages against a running network: client, exports, proofs, firehose.

Source: @atproto/api, @atproto/repo, @atproto/sync, @atproto/identity; the scripts are in tests/node.
"""

import asyncio
import json
import subprocess
from functools import partial

import httpx
import pytest

from freehold.protocol.diddoc import read as read_document
from support.command import COMMAND
from support.network import firehose, running
from support.outside import NODE_FOLDER
from support.proof import assure_all_proven

pytestmark = pytest.mark.node
SECONDS = 45


async def node_says(node, script, *words, seconds=SECONDS):
    """Run a script of tests/node; what it tells at its end. A script that fails tells why on stderr."""
    command = [str(node), script, *map(str, words)]
    run = partial(
        subprocess.run, command, cwd=NODE_FOLDER, capture_output=True, text=True, timeout=seconds, check=False
    )
    done = await asyncio.to_thread(run)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


async def test_the_official_verifier_accepts_exports_and_proofs(network, node):
    told = await node_says(node, "exports.mjs", network.url)
    assert told["records"] == 161


async def test_the_official_consumer_hears_all_and_refuses_nothing(tmp_path, node):
    with running(tmp_path / "town") as network:  # from its first event: where a key was replaced, older commits fail
        told = await node_says(node, "firehose.mjs", network.url, 4, 10)
        assert told["operations"] == 296
        async with firehose(network.url, 0) as events:
            heard = await events.until(told["last"])
        async with httpx.AsyncClient(base_url=network.url) as http:
            documents = [read_document(did, (await http.get(f"/plc/{did}")).json()) for did in told["dids"]]
    for document in documents:
        payloads = [event.payload for event in heard if event.kind == "commit" and event.did == document.did]
        assert assure_all_proven(payloads, document.signing_key) > 70


async def test_the_official_consumer_stays_attached_while_all_signing_keys_are_replaced(tmp_path, node):
    with running(tmp_path / "town") as network:  # one of its own: commits of before would not verify any more
        command = [*COMMAND, "keys", str(network.directory), "rotate-signing", "--all"]
        told = await node_says(node, "keys.mjs", network.url, json.dumps([command, command]))
        assert told["written"] > 4
        assert network.faults() == []


async def test_two_people_live_an_evening_with_the_official_client(network, node):
    told = await node_says(node, "life.mjs", network.url)
    assert told["alice"].startswith("did:plc:")
