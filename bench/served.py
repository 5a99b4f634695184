"""`freehold run` with clocks in its parts: `python -m bench.served DIRECTORY PORT`.

At SIGUSR1 it writes the times so far to DIRECTORY/parts.json, nanoseconds by part.
"""

import signal
import sys
from pathlib import Path

import msgspec

from bench.accounting import Account, install
from freehold.cli.main import main

FILE = "parts.json"


def serve(directory: Path, port: str) -> int:
    """Serve until told to stop."""
    account = Account()
    install(account)

    def tell(*_: object) -> None:
        part = directory / f"{FILE}.part"
        part.write_bytes(msgspec.json.encode(account.totals()))
        part.replace(directory / FILE)

    signal.signal(signal.SIGUSR1, tell)
    return main(["run", str(directory), "--dev", "--port", port])


if __name__ == "__main__":
    sys.exit(serve(Path(sys.argv[1]), sys.argv[2]))
