"""Lists of people, of posts and of news as a reader must see them."""

from collections.abc import Callable

from support.parish import LIKE, POST, REPOST
from support.reference.posts import Posts
from support.reference.truth import Edge, Json, Record, author

_PLACES = {"subscribed-post": -1, "like-via-repost": -1, "repost-via-repost": -1}
"""Of two notes about one record, which comes first."""


class People(Posts):
    """A reader of lists."""

    def followers(self, did: str) -> list[Json]:
        """getFollowers of somebody across no block: not across one between the two, either."""
        return self._people(did, [edge.actor for edge in self.truth.about(self.truth.follows, did)])

    def follows_of(self, did: str) -> list[Json]:
        """getFollows."""
        return self._people(did, [edge.subject for edge in self.truth.by(self.truth.follows, did)])

    def known_followers(self, did: str) -> list[Json]:
        """getKnownFollowers."""
        return [view for view in self.followers(did) if view["did"] in self.follows]

    def _people(self, did: str, others: list[str]) -> list[Json]:
        if self.blocked(did):
            return []
        return [self.basic(other) for other in others if self.shown(other) and not self.walled(did, other)]

    def likers(self, uri: str) -> list[Json]:
        """getLikes: not of those with whom a block stands between them and the author."""
        edges = self._about(self.truth.likes, uri)
        return [self.basic(edge.actor) for edge in edges if self.shown(edge.actor) and self._near(edge)]

    def reposters(self, uri: str) -> list[Json]:
        """getRepostedBy, likewise."""
        edges = self._about(self.truth.reposts, uri)
        return [self.basic(edge.actor) for edge in edges if self.shown(edge.actor) and self._near(edge)]

    def _about(self, edges: dict[tuple[str, str], Edge], uri: str) -> list[Edge]:
        """Of what nobody here can have written there is nothing to tell."""
        return self.truth.about(edges, uri) if author(uri) in self.truth.parish.people else []

    def _near(self, edge: Edge) -> bool:
        return not self.walled(edge.actor, author(edge.subject))

    def quotes(self, uri: str) -> list[Json]:
        """getQuotes."""
        known = author(uri) in self.truth.parish.people
        return [
            self.post(post)
            for post in self.truth.quotes(uri)
            if known and self._open(post) and not self.walled(post.did, author(uri))
        ]

    def found(self, word: str) -> list[Json]:
        """searchPosts, newest first."""
        return self._found(word, lambda post: -post.at)

    def best(self, word: str) -> list[Json]:
        """searchPosts, the best first: newer by a week for the first that is done with a post, and for each fourfold
        of that."""
        return self._found(word, lambda post: -post.at - self._fourfolds(post) * 7 * 86_400 * 1_000_000)

    def _found(self, word: str, key: Callable[[Record], int]) -> list[Json]:
        posts = sorted(self.truth.posts.values(), key=key)
        return [self.post(post) for post in posts if word in post.value["text"].split() and self._open(post)]

    def _fourfolds(self, post: Record) -> int:
        truth, uri = self.truth, post.uri
        weight = len(truth.about(truth.likes, uri)) + 2 * len(truth.about(truth.reposts, uri))
        weight += len(truth.answers(uri)) + 2 * len(truth.quotes(uri))
        return sum(weight >= 4**n for n in range(8))

    def _open(self, post: Record) -> bool:
        return self.readable(post.uri) is not None and not self.blocked(post.did)

    def muted_people(self) -> set[str]:
        """getMutes: whom the reader mutes whole, by name."""
        return {did for did in self.muted_names if did in self.truth.people and self.shown(did) and did != self.me}

    def blocked_people(self) -> set[str]:
        """getBlocks: whom the reader blocks by name; themselves too, so that they find such a record."""
        blocked = {edge.subject for edge in self.truth.by(self.truth.blocks, self.me or "")}
        return {did for did in blocked if self.truth.shown(did)}

    # -- news ----------------------------------------------------------------------------------------------------------

    def news(self) -> list[Json]:
        """listNotifications, newest first."""
        news = [(at, note) for at, note in self._all_news() if self._is_news(note)]
        return [note for _, note in sorted(news, key=lambda pair: (-pair[0], _PLACES.get(pair[1]["reason"], 0)))]

    def _all_news(self) -> list[tuple[int, Json]]:
        truth, me = self.truth, self.me or ""
        news = [
            (edge.at, _note("follow", edge, "app.bsky.graph.follow", None)) for edge in truth.about(truth.follows, me)
        ]
        for reason, edges, collection in (("like", truth.likes, LIKE), ("repost", truth.reposts, REPOST)):
            for edge in edges.values():
                if author(edge.subject) == me:
                    news.append((edge.at, _note(reason, edge, collection, edge.subject)))
                if edge.via is not None and author(edge.via) == me:
                    news.append((edge.at, _note(f"{reason}-via-repost", edge, collection, edge.via)))
        for post in truth.posts.values():
            news += [(post.at, note) for note in self._of_post(post)]
        return [(at, note) for at, note in news if note["author"] != me]

    def _of_post(self, post: Record) -> list[Json]:
        """At most one: as one mentioned, else as one quoted, else as one answered, else as one who subscribes."""
        truth, me = self.truth, self.me or ""
        named: list[tuple[str, str | None]] = []
        facets = post.value.get("facets", ())
        if any(feature.get("did") == me for facet in facets for feature in facet["features"]):
            named.append(("mention", None))
        above = [("quote", truth.quoted(post)), ("reply", truth.parent(post))]
        above += [("reply", truth.root(post))] if post.value.get("reply") else []
        named += [(reason, uri) for reason, uri in above if uri is not None and author(uri) == me]
        notes = [{"reason": reason, "reasonSubject": subject} for reason, subject in named[:1]]
        if self._subscribes(post):
            notes.append({"reason": "subscribed-post", "reasonSubject": None})
        return [{**note, "uri": post.uri, "author": post.did} for note in notes]

    def _subscribes(self, post: Record) -> bool:
        posts, replies, since = self.subscriptions.get(post.did, (False, False, 0))
        wanted = replies if post.value.get("reply") else posts
        return wanted and post.at > since and post.did in self.follows and self.readable(post.uri) is not None

    def _is_news(self, note: Json) -> bool:
        """Not of those whom the reader shuns, nor about a muted thread, nor about what is gone, nor what they hid."""
        truth, subject = self.truth, note["reasonSubject"]
        if not truth.shown(note["author"]) or self.shuns(note["author"]):
            return False
        about = truth.posts.get(subject or "")
        if subject is not None and f"/{POST}/" in subject and about is None:
            return False
        if note["reason"].endswith("-via-repost") and not self._repost_is_here(note):
            return False
        post = truth.posts.get(note["uri"])
        if post is not None and self.readable(post.uri) is None:
            return False
        if any(one is not None and self.thread_muted(truth.root(one)) for one in (about, post)):
            return False
        if note["reason"] == "quote" and about is not None and post is not None and self.detached(about.uri, post):
            return False
        return not (note["reason"] == "reply" and post is not None and self._hid(post))

    def _hid(self, post: Record) -> bool:
        """Whether it does not belong to the thread by its gate, or the reader hid it in their own."""
        root = self.truth.root(post)
        if not self.may_answer(root, post.did):
            return True
        gate = self.truth.gate("app.bsky.feed.threadgate", root) if author(root) == self.me else None
        return gate is not None and post.uri in gate.value.get("hiddenReplies", ())

    def _repost_is_here(self, note: Json) -> bool:
        """Whether the reader's repost is there, and of the very post that was liked or reposted."""
        truth, subject = self.truth, note["reasonSubject"]
        done = truth.likes if note["reason"].startswith("like") else truth.reposts
        liked = next(edge.subject for edge in done.values() if note["uri"].endswith(f"/{edge.rkey}"))
        return any(record.uri == subject and record.value["subject"]["uri"] == liked for record in truth.all(REPOST))


def _note(reason: str, edge: Edge, collection: str, subject: str | None) -> Json:
    uri = f"at://{edge.actor}/{collection}/{edge.rkey}"
    return {"reason": reason, "uri": uri, "author": edge.actor, "reasonSubject": subject}
