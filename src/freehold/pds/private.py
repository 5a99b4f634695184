"""What a member sets for themselves: preferences, mutes, what they have seen. Nobody else ever reads it.

Tables: preference, mute, seen, page_setting (how this network's own pages look to the member). Mutes and what was
seen go to the index as events of the private log, appended in the same
transaction; preferences concern nobody but the member's apps, so their event says only that they changed.
"""

import msgspec

from freehold.pds.accounts import Account
from freehold.protocol.refused import InvalidRequest
from freehold.store.migrations import Migration
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
)

MAX_PREFERENCES_BYTES = 500_000
NAMESPACE = "app.bsky."
PERSONAL = frozenset({"app.bsky.actor.defs#personalDetailsPref", "app.bsky.actor.defs#declaredAgePref"})
"""What an app password neither reads nor writes."""

Preference = dict[str, object]


def preferences(tx: Tx, account: Account, *, whole: bool = True) -> list[Preference]:
    """The member's preferences as they were put. whole: False leaves out the personal ones."""
    row = tx.one("SELECT body FROM preference WHERE account = :id", id=account.id)
    kept = msgspec.json.decode(row[0], type=list[Preference]) if row else []
    return kept if whole else [one for one in kept if one.get("$type") not in PERSONAL]


def put_preferences(tx: Tx, account: Account, given: list[Preference], *, whole: bool = True) -> None:
    """Replace all preferences. Each needs a `$type` of app.bsky. whole: False lets the personal ones stand."""
    for one in given:
        kind = one.get("$type")
        if not isinstance(kind, str) or not kind.startswith(NAMESPACE):
            raise InvalidRequest("Each preference needs a $type that begins with app.bsky.")
        if kind in PERSONAL and not whole:
            raise InvalidRequest(f"Do not have authorization to set preferences: {kind}")
    if not whole:
        given = given + [one for one in preferences(tx, account) if one.get("$type") in PERSONAL]
    body = msgspec.json.encode(given)
    if len(body) > MAX_PREFERENCES_BYTES:
        raise InvalidRequest("These are more preferences than one account may keep (500 kB).")
    tx.run(
        "INSERT INTO preference (account, body) VALUES (:id, :body)"
        " ON CONFLICT (account) DO UPDATE SET body = excluded.body",
        id=account.id,
        body=body,
    )
    append_private(tx, "preference", account.did, {})


def set_mute(tx: Tx, account: Account, subject: str, muted: bool) -> None:
    """Mute the account with the DID `subject`, or hear it again."""
    if subject == account.did:
        raise InvalidRequest("You cannot mute yourself.")
    if muted:
        tx.run(
            "INSERT INTO mute (account, subject, created_at) VALUES (:id, :subject, :now)"
            " ON CONFLICT (account, subject) DO NOTHING",
            id=account.id,
            subject=subject,
            now=tx.now,
        )
    else:
        tx.run("DELETE FROM mute WHERE account = :id AND subject = :subject", id=account.id, subject=subject)
    append_private(tx, "mute", account.did, {"subject": subject, "on": muted})


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
    for table in ("preference", "mute", "seen", "page_setting"):
        tx.run(f"DELETE FROM {table} WHERE account = :id", id=account_id)
