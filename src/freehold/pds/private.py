"""What a member sets for themselves: preferences, mutes, what they have seen. Nobody else ever reads it.

Tables: preference and muted (sealed: whoever takes the disk learns neither), seen, page_setting (how this network's own
pages look to the member). A mute is found again by a keyed hash. The events of the private log, appended in the same
transaction, say only who changed something: the index asks here for the mutes.
"""

from collections import Counter
from collections.abc import Iterable
from operator import itemgetter

import msgspec

from freehold.pds.accounts import Account
from freehold.protocol.refused import InvalidRequest
from freehold.protocol.syntax import is_did
from freehold.store.database import Database
from freehold.store.migrations import Migration
from freehold.store.resealing import Sealed
from freehold.store.sealed import Seal
from freehold.store.tx import Tx
from freehold.stream.log import append_private

SCHEMA = (
    Migration(
        "pds-5-private",
        """
        CREATE TABLE preference (account BIGINT PRIMARY KEY, body BLOB NOT NULL);
        CREATE TABLE mute (
            account BIGINT NOT NULL,
            subject TEXT NOT NULL,
            created_at BIGINT NOT NULL,
            PRIMARY KEY (account, subject)
        );
        CREATE TABLE seen (account BIGINT PRIMARY KEY, at BIGINT NOT NULL);
        CREATE TABLE page_setting (account BIGINT PRIMARY KEY, language TEXT, theme TEXT NOT NULL);
        """,
    ),
    Migration(
        "pds-90-muted",
        """
        CREATE TABLE muted (
            account BIGINT NOT NULL,
            mark BLOB NOT NULL,
            box BLOB NOT NULL,
            PRIMARY KEY (account, mark)
        );
        """,
    ),
)
PREFERENCES, MUTE = "preferences", "mute"
SEALED = (Sealed("preference", "body", PREFERENCES), Sealed("muted", "box", MUTE))

MAX_PREFERENCES_BYTES = 500_000
NAMESPACE = "app.bsky."
LABELERS = "app.bsky.actor.defs#labelersPref"
MOST_LABELERS = 20
"""To so many one member listens."""
PERSONAL = frozenset({"app.bsky.actor.defs#personalDetailsPref", "app.bsky.actor.defs#declaredAgePref"})
"""What an app password neither reads nor writes."""

Preference = dict[str, object]


def preferences(tx: Tx, seal: Seal, account: Account, *, whole: bool = True) -> list[Preference]:
    """The member's preferences as they were put. whole: False leaves out the personal ones."""
    row = tx.one("SELECT body FROM preference WHERE account = :id", id=account.id)
    kept = msgspec.json.decode(seal.open(PREFERENCES, row[0]), type=list[Preference]) if row else []
    return kept if whole else [one for one in kept if one.get("$type") not in PERSONAL]


def put_preferences(tx: Tx, seal: Seal, account: Account, given: list[Preference], *, whole: bool = True) -> None:
    """Replace all preferences. Each needs a `$type` of app.bsky. whole: False lets the personal ones stand."""
    for one in given:
        kind = one.get("$type")
        if not isinstance(kind, str) or not kind.startswith(NAMESPACE):
            raise InvalidRequest("Each preference needs a $type that begins with app.bsky.")
        if kind in PERSONAL and not whole:
            raise InvalidRequest(f"Do not have authorization to set preferences: {kind}")
    if not whole:
        given = given + [one for one in preferences(tx, seal, account) if one.get("$type") in PERSONAL]
    body = msgspec.json.encode(given)
    if len(body) > MAX_PREFERENCES_BYTES:
        raise InvalidRequest("These are more preferences than one account may keep (500 kB).")
    tx.run(
        "INSERT INTO preference (account, body) VALUES (:id, :body)"
        " ON CONFLICT (account) DO UPDATE SET body = excluded.body",
        id=account.id,
        body=seal.seal(PREFERENCES, body),
    )
    append_private(tx, "preference", account.did, {})


def labelers_in(found: Iterable[Preference]) -> list[str]:
    """DIDs of the labelers that preferences subscribe to."""
    named = [one.get("labelers") for one in found if one.get("$type") == LABELERS]
    entries = [entry for one in named if isinstance(one, list) for entry in one if isinstance(entry, dict)]
    dids = [entry.get("did") for entry in entries[:MOST_LABELERS]]
    return [did for did in dict.fromkeys(dids) if isinstance(did, str) and is_did(did)]


def count_labelers(truth: Database, seal: Seal) -> Counter[str]:
    """How many members subscribe to which labelers. Opens every member's preferences: for a thread, and seldom."""
    counted: Counter[str] = Counter()
    found = _some_preferences(truth, 0)
    while found:
        for _, body in found:
            counted.update(labelers_in(msgspec.json.decode(seal.open(PREFERENCES, body), type=list[Preference])))
        found = _some_preferences(truth, found[-1][0])
    return counted


def _some_preferences(truth: Database, after: int) -> list[tuple[int, bytes]]:
    with truth.reading() as tx:
        return tx.run("SELECT account, body FROM preference WHERE account > :a ORDER BY account LIMIT 200", a=after)


def set_mute(tx: Tx, seal: Seal, account: Account, subject: str, muted: bool) -> None:
    """Mute the account with the DID `subject`, or hear it again."""
    if subject == account.did:
        raise InvalidRequest("You cannot mute yourself.")
    if muted:
        _keep_mute(tx, seal, account.id, subject, tx.now)
    else:
        mark = _mark(seal, account.id, subject)
        tx.run("DELETE FROM muted WHERE account = :id AND mark = :mark", id=account.id, mark=mark)
    append_private(tx, "mute", account.did, {})


def mutes(tx: Tx, seal: Seal, account_id: int) -> list[tuple[str, int]]:
    """Whom the member mutes, and since when (micros), in that order."""
    boxes = tx.run("SELECT box FROM muted WHERE account = :id", id=account_id)
    opened = (msgspec.json.decode(seal.open(MUTE, box), type=tuple[str, int]) for (box,) in boxes)
    return sorted(opened, key=itemgetter(1))


def who_mute(tx: Tx) -> list[str]:
    """The DIDs of all who mute anybody."""
    return [did for (did,) in tx.run("SELECT did FROM account WHERE id IN (SELECT account FROM muted)")]


def _mark(seal: Seal, account_id: int, subject: str) -> bytes:
    return seal.lookup(MUTE, f"{account_id} {subject}")


def _keep_mute(tx: Tx, seal: Seal, account_id: int, subject: str, at: int) -> None:
    tx.run(
        "INSERT INTO muted (account, mark, box) VALUES (:id, :mark, :box) ON CONFLICT (account, mark) DO NOTHING",
        id=account_id,
        mark=_mark(seal, account_id, subject),
        box=seal.seal(MUTE, msgspec.json.encode((subject, at))),
    )


def mark_seen(tx: Tx, account: Account, at: int) -> None:
    """Notifications up to `at` (microseconds) have been seen."""
    tx.run(
        "INSERT INTO seen (account, at) VALUES (:id, :at) ON CONFLICT (account) DO UPDATE SET at = excluded.at",
        id=account.id,
        at=at,
    )
    append_private(tx, "seen", account.did, {"at": at})


def page_setting(tx: Tx, account_id: int) -> tuple[str | None, str]:
    """Language of the pages (None: the browser's) and theme (device, light or dark)."""
    row = tx.one("SELECT language, theme FROM page_setting WHERE account = :id", id=account_id)
    return (row[0], row[1]) if row else (None, "device")


def set_page_setting(tx: Tx, account_id: int, language: str | None, theme: str) -> None:
    """Keep the choice."""
    tx.run(
        "INSERT INTO page_setting (account, language, theme) VALUES (:id, :language, :theme)"
        " ON CONFLICT (account) DO UPDATE SET language = excluded.language, theme = excluded.theme",
        id=account_id,
        language=language,
        theme=theme,
    )


def erase(tx: Tx, account_id: int) -> None:
    """The account ends: nothing of this stays."""
    for table in ("preference", "muted", "seen", "page_setting"):
        tx.run(f"DELETE FROM {table} WHERE account = :id", id=account_id)


def seal_plain(tx: Tx, seal: Seal) -> None:
    """Seal what was kept in the clear before this was sealed. Twice is the same as once."""
    rows = tx.run("SELECT account, body FROM preference WHERE substr(body, 1, 1) = CAST('[' AS BLOB)")
    boxes = [{"id": id, "box": seal.seal(PREFERENCES, body)} for id, body in rows]
    tx.many("UPDATE preference SET body = :box WHERE account = :id", boxes)
    if tx.one("SELECT 1 FROM sqlite_master WHERE name = 'mute'"):
        for account_id, subject, at in tx.run("SELECT account, subject, created_at FROM mute"):
            _keep_mute(tx, seal, account_id, subject, at)
        tx.run("DELETE FROM mute")
        tx.run("DROP TABLE mute")
