"""How a reader stands to others, and what they are shown of people: the viewer's part of each view."""

from functools import cached_property

from support.parish import FOLLOW, LIST, PROFILE
from support.reference.truth import MODLIST, Json, Truth, author, self_labels


class Standing:
    """A reader (None: nobody is signed in) in a truth. Nothing that somebody does to themselves counts."""

    def __init__(self, truth: Truth, me: str | None) -> None:
        self.truth, self.me = truth, me
        person = truth.people.get(me or "")
        self.muted_names = dict(truth.parish.muted_by(me)) if me else {}
        self.saved, self.subscriptions, self.choices, self.partly = person.kept if person else ({}, {}, {}, {})

    @cached_property
    def follows(self) -> set[str]:
        """Whom the reader follows."""
        return {edge.subject for edge in self.truth.by(self.truth.follows, self.me or "")} - {self.me}

    # -- walls ---------------------------------------------------------------------------------------------------------

    def blocking(self, one: str, other: str) -> bool:
        """Whether one blocks another, by name or by a list for moderation."""
        if one == other:
            return False
        return (one, other) in self.truth.blocks or bool(self.block_lists(one, other))

    def block_lists(self, one: str, other: str) -> list[str]:
        """By which lists one blocks another."""
        return [edge.subject for edge in self.truth.by(self.truth.list_blocks, one) if self._on(edge.subject, other)]

    def walled(self, one: str, other: str) -> bool:
        """Whether a block stands between two people, whoever set it."""
        return self.blocking(one, other) or self.blocking(other, one)

    def blocked(self, did: str) -> bool:
        """Whether a block stands between the reader and somebody."""
        return self.me is not None and self.walled(self.me, did)

    def mute_lists(self, did: str) -> list[str]:
        """By which lists the reader mutes somebody."""
        return [name for name in self.muted_names if f"/{LIST}/" in name and did != self.me and self._on(name, did)]

    def muted(self, did: str) -> bool:
        """Whether the reader mutes somebody, by name or by a list."""
        return did != self.me and (did in self.muted_names or bool(self.mute_lists(did)))

    def shuns(self, did: str) -> bool:
        """Whether the reader is to have nothing of somebody."""
        return self.muted(did) or self.blocked(did)

    def _on(self, uri: str, did: str) -> bool:
        found = self.truth.lists.get(uri)
        return found is not None and found.value["purpose"] == MODLIST and did in self.truth.members.get(uri, ())

    # -- views of people -----------------------------------------------------------------------------------------------

    def state(self, did: str) -> Json:
        """#viewerState, without what only the detailed profile has."""
        state: Json = {"muted": self.muted(did), "blockedBy": self.blocking(did, self.me or "")}
        if did not in self.muted_names and self.mute_lists(did):
            state["mutedByList"] = True
        if self.blocking(self.me or "", did):
            by_name = self.truth.blocks.get((self.me or "", did))
            state["blocking"] = _uri(self.me or "", "app.bsky.graph.block", by_name.rkey) if by_name else True
        if did != self.me and self.block_lists(self.me or "", did):
            state["blockingByList"] = state["blocking"] = True
        reposts, quotes, _ = self.partly.get(did, (False, False, 0))
        if not state["muted"] and (reposts or quotes):
            state |= {"mutedOnlyReposts": reposts, "mutedOnlyQuoteposts": quotes}
        if did in self.subscriptions and did in self.follows and not self.blocked(did):
            posts, replies, _ = self.subscriptions[did]
            state["activitySubscription"] = {"post": posts, "reply": replies}
        if not self.blocked(did):
            state |= self._following(did)
        return state

    def _following(self, did: str) -> Json:
        state = {}
        for name, one, other in (("following", self.me or "", did), ("followedBy", did, self.me or "")):
            edge = self.truth.follows.get((one, other))
            if edge is not None and one != other:
                state[name] = _uri(one, FOLLOW, edge.rkey)
        return state

    def basic(self, did: str) -> Json:
        """#profileViewBasic and #profileView."""
        person, profile = self.truth.parish.people[did], self.truth.profiles.get(did)
        said = [*self.truth.says(did), *self.truth.says(f"at://{did}/{PROFILE}/self")]
        view: Json = {"did": did, "handle": person.handle, "labels": sorted([*self_labels(profile), *said])}
        if profile is not None and "displayName" in profile.value:
            view["displayName"] = profile.value["displayName"]
        return view | ({"viewer": self.state(did)} if self.me else {})

    def detailed(self, did: str) -> Json:
        """#profileViewDetailed."""
        truth, view = self.truth, self.basic(did)
        view["followersCount"] = len(truth.about(truth.follows, did))
        view["followsCount"] = len(truth.by(truth.follows, did))
        view["postsCount"] = sum(post.did == did for post in truth.posts.values())
        if self.me and did != self.me and not self.blocked(did):
            fans = [edge.actor for edge in truth.about(truth.follows, did) if edge.actor in self.follows]
            if fans:
                shown = [fan for fan in fans if self.shown(fan) and not self.walled(fan, did)]
                view["viewer"]["knownFollowers"] = {"count": len(fans), "followers": [*map(self.basic, shown)]}
        return view

    def blocked_author(self, did: str) -> Json:
        """#blockedAuthor."""
        return {"did": did} | ({"viewer": self.state(did)} if self.me else {})

    def shown(self, did: str) -> bool:
        """Whether an account is there and on this side of every wall of the reader's."""
        return self.truth.shown(did) and not self.blocked(did)

    def thread_muted(self, root: str) -> bool:
        """Whether the reader muted a thread."""
        return root in self.muted_names

    # -- gates ---------------------------------------------------------------------------------------------------------

    def may_answer(self, root: str, did: str) -> bool:
        """Whether the gate of a thread lets somebody answer."""
        gate = self.truth.gate("app.bsky.feed.threadgate", root)
        if gate is None or root not in self.truth.posts or "allow" not in gate.value or did == author(root):
            return True
        return any(self._lets(rule, root, did) for rule in gate.value["allow"])

    def _lets(self, rule: Json, root: str, did: str) -> bool:
        truth, host = self.truth, author(root)
        match rule["$type"].partition("#")[2]:
            case "mentionRule":
                facets = truth.posts[root].value.get("facets", ())
                return any(feature.get("did") == did for facet in facets for feature in facet["features"])
            case "followingRule":
                return (host, did) in truth.follows
            case "followerRule":
                return (did, host) in truth.follows
        return rule["list"] in truth.lists and did in truth.members.get(rule["list"], ())


def _uri(did: str, collection: str, rkey: str) -> str:
    return f"at://{did}/{collection}/{rkey}"
