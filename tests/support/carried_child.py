"""The child of the haven's storm: writes that are carried to a standby before they are acknowledged.

Arguments: directory, path of the Unix socket at which the standby listens, seed.
"""

import asyncio
import socket
import sys
import threading
from pathlib import Path

from freehold.haven.carrier import Carrier
from freehold.haven.wire import Channel
from freehold.store import writer
from freehold.store.blobs import BlobStore
from freehold.store.database import Database
from support.storm_child import SCHEMA, author_writes

WRITERS = 16


async def main(directory: Path, standby: str, seed: str) -> None:
    writer.CHECKPOINT_PAGES = 50  # fold the log often, so that kills fall into that too
    carrier = Carrier(directory / "truth.db", BlobStore(directory / "blobs"), epoch=1)
    end = socket.socket(socket.AF_UNIX)
    end.settimeout(10)
    end.connect(standby)
    threading.Thread(target=carrier.keep, args=("standby", Channel(end)), daemon=True).start()
    db = Database(directory / "truth.db", SCHEMA, durable=True, gate=carrier)
    await asyncio.gather(*(author_writes(db, author, seed) for author in range(WRITERS)))


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), sys.argv[2], sys.argv[3]))
