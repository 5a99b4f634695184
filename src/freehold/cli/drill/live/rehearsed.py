"""A restore from an archive on the second machine, into a folder of the drill's own, which is wiped at the end.

In come the archive's address, the recovery passphrase as its keeper typed it, and what members were told "yes" to; out
comes a sentence. Nothing is written to the archive, and what is restored is not served.
"""

import time
from pathlib import Path

from freehold.cli.drill.live.marks import Marks
from freehold.cli.drill.live.words import Rehearse
from freehold.cli.drill.machines import opened_truth
from freehold.haven.archive import places, rehearsing, stores
from freehold.haven.archive.restoring import Restored, Restorer, open_key
from freehold.protocol.cid import Cid
from freehold.protocol.refused import Refused
from freehold.site import TRUTH_SCHEMA

PATIENCE_SECONDS, PAUSE_SECONDS = 120.0, 1.0


class NotRestored(Refused):
    """The archive does not give back what it should."""

    kind, name = "unavailable", "NotRestored"


def rehearse(marks: Marks, word: Rehearse) -> str:
    """Raises NotRestored, NotMade, OutOfReach, Altered, NothingThere, WrongPassphrase."""
    folder, began = marks.folder(word.id), time.monotonic()
    try:
        there = folder / "restored"
        restored = _restored(there, word)
        wrong = rehearsing.examined(there, restored.ring, TRUTH_SCHEMA, lambda what, done, total: None)
        wrong += [f"{uri} is not there" for uri in _missing(there, word.records)]
    finally:
        marks.wipe(word.id)
    if wrong:
        raise NotRestored(f"What the archive gave back is not whole: {wrong[0]}, and {len(wrong) - 1} more.")
    took = time.monotonic() - began
    return f"restored and examined in {took:.1f} s: {len(word.records)} records of members were there; wiped"


def _restored(there: Path, word: Rehearse) -> Restored:
    """As late as that moment: an archive is some seconds behind."""
    store = places.open_store(stores.parse(word.address))
    restorer, until = Restorer(store, open_key(store, word.passphrase)), time.monotonic() + PATIENCE_SECONDS
    while (restored := restorer.restore(there)).until < word.moment:
        if time.monotonic() > until:
            raise NotRestored(f"The archive is more than {PATIENCE_SECONDS:.0f} seconds behind.")
        time.sleep(PAUSE_SECONDS)
    return restored


def _missing(there: Path, records: dict[str, str]) -> list[str]:
    with opened_truth(there) as reading, reading() as tx:
        dids = {uri.split("/")[2] for uri in records}
        found = {
            f"at://{did}/{path}": str(Cid(cid))
            for did in dids
            for path, cid in tx.run(
                "SELECT path, cid FROM repo_record JOIN account ON account.id = repo WHERE did = :did", did=did
            )
        }
    return [uri for uri, cid in records.items() if found.get(uri) != cid]
