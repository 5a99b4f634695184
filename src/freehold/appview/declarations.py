"""Records that say how something of their author's is to be treated, kept as they are: gates of posts, feeds,
labellers, what their author does just now, who may write messages to them or subscribe to their posts.

Table: declaration. A post with a gate is marked in `post.gates`, so that a view asks for gates only where there are
some.
Source: the lexicons app.bsky.feed.threadgate, .postgate, .generator, app.bsky.labeler.service,
app.bsky.actor.status, chat.bsky.actor.declaration, app.bsky.notification.declaration
"""

from freehold.appview.batch import POST, Batch, Change, record
from freehold.appview.moments import came_and_sorts

THREADGATE = "app.bsky.feed.threadgate"
POSTGATE = "app.bsky.feed.postgate"
GENERATOR = "app.bsky.feed.generator"
LABELER = "app.bsky.labeler.service"
CHAT = "chat.bsky.actor.declaration"
STATUS = "app.bsky.actor.status"
NOTICES = "app.bsky.notification.declaration"
GATE_BITS = {THREADGATE: 1, POSTGATE: 2}


@record(THREADGATE)
@record(POSTGATE)
@record(GENERATOR)
@record(LABELER)
@record(CHAT)
@record(NOTICES)
@record(STATUS)
def declare(batch: Batch, change: Change) -> None:
    """Put the record as it is now, or remove it."""
    key = {"collection": change.collection, "actor": change.actor, "rkey": change.rkey}
    batch.tx.run("DELETE FROM declaration WHERE collection = :collection AND actor = :actor AND rkey = :rkey", **key)
    if change.record is not None and change.cid is not None:
        came, at = came_and_sorts(change.rkey, change.record, batch.now)
        batch.tx.run(
            "INSERT INTO declaration (collection, actor, rkey, cid, record, at, indexed_at)"
            " VALUES (:collection, :actor, :rkey, :cid, :record, :at, :came)",
            cid=bytes(change.cid),
            record=change.raw,
            at=at,
            came=came,
            **key,
        )
    batch.actors.add(change.actor)
    if change.collection in GATE_BITS:
        _mark_post(batch, change, GATE_BITS[change.collection])


def _mark_post(batch: Batch, change: Change, bit: int) -> None:
    found = batch.subject(f"at://{change.did}/{POST}/{change.rkey}")
    assert found is not None
    if change.record is not None:
        batch.tx.run("UPDATE post SET gates = gates | :bit WHERE id = :id", bit=bit, id=found[0])
    else:
        batch.tx.run("UPDATE post SET gates = gates & ~:bit WHERE id = :id", bit=bit, id=found[0])
        batch.release(found[0])
    batch.posts.add(found[0])
