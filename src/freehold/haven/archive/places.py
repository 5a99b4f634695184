"""From an address to the place."""

from pathlib import Path

from freehold.haven.archive.folder import Folder
from freehold.haven.archive.stores import Address, Store


def open_store(address: Address) -> Store:
    """The place; nothing is asked of it yet."""
    if address.kind == "file":
        return Folder(Path(address.where))
    from freehold.haven.archive.s3 import Bucket  # a large library, for those who have a bucket

    return Bucket(address)
