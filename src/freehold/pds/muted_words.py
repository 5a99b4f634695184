"""Words that a member mutes, among their preferences, where apps look for them.

What an app wrote beside them stays as it is.
Source: lexicon app.bsky.actor.defs#mutedWordsPref
"""

from freehold.pds import private
from freehold.pds.accounts import Account
from freehold.pds.private import Preference
from freehold.protocol.refused import InvalidRequest
from freehold.protocol.syntax import format_datetime
from freehold.store.sealed import Seal
from freehold.store.tx import Tx

KIND = "app.bsky.actor.defs#mutedWordsPref"
MAX_CHARACTERS = 100
MOST = 500


def add(
    tx: Tx, seal: Seal, account: Account, id: str, word: str, *, in_text: bool, of_all: bool, until: int | None
) -> None:
    """Mute a word. id: a name for it that is not taken. until: microseconds, None for always.

    in_text: in what is said, not in hashtags alone; of_all: of those too whom the member follows. A word that is
    muted already takes on the new choices.
    """
    word = " ".join(word.split()).lstrip("#")
    if not word:
        raise InvalidRequest("Type a word.")
    if len(word) > MAX_CHARACTERS:
        raise InvalidRequest("That is too long: a word, or a few, up to 100 characters.")
    item: dict[str, object] = {
        "id": id,
        "value": word,
        "targets": ["content", "tag"] if in_text else ["tag"],
        "actorTarget": "all" if of_all else "exclude-following",
    }
    if until is not None:
        item["expiresAt"] = format_datetime(until)
    items = [one for one in _items(tx, seal, account) if str(one.get("value")).lower() != word.lower()]
    if len(items) >= MOST:
        raise InvalidRequest("These are 500 words already. Remove some of them.")
    _put(tx, seal, account, [*items, item])


def remove(tx: Tx, seal: Seal, account: Account, id: str) -> None:
    """Hear a word again. One that is not muted is no error."""
    _put(tx, seal, account, [one for one in _items(tx, seal, account) if one.get("id") != id])


def _items(tx: Tx, seal: Seal, account: Account) -> list[Preference]:
    for one in private.preferences(tx, seal, account):
        items = one.get("items")
        if one.get("$type") == KIND and isinstance(items, list):
            return [item for item in items if isinstance(item, dict)]
    return []


def _put(tx: Tx, seal: Seal, account: Account, items: list[Preference]) -> None:
    others = [one for one in private.preferences(tx, seal, account) if one.get("$type") != KIND]
    private.put_preferences(tx, seal, account, [*others, {"$type": KIND, "items": items}])
