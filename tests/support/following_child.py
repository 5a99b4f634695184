"""A standby as a process of its own, for killing. Arguments: directory, path of the Unix socket to listen at."""

import socket
import sys
from contextlib import suppress
from pathlib import Path

from freehold.haven.copy import Copy
from freehold.haven.following import Standby
from freehold.haven.wire import Channel, LinkLost
from freehold.store.blobs import BlobStore


def main(directory: Path, path: str) -> None:
    with suppress(FileNotFoundError):
        Path(path).unlink()
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(path)
    listener.listen()
    print("ready", flush=True)
    standby = Standby(Copy(directory), BlobStore(directory / "blobs"), 1, lambda epoch: None)
    while True:
        end, _ = listener.accept()
        with end, suppress(LinkLost):
            standby.follow(Channel(end))


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
