"""What a reader is shown of a post: its view, what it shows of other posts, and what stands around it."""

from support.parish import LIKE, REPOST
from support.reference.standing import Standing
from support.reference.truth import POSTGATE, THREADGATE, Json, Record, author, self_labels


class Posts(Standing):
    """A reader of posts."""

    def readable(self, uri: str | None) -> Record | None:
        """The post, if it is here and shown to this reader, blocks aside."""
        post = self.truth.posts.get(uri or "")
        if post is None or not self.truth.shown(post.did) or "!takedown" in self.truth.says(post.uri):
            return None
        return post if self.me or not self.truth.members_only(post.did) else None

    def post(self, post: Record) -> Json:
        """#postView."""
        view: Json = {**self._same(post), "author": self.basic(post.did)}
        embed = self._embed(post, 2)
        if embed is not None:
            view["embed"] = embed
        gate = self.truth.gate(THREADGATE, post.uri)
        if gate is not None and self.truth.parent(post) is None:
            view["threadgate"] = {"uri": gate.uri, "cid": gate.cid, "lists": self._gate_lists(gate)}
        if self.me:
            view["viewer"] = self._post_state(post)
        return view

    def _gate_lists(self, gate: Record) -> list[str]:
        named = [rule["list"] for rule in gate.value.get("allow", ()) if "list" in rule]
        return [uri for uri in named if uri in self.truth.lists and self.truth.people[author(uri)].status is None]

    def _same(self, post: Record) -> Json:
        truth, uri = self.truth, post.uri
        return {
            "uri": uri,
            "cid": post.cid,
            "likeCount": len(truth.about(truth.likes, uri)),
            "repostCount": len(truth.about(truth.reposts, uri)),
            "replyCount": len(truth.answers(uri)),
            "quoteCount": len(truth.quotes(uri)),
            "labels": sorted([*self_labels(post), *truth.says(uri)]),
        }

    def _post_state(self, post: Record) -> Json:
        me, truth, root = self.me or "", self.truth, self.truth.root(post)
        postgate = truth.gate(POSTGATE, post.uri)
        state: Json = {
            "bookmarked": post.uri in self.saved,
            "threadMuted": self.thread_muted(root),
            "replyDisabled": not self.may_answer(root, me) or not self.may_answer(root, post.did),
            "embeddingDisabled": postgate is not None and post.did != me and "embeddingRules" in postgate.value,
        }
        for name, edges, collection in (("like", truth.likes, LIKE), ("repost", truth.reposts, REPOST)):
            if (me, post.uri) in edges:
                state[name] = f"at://{me}/{collection}/{edges[me, post.uri].rkey}"
        if post.did == me:
            profile = truth.profiles.get(me)
            pinned = profile.value.get("pinnedPost", {}).get("uri") if profile else None
            state["pinned"] = pinned == post.uri
        return state

    # -- posts within posts --------------------------------------------------------------------------------------------

    def _embed(self, post: Record, depth: int) -> Json | None:
        uri = self.truth.quoted(post)
        kind = (post.value.get("embed") or {}).get("$type")
        if uri is None:
            return {"$type": f"{kind}#view"} if kind else None
        shown = self._embedded(post, uri, depth)
        if kind == "app.bsky.embed.record":
            return {"$type": f"{kind}#view", "record": shown}
        return {"$type": f"{kind}#view", "record": {"record": shown}, "media": {"$type": "app.bsky.embed.images#view"}}

    def _embedded(self, holder: Record, uri: str, depth: int) -> Json:
        quoted = self.readable(uri)
        if quoted is None:
            return {"$type": "app.bsky.embed.record#viewNotFound", "uri": uri}
        if self.blocked(quoted.did) or self.walled(holder.did, quoted.did):
            who = self.blocked_author(quoted.did)
            return {"$type": "app.bsky.embed.record#viewBlocked", "uri": uri, "author": who}
        if self.detached(uri, holder):
            return {"$type": "app.bsky.embed.record#viewDetached", "uri": uri}
        view = {"$type": "app.bsky.embed.record#viewRecord", **self._same(quoted), "author": self.basic(quoted.did)}
        if depth > 1:
            within = self._embed(quoted, depth - 1)
            view["embeds"] = [within] if within is not None else []
        return view

    def detached(self, uri: str, holder: Record) -> bool:
        """Whether the author of a post lets another post show it no more, or never did."""
        gate = self.truth.gate(POSTGATE, uri)
        if gate is None:
            return False
        if holder.uri in gate.value.get("detachedEmbeddingUris", ()):
            return True
        return "embeddingRules" in gate.value and holder.did != gate.did

    # -- what a post answers -------------------------------------------------------------------------------------------

    def not_found(self, uri: str) -> Json:
        """#notFoundPost."""
        return {"$type": "app.bsky.feed.defs#notFoundPost", "uri": uri}

    def blocked_post(self, post: Record) -> Json:
        """#blockedPost."""
        return {"$type": "app.bsky.feed.defs#blockedPost", "uri": post.uri, "author": self.blocked_author(post.did)}

    def reply_ref(self, post: Record) -> Json:
        """#replyRef of a reply."""
        parent = self.readable(self.truth.parent(post))
        below = [post.did] + ([parent.did] if parent else [])
        reply = {
            "parent": self._above(self.truth.parent(post) or "", [post.did]),
            "root": self._above(self.truth.root(post), below),
        }
        grandparent = self.readable(self.truth.parent(parent)) if parent else None
        if grandparent is not None and "cid" in reply["parent"]:
            reply["grandparentAuthor"] = self.basic(grandparent.did)
        return reply

    def _above(self, uri: str, below: list[str]) -> Json:
        post = self.readable(uri)
        if post is None:
            return self.not_found(uri)
        if self.blocked(post.did) or any(self.walled(did, post.did) for did in below):
            return self.blocked_post(post)
        return self.post(post)
