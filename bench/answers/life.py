"""What happens in the hamlet: every kind of record, and what people keep for themselves.

Dan blocks Alice, who blocks Eve by name and Gus by a list; she mutes Fay, and Hal by a list of Max's. Kim is for
members only, Ivy goes, Ned has no profile. Bob, Carol and Pat get on with everybody. The official index takes in
what several people write side by side, and judges by what it knows just then: so it settles between what hangs
together.
"""

from itertools import product
from typing import Any

from bench.answers.hamlet import (
    BLOCK,
    CHAT,
    FOLLOW,
    GATE,
    GENERATOR,
    ITEM,
    LABELER,
    LIKE,
    LIST,
    LISTBLOCK,
    NOTICES,
    PACK,
    PEOPLE,
    POSTGATE,
    PROFILE,
    REPOST,
    STATUS,
    Hamlet,
)

_FOLLOWS = (
    "bob>alice carol>alice alice>bob alice>carol alice>kim alice>fay alice>hal bob>carol carol>bob ned>alice kim>alice"
    " dan>alice alice>dan eve>alice gus>alice alice>gus ivy>alice alice>ivy bob>dan bob>eve pat>alice pat>bob bob>pat"
    " carol>pat fay>alice hal>alice"
)
_RULES = "app.bsky.feed.threadgate#"
_GRAPH = "app.bsky.graph.defs#"
THREAD = "root"


async def live(hamlet: Hamlet) -> None:
    """All of it, in the order in which it happens."""
    for name in PEOPLE:
        await hamlet.join(name)
    for deeds in (_profiles, _posts, _quotes, _lists, _thread, _gates, _ties, _blocks):
        await deeds(hamlet)
        await hamlet.settled()


def labelled(*values: str) -> dict[str, Any]:
    """Labels that an author puts on their own record."""
    return {"$type": "com.atproto.label.defs#selfLabels", "values": [{"val": value} for value in values]}


async def _profiles(hamlet: Hamlet) -> None:
    for name in PEOPLE[:-2]:
        described = {"displayName": name.title(), "description": f"{name} bakes bread"}
        await hamlet.write(name, PROFILE, f"{name}'s profile", **described)
    pictures = {"avatar": await hamlet.picture("alice", 10), "banner": await hamlet.picture("alice", 60)}
    more = {"pronouns": "she/her", "website": "https://alice.example", "labels": labelled("bot")}
    await hamlet.write("alice", PROFILE, "alice's profile", displayName="Alice", **pictures, **more)
    await hamlet.write("bob", PROFILE, "bob's profile", displayName="Bob", description="", website="http://bob.example")
    await hamlet.write("kim", PROFILE, "kim's profile", displayName="Kim", labels=labelled("!no-unauthenticated"))
    for name, allows in (("alice", "mutuals"), ("bob", "none"), ("carol", "followers")):
        await hamlet.write(name, NOTICES, f"{name}'s notices", allowSubscriptions=allows)
    await hamlet.write("bob", CHAT, "bob's chat", allowIncoming="all", allowGroupInvites="following")
    values = {"labelValues": ["spam"], "labelValueDefinitions": []}
    await hamlet.write("max", LABELER, "max's labeler", policies=values)
    for pair in _FOLLOWS.split():
        who, whom = pair.split(">")
        await hamlet.write(who, FOLLOW, pair, subject=hamlet.did(whom))


async def _posts(hamlet: Hamlet) -> None:
    text = "@bob.test and #bread"
    mention = {"$type": "app.bsky.richtext.facet#mention", "did": hamlet.did("bob")}
    tag = {"$type": "app.bsky.richtext.facet#tag", "tag": "bread"}
    facets = [
        {"index": {"byteStart": start, "byteEnd": end}, "features": [feature]}
        for start, end, feature in ((0, 9, mention), (14, 20, tag))
    ]
    await hamlet.say("alice", "hello", text=text, facets=facets, langs=["en"], tags=["outline"])
    picture = await hamlet.picture("alice", 90)
    shape = {"aspectRatio": {"width": 64, "height": 48}}
    images = {"$type": "app.bsky.embed.images", "images": [{"image": picture, "alt": "one", **shape}]}
    await hamlet.say("alice", "pictures", embed=images, labels=labelled("nudity"), langs=["en", "pt"])
    card = {"uri": "https://example.com/page", "title": "Page", "description": "About", "thumb": picture}
    await hamlet.say("alice", "card", embed={"$type": "app.bsky.embed.external", "external": card})
    items = [{"$type": "app.bsky.embed.gallery#image", "image": picture, "alt": "", **shape}]
    await hamlet.say("alice", "gallery", embed={"$type": "app.bsky.embed.gallery", "items": items})
    for name in ("dan", "eve", "fay", "gus", "hal", "ivy", "kim"):
        await hamlet.say(name, f"{name} speaks")
    await hamlet.say("alice", "gone")
    await hamlet.say("bob", "to what is gone", under="gone")
    await hamlet.say("bob", "below what is gone", under="to what is gone", root="gone")
    await hamlet.say("carol", "long ago", createdAt="2020-01-01T00:00:00Z")


async def _quotes(hamlet: Hamlet) -> None:
    images = {"$type": "app.bsky.embed.images", "images": [{"image": await hamlet.picture("bob", 90), "alt": ""}]}
    await hamlet.show("bob", "quote", "hello")
    await hamlet.show("bob", "quote with a picture", "pictures", images)
    await hamlet.show("carol", "quote of a quote", "quote with a picture")
    await hamlet.show("carol", "quote of that", "quote of a quote")
    for name in ("dan", "eve"):
        await hamlet.show(name, f"{name} quotes", "hello")
    for name in ("dan", "eve", "ivy", "kim"):
        await hamlet.show("carol", f"carol quotes {name}", f"{name} speaks")
    await hamlet.show("carol", "quote of what is gone", "gone")
    await hamlet.delete("gone")
    for name in ("detaching", "closed"):
        await hamlet.say("alice", name)
        if name == "detaching":
            await hamlet.show("bob", "detached", name)
        detached = [hamlet.uri("detached")] if name == "detaching" else []
        rules = [] if name == "detaching" else [{"$type": "app.bsky.feed.postgate#disableRule"}]
        gate = {"post": hamlet.uri(name), "detachedEmbeddingUris": detached, "embeddingRules": rules}
        await hamlet.write("alice", POSTGATE, f"{name}'s postgate", under=name, **gate)
    await hamlet.settled()
    await hamlet.show("bob", "not allowed", "closed")


async def _lists(hamlet: Hamlet) -> None:
    made = (
        ("alice", "friends", "curatelist", "bob carol kim dan eve ivy fay"),
        ("alice", "shunned", "modlist", "gus"),
        ("max", "noisy", "modlist", "hal ned"),
        ("alice", "pack's people", "referencelist", "bob carol eve"),
        ("eve", "eve's", "curatelist", "alice bob"),
    )
    for who, name, purpose, members in made:
        await hamlet.write(who, LIST, name, name=name, purpose=_GRAPH + purpose, description=f"of {who}'s")
        for member in members.split():
            subject = hamlet.did(member)
            await hamlet.write(who, ITEM, f"{member} in {name}", list=hamlet.uri(name), subject=subject)
    await hamlet.write("alice", LISTBLOCK, "alice blocks shunned", subject=hamlet.uri("shunned"))
    for who in ("alice", "eve"):
        described = {"displayName": f"{who}'s feed", "description": "All bread"}
        await hamlet.write(who, GENERATOR, f"{who}'s feed", did="did:web:localhost", **described)
    feeds = [{"uri": hamlet.uri("alice's feed")}]
    await hamlet.write("alice", PACK, "pack", name="Bakers", list=hamlet.uri("pack's people"), feeds=feeds)
    joined = hamlet.refs["pack"]
    await hamlet.write("hal", PROFILE, "hal's profile", displayName="Hal", joinedViaStarterPack=joined)
    for name in ("friends", "noisy", "eve's", "alice's feed", "eve's feed", "pack", "max's labeler"):
        await hamlet.show("bob", f"bob shows {name}", name)


async def _thread(hamlet: Hamlet) -> None:
    await hamlet.say("alice", THREAD)
    await hamlet.settled()
    await hamlet.say("alice", "alice goes on", under=THREAD)
    await hamlet.say("alice", "and on", under="alice goes on", root=THREAD)
    others = ("dan", "eve", "fay", "ivy", "kim", "ned")
    for name in ("bob", "carol", *others):
        await hamlet.say(name, f"{name} answers", under=THREAD)
    await hamlet.say("pat", "pin", under=THREAD, text="\N{PUSHPIN}")
    await hamlet.say("bob", "withdrawn", under=THREAD)
    await hamlet.settled()
    await hamlet.say("alice", "alice to bob", under="bob answers", root=THREAD)
    for name in others:
        await hamlet.say("bob", f"bob to {name}", under=f"{name} answers", root=THREAD)
    await hamlet.say("carol", "to the withdrawn", under="withdrawn", root=THREAD)
    await hamlet.say("carol", "of another root", under="bob answers", root="hello")
    await hamlet.settled()
    await hamlet.delete("withdrawn")
    await hamlet.say("bob", "bob to alice", under="alice to bob", root=THREAD)
    hidden = [hamlet.uri("ned answers")]
    await hamlet.write("alice", GATE, "root's gate", under=THREAD, post=hamlet.uri(THREAD), hiddenReplies=hidden)


async def _gates(hamlet: Hamlet) -> None:
    rules: dict[str, list[dict[str, Any]]] = {
        "for nobody": [],
        "for the followed": [{"$type": _RULES + "followingRule"}],
        "for followers": [{"$type": _RULES + "followerRule"}],
        "for friends": [{"$type": _RULES + "listRule", "list": hamlet.uri("friends")}],
    }
    for name, allow in rules.items():
        await hamlet.say("alice", name)
        await hamlet.write("alice", GATE, f"gate {name}", under=name, post=hamlet.uri(name), allow=allow)
    await hamlet.settled()
    for who, name in product(("bob", "ned", "max"), rules):
        await hamlet.say(who, f"{who} {name}", under=name)


async def _ties(hamlet: Hamlet) -> None:
    for name in PEOPLE:
        if name not in ("max", "pat"):
            await hamlet.write(name, LIKE, f"{name} likes hello", subject=hamlet.refs["hello"])
            await hamlet.write(name, REPOST, f"{name} reposts hello", subject=hamlet.refs["hello"])
            await hamlet.settled()
    await hamlet.write("alice", REPOST, "alice reposts carol", subject=hamlet.refs["carol answers"])
    via = hamlet.refs["alice reposts carol"]
    for collection in (LIKE, REPOST):
        await hamlet.write(
            "bob", collection, f"{collection} by way of it", subject=hamlet.refs["carol answers"], via=via
        )
    for liked in ("alice's feed", "max's labeler", "quote"):
        await hamlet.write("bob", LIKE, f"bob likes {liked}", subject=hamlet.refs[liked])
    for name in ("dan", "eve", "fay", "ivy", "kim"):
        await hamlet.write("bob", REPOST, f"bob reposts {name}", subject=hamlet.refs[f"{name} speaks"])
    pins = (("alice", "pictures"), ("pat", "pin"), ("carol", "hello"))
    for who, pinned in pins:
        named = {"displayName": who.title(), "pinnedPost": hamlet.refs[pinned]}
        await hamlet.write(who, PROFILE, f"{who}'s profile", **named)
    card = {"uri": "https://example.com/live", "title": "Live", "description": ""}
    embed = {"$type": "app.bsky.embed.external", "external": card}
    await hamlet.write("carol", STATUS, "carol's status", status="app.bsky.actor.status#live", embed=embed)


async def _blocks(hamlet: Hamlet) -> None:
    await hamlet.write("dan", BLOCK, "dan blocks alice", subject=hamlet.did("alice"))
    await hamlet.write("alice", BLOCK, "alice blocks eve", subject=hamlet.did("eve"))
    await hamlet.rest("ivy")


async def keep_to_themselves(hamlet: Hamlet) -> None:
    """What goes to the AppView, and only its member ever sees. For when the records are indexed."""
    graph, notices = "app.bsky.graph.", "app.bsky.notification."
    await hamlet.keep("alice", graph + "muteActor", {"actor": hamlet.did("fay")})
    await hamlet.keep("alice", graph + "muteActorList", {"list": hamlet.uri("noisy")})
    await hamlet.keep("carol", graph + "muteThread", {"root": hamlet.uri(THREAD)})
    for name in ("hello", "dan speaks", "ivy speaks"):
        await hamlet.keep("bob", "app.bsky.bookmark.createBookmark", hamlet.refs[name])
    both = {"post": True, "reply": True}
    for who, whom in (("bob", "carol"), ("bob", "alice"), ("ned", "alice"), ("alice", "bob")):
        wanted = {"subject": hamlet.did(whom), "activitySubscription": both}
        await hamlet.keep(who, notices + "putActivitySubscription", wanted)
    await hamlet.say("carol", "news")
    await hamlet.say("alice", "more news")
