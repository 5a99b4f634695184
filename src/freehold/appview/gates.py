"""What the author of a thread allows: who may answer, which answers are hidden, who may quote.

Judged as the records stand now, not as they stood when an answer came, so that a rebuilt index says the same.
Source: the lexicons app.bsky.feed.threadgate and app.bsky.feed.postgate
"""

from collections.abc import Iterable

from freehold.appview import listings
from freehold.appview.batch import POST
from freehold.appview.declarations import GATE_BITS, POSTGATE, THREADGATE
from freehold.appview.page import Page
from freehold.appview.parts import as_dict, as_list, as_text, mentioned_dids
from freehold.appview.pieces import Json, PostGate, PostPiece, ThreadGate
from freehold.protocol import cbor
from freehold.protocol.cid import Cid

_THREADGATE_BIT, _POSTGATE_BIT = GATE_BITS[THREADGATE], GATE_BITS[POSTGATE]
_RULE = "app.bsky.feed.threadgate#"


def thread_gate(page: Page, root: PostPiece) -> ThreadGate | None:
    """The gate of a thread, by its root."""
    if not root.gates & _THREADGATE_BIT:
        return None
    if root.id not in page.thread_gates:
        page.thread_gates[root.id] = _read_thread_gate(page, root)
    return page.thread_gates[root.id]


def may_answer(page: Page, gate: ThreadGate, actor: int, did: str) -> bool:
    """Whether the gate lets this actor answer."""
    if gate.allow is None or actor == gate.author:
        return True
    kinds = {as_text(rule.get("$type")) for rule in gate.allow}
    if _RULE + "mentionRule" in kinds and did in gate.mentioned:
        return True
    if _RULE + "followingRule" in kinds and _follows(page, gate.author, actor):
        return True
    if _RULE + "followerRule" in kinds and _follows(page, actor, gate.author):
        return True
    return any(actor in page.members_of(id) for id in gate.lists)


def reply_disabled(page: Page, root: int, piece: PostPiece) -> bool:
    """Whether the reader may not answer this post: not in its thread, or not it, as it should not be there itself."""
    top = piece if piece.id == root else page.posts.get(root)
    gate = thread_gate(page, top) if top is not None else None
    if gate is None:
        return False
    return not may_answer(page, gate, page.viewer, page.viewer_did or "") or _is_kept_out(page, gate, piece)


def kept_out(page: Page, piece: PostPiece) -> bool:
    """Whether the gate of the thread, whose root is loaded if it is here, does not let its author answer there."""
    top = page.posts.get(piece.root) if piece.root is not None else None
    gate = thread_gate(page, top) if top is not None else None
    return gate is not None and _is_kept_out(page, gate, piece)


def _is_kept_out(page: Page, gate: ThreadGate, piece: PostPiece) -> bool:
    """The same, asked once for each author of a page."""
    if gate.allow is None:
        return False
    key = piece.root or piece.id, piece.author
    if key not in page.kept_out:
        page.kept_out[key] = not may_answer(page, gate, piece.author, page.actors[piece.author].did)
    return page.kept_out[key]


def detached_from(page: Page, piece: PostPiece) -> PostGate:
    """What the author of a post says about its being quoted."""
    gate = page.post_gates.get(piece.id)
    if gate is None:
        row = _record(page, POSTGATE, piece)
        record = row[0] if row is not None else {}
        detached = frozenset(uri for uri in as_list(record.get("detachedEmbeddingUris")) if isinstance(uri, str))
        rules = [as_dict(rule).get("$type") for rule in as_list(record.get("embeddingRules"))]
        gate = PostGate(detached, "app.bsky.feed.postgate#disableRule" in rules)
        page.post_gates[piece.id] = gate
    return gate


def is_detached(page: Page, holder: PostPiece, quoted: PostPiece) -> bool:
    """Whether the author of a post lets another post show it no more, or never did."""
    if not quoted.gates & _POSTGATE_BIT:
        return False
    gate = detached_from(page, quoted)
    return holder.uri in gate.detached or (gate.disabled and holder.author != quoted.author)


def _read_thread_gate(page: Page, root: PostPiece) -> ThreadGate | None:
    row = _record(page, THREADGATE, root)
    if row is None or row[0].get("post") != root.uri:
        return None
    record, cid = row
    allow = record.get("allow")
    rules = [as_dict(rule) for rule in allow] if isinstance(allow, list) else None
    lists = _lists(page, rules or ())
    view = {
        "uri": root.uri.replace(f"/{POST}/", f"/{THREADGATE}/"),
        "cid": str(Cid(cid)),
        "record": record,
        "lists": [listings.basic(page, row) for row in lists if row.status is None],
    }
    hidden = frozenset(uri for uri in as_list(record.get("hiddenReplies")) if isinstance(uri, str))
    ids = tuple(row.id for row in lists)
    return ThreadGate(root.author, rules, frozenset(mentioned_dids(root.record)), ids, hidden, view)


def _lists(page: Page, rules: Iterable[Json]) -> list[listings.Row]:
    """The lists whose members may answer: those that are here."""
    named = (as_text(rule.get("list")) for rule in rules if rule.get("$type") == _RULE + "listRule")
    found = (listings.by_uri(page, uri) for uri in named if uri is not None)
    return [row for row in found if row is not None]


def _record(page: Page, collection: str, piece: PostPiece) -> tuple[Json, bytes] | None:
    row = page.tx.one(
        "SELECT record, cid FROM declaration WHERE collection = :collection AND actor = :actor AND rkey = :rkey",
        collection=collection,
        actor=piece.author,
        rkey=piece.rkey,
    )
    return (cbor.decode_json(row[0]), row[1]) if row is not None else None


def _follows(page: Page, actor: int, subject: int) -> bool:
    return bool(
        page.tx.one(
            "SELECT 1 FROM follow WHERE actor = :actor AND subject = :subject AND main = 1",
            actor=actor,
            subject=subject,
        )
    )
