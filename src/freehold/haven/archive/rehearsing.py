"""A restore into a folder that is thrown away, to know that the archive is good for one.

Everything is fetched, opened and checked as in earnest; then it is examined as the doctor does it: the file by SQLite,
each repository's signature and tree, and every blob that the truth names.
"""

import shutil
from collections.abc import Sequence
from pathlib import Path

from freehold.haven.archive.restoring import Restorer, Told
from freehold.haven.archive.sealing import ArchiveKey
from freehold.haven.archive.stores import Store
from freehold.pds.accounts import Accounts
from freehold.pds.checkup import Checkup
from freehold.store.blobs import BlobStore
from freehold.store.connection import damage
from freehold.store.database import Database
from freehold.store.migrations import Migration
from freehold.store.sealed import Ring, Seal


def rehearse(
    store: Store, key: ArchiveKey, folder: Path, schema: Sequence[Migration], told: Told
) -> tuple[int, list[str]]:
    """Up to which moment (micros) it was restored, and what is wrong. schema: of the truth.

    Raises OutOfReach, Altered, NothingThere.
    """
    shutil.rmtree(folder, ignore_errors=True)
    try:
        restored = Restorer(store, key, told).restore(folder)
        return restored.until, examined(folder, restored.ring, schema, told)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def examined(folder: Path, ring: Ring, schema: Sequence[Migration], told: Told) -> list[str]:
    """What is wrong with a network that was restored into a folder."""
    if found := damage(folder / "truth.db"):
        return [found]
    with Database(folder / "truth.db", schema, durable=True) as truth:
        accounts = Accounts(Seal(ring), truth.reading)
        checkup = Checkup(truth, accounts, BlobStore(folder / "blobs"))
        findings = []
        for done, account in enumerate(checkup.accounts(), 1):
            findings.append(checkup.repository(account))
            told("repositories", done, None)
        findings += map(checkup.blob, checkup.blobs())
    return [f"{finding.about}: {finding.say}" for finding in findings if finding is not None]
