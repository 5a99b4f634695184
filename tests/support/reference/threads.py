"""Threads as a reader must see them."""

from math import log

from support.reference.posts import Posts
from support.reference.truth import Json, Record, author

_UNSPECCED = "app.bsky.unspecced.defs#threadItem"


class Threads(Posts):
    """A reader of threads."""

    def _admitted(self, reply: Record, under: Record, root: str) -> bool:
        """Whether a reply is shown under what it answers."""
        if self.readable(reply.uri) is None or self.truth.root(reply) != root:
            return False
        return (
            not self.blocked(reply.did) and not self.walled(reply.did, under.did) and (self.may_answer(root, reply.did))
        )

    def _answers(self, under: Record, root: str) -> list[Record]:
        return [reply for reply in self.truth.answers(under.uri) if self._admitted(reply, under, root)]

    def _hidden(self, reply: Record, root: str) -> bool:
        gate = self.truth.gate("app.bsky.feed.threadgate", root) if root in self.truth.posts else None
        return gate is not None and reply.uri in gate.value.get("hiddenReplies", ())

    def _op_likes(self, uri: str, root: str) -> bool:
        return root in self.truth.posts and (author(root), uri) in self.truth.likes

    # -- version 1 -----------------------------------------------------------------------------------------------------

    def thread(self, post: Record, depth: int, height: int) -> Json:
        """getPostThread of a post that is readable."""
        if self.blocked(post.did):
            return self.blocked_post(post)
        root = self.truth.root(post)
        node = self._tree(post, root, depth)
        above = self._parent(post, root, height)
        return node | ({"parent": above} if above else {})

    def _tree(self, post: Record, root: str, depth: int) -> Json:
        node: Json = {"post": self.post(post), "rootAuthorLike": self._op_likes(post.uri, root)}
        if depth > 0:
            op = author(root) if root in self.truth.posts else None
            answers = sorted(self._answers(post, root), key=lambda reply: (reply.did != op, reply.at))
            node["replies"] = [self._tree(reply, root, depth - 1) for reply in answers]
        return node

    def _parent(self, post: Record, root: str, height: int) -> Json | None:
        uri = self.truth.parent(post)
        if uri is None or height < 1:
            return None
        parent = self.readable(uri)
        if parent is None:
            return self.not_found(uri)
        if self.truth.root(parent) != root:
            return None
        if self.blocked(parent.did) or self.walled(post.did, parent.did):
            return self.blocked_post(parent)
        node: Json = {"post": self.post(parent), "rootAuthorLike": self._op_likes(uri, root)}
        above = self._parent(parent, root, height - 1)
        return node | ({"parent": above} if above else {})

    # -- version 2 -----------------------------------------------------------------------------------------------------

    def thread_v2(self, post: Record, below: int, branching: int, sort: str) -> Json:
        """getPostThreadV2 of a post that is here: {thread, hasOtherReplies}."""
        if self.blocked(post.did):
            item = self._item(post.uri, 0, "Blocked", {"author": self.blocked_author(post.did)})
            return {"thread": [item], "hasOtherReplies": False}
        root = self.truth.root(post)
        chain = self._op_chain(root)
        anchor = self._post_item(post, 0, chain, 0)
        likers = [edge.actor for edge in self.truth.about(self.truth.likes, post.uri) if edge.actor in self.follows]
        if likers:
            shown = [did for did in likers if self.shown(did) and not self.walled(did, post.did)]
            anchor["value"]["post"]["viewer"]["knownLikers"] = {
                "count": len(likers),
                "actors": [*map(self.basic, shown)],
            }
        replies = self._replies(post, 1, below, branching, sort, chain)
        others = any(self._other(reply, root) for reply in self._answers(post, root)) if below else False
        return {"thread": [*reversed(self._parents(post, chain)), anchor, *replies], "hasOtherReplies": others}

    def other_v2(self, post: Record) -> list[Json]:
        """getPostThreadOtherV2: the direct replies that were kept back."""
        root = self.truth.root(post)
        if self.blocked(post.did):
            return []
        kept = [reply for reply in self._answers(post, root) if self._other(reply, root)]
        kept.sort(key=lambda reply: (self._hidden(reply, root), -reply.at))
        return [self._post_item(reply, 1, self._op_chain(root), len(self.truth.answers(reply.uri))) for reply in kept]

    def _other(self, reply: Record, root: str) -> bool:
        is_pin = reply.value["text"].strip() == "📌"
        return reply.did != self.me and (self._hidden(reply, root) or self.muted(reply.did) or is_pin)

    def _item(self, uri: str, depth: int, kind: str, value: Json) -> Json:
        return {"uri": uri, "depth": depth, "value": {"$type": _UNSPECCED + kind, **value}}

    def _post_item(self, post: Record, depth: int, chain: list[str], more: int, more_above: bool = False) -> Json:
        if not self.me and self.truth.members_only(post.did):
            return self._item(post.uri, depth, "NoUnauthenticated", {})
        value = {
            "post": self.post(post),
            "moreParents": more_above,
            "moreReplies": more,
            "opThread": post.uri in chain,
            "hiddenByThreadgate": self._hidden(post, self.truth.root(post)),
            "mutedByViewer": self.muted(post.did),
        }
        if post.uri in chain:
            value |= {"opThreadPostIndex": chain.index(post.uri) + 1, "opThreadPostCount": len(chain)}
        return self._item(post.uri, depth, "Post", value)

    def _op_chain(self, root: str) -> list[str]:
        """The root, its author's first answer to it, their first answer to that, and so on."""
        if root not in self.truth.posts:
            return []
        chain, op = [root], author(root)
        while True:
            answers = [post for post in self.truth.answers(chain[-1]) if post.did == op]
            answers = [post for post in answers if self.truth.root(post) == root]
            if not answers:
                return chain
            chain.append(answers[0].uri)

    def _parents(self, post: Record, chain: list[str]) -> list[Json]:
        """From the parent up."""
        items: list[Json] = []
        root, below = self.truth.root(post), post
        while (uri := self.truth.parent(below)) is not None:
            depth = -len(items) - 1
            parent = self.truth.posts.get(uri)
            if parent is None or not self._there(parent):
                return [*items, self._item(uri, depth, "NotFound", {})]
            if self.truth.root(parent) != root:
                return items
            if self.blocked(parent.did) or self.walled(below.did, parent.did):
                return [*items, self._item(uri, depth, "Blocked", {"author": self.blocked_author(parent.did)})]
            items.append(self._post_item(parent, depth, chain, 0))
            below = parent
        return items

    def _there(self, post: Record) -> bool:
        return self.truth.shown(post.did) and "!takedown" not in self.truth.says(post.uri)

    def _replies(
        self, under: Record, depth: int, below: int, branching: int, sort: str, chain: list[str]
    ) -> list[Json]:
        if depth > below:
            return []
        root = self.truth.root(under)
        answers = [reply for reply in self._answers(under, root) if not self._other(reply, root)]
        answers.sort(key=lambda reply: (self._rank(reply, root, chain), self._place(reply, root, sort)))
        items = []
        for reply in answers if depth == 1 else answers[:branching]:
            more = len(self.truth.answers(reply.uri)) - (branching if depth < below else 0)
            items.append(self._post_item(reply, depth, chain, max(more, 0)))
            items += self._replies(reply, depth + 1, below, branching, sort, chain)
        return items

    def _rank(self, reply: Record, root: str, chain: list[str]) -> int:
        first = (reply.uri in chain, reply.did == author(root) and root in self.truth.posts, reply.did == self.me)
        return [*first, reply.did in self.follows, True].index(True)

    def _place(self, reply: Record, root: str, sort: str) -> tuple[float, ...]:
        if sort == "oldest":
            return (reply.at,)
        if sort == "newest":
            return (-reply.at,)
        liked = 1.45 if self._op_likes(reply.uri, root) else 1
        return (-log(3 + len(self.truth.about(self.truth.likes, reply.uri))) * liked, -reply.at)
