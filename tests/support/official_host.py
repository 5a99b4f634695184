"""The official PDS as a neighbour: a process of its own on this machine, in a folder of its own.

Source: npm, @atproto/pds; the script and its lock file are in tests/node/peer.
"""

import asyncio
import os
import re
import signal
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from bench.ports import free_port

from support.mailbox import Mailbox
from support.network import NoAnswer
from support.outside import PEER_FOLDER

START_SECONDS = 60
HANDLES = ".pds.test"
ROTATION_KEY = "11" * 32
"""By which it signs its members' identities."""


@asynccontextmanager
async def official_host(node: Path, folder: Path, directory_url: str, box: Mailbox) -> AsyncIterator[str]:
    """Start one that asks the directory of identities at this URL and sends its letters to `box`; its origin."""
    port = free_port()
    log = _prepared(folder)
    with log.open("wb") as stderr:
        child = await asyncio.create_subprocess_exec(
            str(node),
            "host.mjs",
            cwd=PEER_FOLDER,
            env=_environment(folder, port, directory_url, box),
            stdout=subprocess.PIPE,
            stderr=stderr,
            start_new_session=True,  # node is behind a script: both are ended together
        )
    try:
        assert child.stdout is not None
        async with asyncio.timeout(START_SECONDS):
            if await child.stdout.readline() != b"listening\n":
                raise NoAnswer(f"the official host did not start:\n{log.read_text()}")
        yield f"http://localhost:{port}"
    finally:
        with suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGKILL)  # asked to end, it would wait for idle connections
        await child.wait()


def _prepared(folder: Path) -> Path:
    """Make the folder; the file for what the process says."""
    folder.mkdir(parents=True)
    return folder / "log"


def _environment(folder: Path, port: int, directory_url: str, box: Mailbox) -> dict[str, str]:
    names = {
        "PORT": str(port),
        "HOSTNAME": "localhost",
        "DEV_MODE": "true",
        "DISABLE_SSRF_PROTECTION": "true",
        "DATA_DIRECTORY": str(folder),
        "BLOBSTORE_DISK_LOCATION": str(folder / "blobs"),
        "BLOBSTORE_DISK_TMP_LOCATION": str(folder / "blobs-coming"),
        "DID_PLC_URL": directory_url,
        "INVITE_REQUIRED": "false",
        "RATE_LIMITS_ENABLED": "false",
        "SERVICE_HANDLE_DOMAINS": HANDLES,
        "ADMIN_PASSWORD": "the operator's",
        "JWT_SECRET": "only for this test",
        "ACCEPTING_REPO_IMPORTS": "true",
        "PLC_ROTATION_KEY_K256_PRIVATE_KEY_HEX": ROTATION_KEY,
        "BSKY_APP_VIEW_URL": "http://localhost:1",
        "BSKY_APP_VIEW_DID": "did:web:localhost",
        "EMAIL_SMTP_URL": f"smtp://127.0.0.1:{box.port}?ignoreTLS=true",
        "EMAIL_FROM_ADDRESS": "host@pds.test",
    }
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "TMPDIR") if name in os.environ}
    logged = {"LOG_ENABLED": "true", "LOG_LEVEL": "warn", "LOG_DESTINATION": str(folder / "log")}
    node = {"NODE_ENV": "production", "UV_USE_IO_URING": "0"}
    return {**kept, **{f"PDS_{name}": value for name, value in names.items()}, **logged, **node}


async def letter_code(box: Mailbox) -> str:
    """The code in the next letter that the official host sends."""
    letter = await box.next()
    body = letter.get_body(("plain", "html"))
    assert body is not None
    found = re.search(r"\b[A-Z2-7]{5}-[A-Z2-7]{5}\b", body.get_content())
    assert found is not None, body.get_content()
    return found[0]
