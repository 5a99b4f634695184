"""From lexicon JSON to what a template draws.

Views answer with records of strangers inside; here every value is checked for its type, text becomes escaped HTML, and
addresses that are not ours or not http(s) are left out. Templates then only arrange.
"""

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from functools import cached_property, lru_cache
from hashlib import sha256
from typing import Any
from urllib.parse import quote

import regex
from markupsafe import Markup

from freehold.appview.muted_words import MutedWord, met
from freehold.web.backend import Json, Network
from freehold.web.drawn import Branch, Card, Person, Picture, Post, Quoted, Thread
from freehold.web.records import ORGANISATION
from freehold.web.speech import Speech
from freehold.web.text import Ways, graphemes, host_of, is_web_address, render
from freehold.web.untrusted import clean, drawn_size, label_values, moment, number, reply_root, self_labels

SHORT_POST = 140
COVERED = {"porn", "sexual", "nudity", "graphic-media", "gore", "!warn"}
NOT_SIGNED_OUT = "!no-unauthenticated"


class Presenter:
    """Turns view JSON into what templates draw, for one reader at one moment.

    muted: gives the words that the reader mutes, and is asked once there is a post; feeds leave out posts with one of
    them. words: to be marked where they stand.
    """

    def __init__(
        self,
        network: Network,
        viewer: str | None,
        speech: Speech,
        now: datetime,
        *,
        muted: Callable[[], Sequence[MutedWord]] = tuple,
        words: Sequence[str] = (),
    ) -> None:
        self.network = network
        self.viewer = viewer
        self.speech = speech
        self.now = now
        self._muted_words = muted
        self.ways = Ways(profile=person_url, tag=tag_url, words=tuple(word.lower() for word in words))
        self._n = 0

    def person(self, view: Json) -> Person:
        """profileViewBasic, profileView or profileViewDetailed"""
        did, handle = str(view["did"]), str(view.get("handle") or "handle.invalid")
        known = handle != "handle.invalid"
        name = clean(view.get("displayName")) or (handle.split(".")[0] if known else did)
        state, labels = view.get("viewer") or {}, label_values(view.get("labels"))
        return Person(
            did=did,
            handle=handle,
            at="@" + (handle.removesuffix(self.network.handle_suffix) if known else did),
            name=name,
            url=person_url(handle if known else did),
            avatar=self.own(view.get("avatar")),
            square=ORGANISATION in labels or bool((view.get("associated") or {}).get("labeler")),
            tone=sha256(did.encode()).digest()[0] % 8,
            letter=next((c for c in name if c.isalnum()), "·").upper(),
            bio=clean(view.get("description")),
            following=state.get("following"),
            follows_you=bool(state.get("followedBy")),
            hidden=self.viewer is None and NOT_SIGNED_OUT in labels,
            muted=bool(state.get("muted")),
            blocking=self._own_block(state),
            apart=any(state.get(name) for name in ("blocking", "blockedBy", "blockingByList")),
            verified_by=self._verified_by(view.get("verification") or {}),
            verifier=(view.get("verification") or {}).get("trustedVerifierStatus") == "valid",
        )

    def _verified_by(self, said: Json) -> tuple[str, ...]:
        """Whose confirmations hold, each once, by handle."""
        if said.get("verifiedStatus") != "valid":
            return ()
        issuers = (str(one.get("issuerHandle") or one["issuer"]) for one in said["verifications"] if one["isValid"])
        return tuple(dict.fromkeys("@" + name.removesuffix(self.network.handle_suffix) for name in issuers))

    def people(self, views: Iterable[Json]) -> list[Person]:
        """Several people; those who ask not to be shown to strangers are left out for strangers."""
        return [person for person in map(self.person, views) if not person.hidden]

    def feed(self, items: Iterable[Json]) -> list[Post]:
        """A timeline or an author's feed."""
        posts = [self.feed_item(item) for item in items]
        return [post for post in posts if not (post.by.hidden or post.unwanted)]

    def feed_item(self, item: Json) -> Post:
        """feedViewPost: a post with the reason why it is here."""
        post = self.post(item["post"])
        reason = item.get("reason") or {}
        kind = str(reason.get("$type", "")).rpartition("#")[2]
        if kind == "reasonRepost":
            by = self.person(reason["by"])
            mine = by.did == self.viewer
            post.why = self.speech.say("Echoed by you") if mine else self.speech.say("Echoed by %(name)s", name=by.name)
            post.why_icon = "echo"
        elif kind == "reasonPin":
            post.why, post.why_icon = self.speech.say("Pinned by %(name)s", name=post.by.name), "pin"
        parent = (item.get("reply") or {}).get("parent") or {}
        if isinstance(parent.get("author"), dict) and "handle" in parent["author"]:
            post.answers = self.person(parent["author"])
        return post

    def posts(self, views: Iterable[Json]) -> list[Post]:
        """Posts without reasons: search results, quotes."""
        return [post for post in map(self.post, views) if not (post.by.hidden or post.unwanted)]

    def post(self, view: Json) -> Post:
        """postView"""
        self._n += 1
        record: Json = view["record"] if isinstance(view.get("record"), dict) else {}
        by = self.person(view["author"])
        uri = str(view["uri"])
        when = moment(record.get("createdAt"), view.get("indexedAt"))
        plain = clean(record.get("text"))
        state = view.get("viewer") or {}
        pictures, card, quoted, video = self._embed(view.get("embed") or {})
        bare = not (pictures or card or quoted or video)
        return Post(
            n=self._n,
            uri=uri,
            cid=str(view["cid"]),
            rkey=uri.rpartition("/")[2],
            url=post_url(by, uri),
            by=by,
            iso=when.strftime("%Y-%m-%dT%H:%M:%SZ"),
            when=self.speech.ago(when, self.now),
            full_when=self.speech.full(when),
            html=self._html(record),
            plain=plain,
            lang=self._lang(record),
            short=bare and 0 < graphemes(plain) <= SHORT_POST,
            pictures=pictures,
            card=card,
            quoted=quoted,
            video=video,
            cover=self._cover([*label_values(view.get("labels")), *self_labels(record)]),
            replies=number(view.get("replyCount")),
            echoes=number(view.get("repostCount")),
            likes=number(view.get("likeCount")),
            quotes=number(view.get("quoteCount")),
            liked=state.get("like"),
            echoed=state.get("repost"),
            mine=by.did == self.viewer,
            saved=bool(state.get("bookmarked")),
            thread_muted=bool(state.get("threadMuted")),
            unwanted=self.unwanted(view, by),
            can_reply=not state.get("replyDisabled"),
            reply_root=reply_root(record),
        )

    @cached_property
    def _muted(self) -> Sequence[MutedWord]:
        return self._muted_words()

    def unwanted(self, view: Json, by: Person) -> bool:
        """Does a post (postView) hold a word that the reader mutes? What they say themselves never does."""
        return by.did != self.viewer and bool(met(self._muted, view, followed=bool(by.following)))

    def thread(self, answer: Json) -> Thread:
        """getPostThreadV2: a flat list with depths, made into parents, the post, and a tree of replies."""
        thread = Thread(above=[], post=None, gone="", under=[])
        path: list[tuple[int, list[Branch]]] = [(0, thread.under)]
        for item in answer.get("thread", []):
            branch, depth, value = self._branch(item), int(item["depth"]), item["value"]
            if depth < 0:
                thread.above.append(branch)
                thread.more_above = thread.more_above or bool(value.get("moreParents"))
            elif depth == 0:
                thread.post, thread.gone, thread.more = branch.post, branch.gone, branch.more
            else:
                while path[-1][0] >= depth:
                    path.pop()
                path[-1][1].append(branch)
                path.append((depth, branch.under))
        return thread

    def photos(self, items: Iterable[Json]) -> list[tuple[Post, Picture]]:
        """The first picture of each post of a media feed."""
        return [(post, post.pictures[0]) for post in self.feed(items) if post.pictures]

    def own(self, address: Any) -> str | None:
        """An address of a picture. Our own become paths, so that they load under every name we are reached by."""
        if not is_web_address(address):
            return None
        ours = self.network.base_url
        return address[len(ours) :] if address.startswith(ours + "/") else str(address)

    def _own_block(self, state: Json) -> str | None:
        """The reader's block of this one person; one by a list is taken back at the list."""
        uri = state.get("blocking")
        return uri if isinstance(uri, str) and uri.startswith(f"at://{self.viewer}/app.bsky.graph.block/") else None

    def _branch(self, item: Json) -> Branch:
        value = item["value"]
        kind = str(value.get("$type", "")).rpartition("#")[2]
        if kind == "threadItemPost":
            post = self.post(value["post"])
            if post.by.hidden:
                return Branch(None, self.speech.say("Its author shows this post to members only. Sign in to read it."))
            return Branch(post, more=number(value.get("moreReplies")))
        if kind == "threadItemNoUnauthenticated":
            return Branch(None, self.speech.say("Its author shows this post to members only. Sign in to read it."))
        if kind == "threadItemBlocked":
            return Branch(None, self.speech.say("This post is not shown: one of you has blocked the other."))
        return Branch(None, self.speech.say("This post was deleted."))

    def _html(self, record: Json) -> Markup:
        found = record.get("facets")
        return render(clean(record.get("text")), found if isinstance(found, list) else [], self.ways)

    def _lang(self, record: Json) -> str | None:
        langs = record.get("langs")
        lang = langs[0] if isinstance(langs, list) and langs and isinstance(langs[0], str) else None
        ours = lang is None or lang.split("-")[0] == self.speech.language
        return None if ours or not regex.fullmatch(r"[A-Za-z0-9-]{2,35}", lang or "") else lang

    def _cover(self, labels: list[str]) -> str | None:
        say = self.speech.say
        reasons = {"nudity": say("nudity"), "sexual": say("sexual content"), "porn": say("sexual content"),
                   "graphic-media": say("violence or injury"), "gore": say("violence or injury")}  # fmt: skip
        found = next((label for label in labels if label in COVERED), None)
        return None if found is None else reasons.get(found, say("not for everybody"))

    def _embed(self, embed: Json) -> tuple[tuple[Picture, ...], Card | None, Quoted | None, bool]:
        kind = str(embed.get("$type", "")).removesuffix("#view").rpartition(".")[2]
        if kind == "images":
            return self._pictures(embed.get("images"), "thumb"), None, None, False
        if kind == "gallery":
            return self._pictures(embed.get("items"), "thumbnail"), None, None, False
        if kind == "external":
            return (), self._card(embed.get("external") or {}), None, False
        if kind == "record":
            return (), None, self._quoted(embed.get("record") or {}), False
        if kind == "recordWithMedia":
            pictures, card, _, video = self._embed(embed.get("media") or {})
            return pictures, card, self._quoted((embed.get("record") or {}).get("record") or {}), video
        return (), None, None, kind == "video"

    def _pictures(self, views: Any, thumb: str) -> tuple[Picture, ...]:
        found = []
        for view in views if isinstance(views, list) else []:
            small, full = self.own(view.get(thumb)), self.own(view.get("fullsize"))
            ratio = view.get("aspectRatio") or {}
            if small and full:
                width, height = number(ratio.get("width")) or 4, number(ratio.get("height")) or 3
                found.append(Picture(small, full, clean(view.get("alt")), *drawn_size(width, height)))
        return tuple(found)

    def _card(self, view: Json) -> Card | None:
        uri = view.get("uri")
        if not is_web_address(uri):
            return None
        host = host_of(str(uri))
        title = clean(view.get("title")) or host
        return Card(str(uri), host, title, clean(view.get("description")), self.own(view.get("thumb")))

    def _quoted(self, view: Json) -> Quoted:
        kind = str(view.get("$type", "")).rpartition("#")[2]
        if kind != "viewRecord":
            blocked = kind == "viewBlocked"
            gone = self.speech.say("This post is not shown: one of you has blocked the other.")
            return Quoted(gone=gone if blocked else self.speech.say("The quoted post is no longer there."))
        by = self.person(view["author"])
        if by.hidden:
            return Quoted(gone=self.speech.say("Its author shows this post to members only. Sign in to read it."))
        record: Json = view["value"] if isinstance(view.get("value"), dict) else {}
        embeds = view.get("embeds") or []
        pictures = self._embed(embeds[0])[0] if embeds else ()
        covered = self._cover([*label_values(view.get("labels")), *self_labels(record)])
        return Quoted(
            by=by,
            url=post_url(by, str(view["uri"])),
            when=self.speech.ago(moment(record.get("createdAt"), view.get("indexedAt")), self.now),
            html=self._html(record),
            lang=self._lang(record),
            pictures=() if covered else pictures[:2],
        )


@lru_cache(4_096)
def person_url(actor: str) -> str:
    """The page of a handle or DID."""
    return "/@" + quote(actor, safe=":.-")


def tag_url(tag: str) -> str:
    """The search for a hashtag."""
    return "/search?q=" + quote("#" + tag, safe="")


def post_url(by: Person, uri: str) -> str:
    """The page of a post: /@handle/p/rkey"""
    rkey = uri.rpartition("/")[2]
    return f"{by.url}/p/{rkey if rkey.isascii() and rkey.isalnum() else quote(rkey, safe=':.-_~')}"
