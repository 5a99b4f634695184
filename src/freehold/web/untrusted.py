"""Values out of strangers' records, checked for their type: what does not fit becomes nothing, never an error.

Spec: lexicons app.bsky.feed.post, com.atproto.label.defs
"""

from datetime import UTC, datetime

import regex

from freehold.web.backend import Json

_UNFIT = regex.compile(r"[\x00-\x08\x0b-\x1f\x7f\u202a-\u202e\u2066-\u2069]")


def moment(*candidates: object) -> datetime:
    """The earliest of some RFC 3339 times that can be read: nobody writes from the future."""
    found: list[datetime] = []
    for text in candidates:
        try:
            when = datetime.fromisoformat(str(text))
            found.append(when.astimezone(UTC) if when.tzinfo else when.replace(tzinfo=UTC))
        except (ValueError, OverflowError):
            continue
    return min(found, default=datetime(1970, 1, 1, tzinfo=UTC))


def clean(text: object) -> str:
    """Text of a stranger without characters that turn the page around or cannot be shown."""
    if not isinstance(text, str):
        return ""
    return str(_UNFIT.sub("", text).strip())


def number(value: object) -> int:
    """A count, or 0."""
    return value if isinstance(value, int) and value > 0 else 0


def drawn_size(width: int, height: int) -> tuple[int, int]:
    """A ratio as pixels: `width` and `height` attributes at the size of the column."""
    return 1200, max(1, min(round(1200 * height / width), 4800))


def label_values(labels: object) -> list[str]:
    """Values of labels that stand (com.atproto.label.defs#label)."""
    found = labels if isinstance(labels, list) else []
    return [str(label.get("val")) for label in found if isinstance(label, dict) and not label.get("neg")]


def self_labels(record: Json) -> list[str]:
    """What the author themself says about a post."""
    labels = record.get("labels")
    return label_values(labels.get("values")) if isinstance(labels, dict) else []


def reply_root(record: Json) -> tuple[str, str] | None:
    """(uri, cid) of the post that a reply's conversation began with."""
    reply = record.get("reply")
    root = reply.get("root") if isinstance(reply, dict) else None
    if isinstance(root, dict) and isinstance(root.get("uri"), str) and isinstance(root.get("cid"), str):
        return root["uri"], root["cid"]
    return None
