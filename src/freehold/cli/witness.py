"""`freehold witness`: a small process on a third machine, so that a lost primary is replaced without a person."""

import argparse
import asyncio
import secrets
import signal
import sys

from freehold.cli import logs
from freehold.haven.witness import FILE, Witness, make
from freehold.store.lock import DirectoryLock

CODE_BYTES = 12


def main(given: argparse.Namespace) -> None:
    """Serve until told to stop; the first time, say what the primary must be told. Raises AlreadyRunning."""
    logs.set_up("info")
    if not (given.directory / FILE).exists():
        code = secrets.token_urlsafe(CODE_BYTES)
        fingerprint = make(given.directory, code)
        address = f"tls://THIS-MACHINE:{given.listen.rpartition(':')[2]}"
        print("On the primary, once this runs:")
        print(f"    freehold standby DIRECTORY witness {address} --code {fingerprint}.{code}", flush=True)
    lock = DirectoryLock(given.directory)
    try:
        asyncio.run(serve(given))
    finally:
        lock.release()


async def serve(given: argparse.Namespace) -> None:
    """Until SIGINT or SIGTERM."""
    witness, end = Witness(given.directory), asyncio.Event()
    loop = asyncio.get_running_loop()
    for each in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(each, end.set)
    port = witness.open_port(given.listen)
    print(f"{given.directory} is a witness on port {port}.", file=sys.stderr, flush=True)
    try:
        await end.wait()
    finally:
        witness.close()
