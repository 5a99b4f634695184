"""A small network in memory that answers what the pages ask, in lexicon JSON. Test support for the pages alone.

The rooms behind the pages have tests of their own; here only the shape of what they answer matters.
"""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from itertools import count

from freehold.appview.muted_words import MutedWord
from freehold.protocol.cid import Cid
from freehold.protocol.refused import Refused
from freehold.web.backend import (
    Claim,
    Claimed,
    DraftPicture,
    Fetched,
    Json,
    Member,
    Network,
    NewPost,
    ProfileEdit,
    Ref,
    Session,
    Theme,
)
from freehold.web.credentials import Safety
from freehold.web.feeds import Known
from freehold.web.records import post_record

NOW = datetime(2026, 11, 21, 19, 40, tzinfo=UTC)
PIXEL = bytes.fromhex(
    "89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c489"
    "0000000d49444154789c6360606060000000050001a5f645400000000049454e44ae426082"
)


class NotThere(Refused):
    kind, name, say = "missing", "NotFound", "That is not here."


class HandleTaken(Refused):
    kind, name = "invalid", "HandleNotAvailable"


class WrongPassword(Refused):
    kind, name, say = "unauthenticated", "AuthenticationRequired", "Name or password is wrong. Try again."


class WrongCode(Refused):
    kind, name, say = "forbidden", "WrongClaimCode", "That code is not right. The terminal shows the one that counts."


@dataclass
class Account:
    did: str
    handle: str
    name: str
    password: str = "correct horse"
    bio: str = ""
    avatar: str | None = None
    banner: str | None = None
    language: str | None = None
    theme: Theme = "device"
    labels: list[str] = field(default_factory=list)


@dataclass
class Said:
    uri: str
    cid: str
    by: str
    record: Json
    at: datetime


def iso(when: datetime) -> str:
    return when.strftime("%Y-%m-%dT%H:%M:%S.000Z")


def cid_of(text: str) -> str:
    return str(Cid.of_raw(text.encode()))


class Bare:
    """The credentials of members who have only a password."""

    mail_possible = False

    async def safety(self, did: str) -> Safety:
        return Safety(codes=False, backup_codes=0, mail_codes=False, passkeys=(), recovery_code=None)


class NothingLost:
    """No machine of the village has failed."""

    def count(self, did: str) -> int:
        return 0

    def of(self, did: str) -> list[object]:
        return []


class NothingMuted:
    """Everybody hears all."""

    def muted_words(self, did: str) -> list[MutedWord]:
        return []


class Beside:
    """Two feeds stand beside Following, and are empty."""

    def uri(self, name: str) -> str:
        return f"at://did:plc:feeds2222222222222222222/app.bsky.feed.generator/{name}"

    async def kept(self, did: str) -> list[Known]:
        return [Known(self.uri(name), name, name, "", None, 0, True) for name in ("discover", "photos")]

    async def all(self, viewer: str | None, *, limit: int, cursor: str | None) -> tuple[list[Known], None]:
        return await self.kept(""), None

    async def one(self, viewer: str | None, uri: str) -> Known:
        return next(one for one in await self.kept("") if one.uri == uri)

    async def read(self, viewer: str | None, uri: str, *, limit: int, cursor: str | None) -> tuple[list[Json], None]:
        return [], None


class Village:
    """Backend and Views in one."""

    def __init__(self, base_url: str = "http://village.test", **facts: object) -> None:
        self.face = Network(
            name="Linden Square", host="linden.example", base_url=base_url, handle_suffix=".linden.example", hue=160,
            chroma=0.075, claimed=True, joining="open", members=1204, whole_feed=True,
            rules=("Speak to people as you would across a table.", "Ask before you post somebody’s picture.",
                   "Say where news comes from.", "Cover what others may not want to see."),
        )  # fmt: skip
        self.face = replace(self.face, **facts)  # type: ignore[arg-type]
        self.accounts: dict[str, Account] = {}
        self.said: dict[str, Said] = {}
        self.edges: dict[str, tuple[str, str, str, datetime]] = {}  # uri: kind, by, subject, when
        self.told: list[tuple[str, str, Json]] = []
        self.seen: dict[str, datetime] = {}
        self.sessions: dict[str, str] = {}
        self.blobs: dict[str, bytes] = {}
        self.pages: dict[str, Fetched] = {}
        self.picture_urls: dict[str, str] = {}
        self.ids = count(1)
        self.mei = self.amina = self.oskar = ""
        self.clock = NOW

    @property
    def views(self) -> "Village":
        return self

    def network(self) -> Network:
        return self.face

    def spend(self, kind: str, did: str | None, address: str) -> None:
        """Nobody is counted here."""

    @property
    def feeds(self) -> "Beside":
        return Beside()

    @property
    def apart(self) -> "NothingMuted":
        return NothingMuted()

    @property
    def offers(self) -> "NothingLost":
        return NothingLost()

    @property
    def credentials(self) -> "Bare":
        return Bare()

    def reads(self, kind: str, thing: str, did: str | None, address: str) -> None:
        """Nobody is watched here."""

    # people

    def add(self, handle: str, name: str, **facts: object) -> str:
        letters = sha256(handle.encode()).hexdigest()[:24].translate(str.maketrans("0189", "xyzw"))
        did = f"did:plc:{letters}"
        self.accounts[did] = Account(did, handle + self.face.handle_suffix, name, **facts)  # type: ignore[arg-type]
        return did

    def member(self, did: str) -> Member:
        one = self.accounts[did]
        return Member(did, one.handle, one.name, one.avatar, language=one.language, theme=one.theme)

    async def did_of(self, actor: str) -> str | None:
        if actor in self.accounts:
            return actor
        return next((did for did, one in self.accounts.items() if one.handle == actor), None)

    async def claim(self, claim: Claim) -> Claimed:
        if claim.code != "lantern-maple-forty":
            raise WrongCode
        self.face = replace(
            self.face,
            name=claim.name,
            hue=claim.hue,
            chroma=claim.chroma,
            joining=claim.joining,
            claimed=True,
            members=1,
        )
        return Claimed(self.member(self.add(claim.handle, "")), "maple quiet forty lantern river stone apron winter")

    async def sign_up(
        self,
        *,
        handle: str,
        password: str,
        email: str | None,
        invite: str | None,
        proof: str | None,
        words: str,
        address: str,
    ) -> Member:
        if await self.did_of(handle + self.face.handle_suffix):
            raise HandleTaken(f"“{handle}” is taken. Free: {handle}-north.")
        if len(password) < 8:
            raise Refused("The password is too short. Use at least 8 characters.", name="InvalidPassword")
        return self.member(self.add(handle, "", password=password))

    async def sign_in(self, *, identifier: str, password: str, address: str) -> Member:
        did = await self.did_of(identifier) or await self.did_of(identifier + self.face.handle_suffix)
        if did is None or self.accounts[did].password != password:
            raise WrongPassword
        return self.member(did)

    async def start_session(self, did: str) -> Session:
        token = f"session-{next(self.ids)}"
        self.sessions[token] = did
        return Session(token, 3600)

    async def member_of(self, token: str) -> Member | None:
        did = self.sessions.get(token)
        return self.member(did) if did else None

    async def end_session(self, token: str) -> None:
        self.sessions.pop(token, None)

    async def end_all_sessions(self, did: str) -> None:
        self.sessions = {token: one for token, one in self.sessions.items() if one != did}

    async def change_password(self, did: str, *, old: str, new: str) -> None:
        if self.accounts[did].password != old:
            raise WrongPassword("That is not your password.")
        self.accounts[did].password = new
        await self.end_all_sessions(did)

    async def save_settings(self, did: str, *, language: str | None, theme: Theme) -> None:
        self.accounts[did].language, self.accounts[did].theme = language, theme

    async def create_invite(self, did: str) -> str:
        return "linden-4k7q-w2mv"

    async def export(self, did: str) -> AsyncIterator[bytes]:
        yield b"car "
        yield did.encode()

    # writing

    async def upload_picture(self, did: str, data: bytes) -> DraftPicture:
        if not data.startswith((b"\x89PNG", b"\xff\xd8")):
            raise Refused("That is no picture we know. Use JPEG, PNG or WebP.", name="UnsupportedPicture")
        cid = str(Cid.of_raw(data))
        self.blobs[cid] = data
        return DraftPicture(cid, "image/png", len(data), 4, 3)

    async def draft_picture(self, did: str, cid: str) -> tuple[str, bytes] | None:
        return ("image/png", self.blobs[cid]) if cid in self.blobs else None

    async def fetch(self, url: str, *, max_bytes: int) -> Fetched:
        if url not in self.pages:
            raise Refused("That page cannot be reached.", name="UpstreamFailure")
        return self.pages[url]

    async def create_post(self, did: str, post: NewPost) -> Ref:
        return self.put(did, post_record(post, iso(self.clock)), self.clock)

    def put(self, did: str, record: Json, at: datetime) -> Ref:
        rkey = f"3m6{next(self.ids):07d}aaa".translate(str.maketrans("0189", "hijk"))
        uri = f"at://{did}/app.bsky.feed.post/{rkey}"
        self.said[uri] = Said(uri, cid_of(uri), did, record, at)
        parent = record.get("reply", {}).get("parent", {}).get("uri")
        if parent in self.said and self.said[parent].by != did:
            self.tell(self.said[parent].by, "reply", did, uri, record, at, parent)
        for facet in record.get("facets", []):
            for feature in facet["features"]:
                if feature["$type"].endswith("mention"):
                    self.tell(feature["did"], "mention", did, uri, record, at, None)
        return Ref(uri, cid_of(uri))

    def post(self, did: str, text: str, hours: float = 0, **more: object) -> Ref:
        at = NOW - timedelta(hours=hours)
        return self.put(did, {"$type": "app.bsky.feed.post", "text": text, "createdAt": iso(at), **more}, at)

    async def delete_post(self, did: str, rkey: str) -> None:
        self.said.pop(f"at://{did}/app.bsky.feed.post/{rkey}", None)

    def edge(self, kind: str, by: str, subject: str, hours: float = 0) -> str:
        at = self.clock - timedelta(hours=hours)
        collection = {"like": "feed.like", "repost": "feed.repost", "follow": "graph.follow"}[kind]
        uri = f"at://{by}/app.bsky.{collection}/3m7edge{next(self.ids):06d}".translate(str.maketrans("0189", "hijk"))
        self.edges[uri] = (kind, by, subject, at)
        target = subject if kind == "follow" else self.said[subject].by
        if target != by:
            record: Json = {"$type": f"app.bsky.{collection}", "subject": subject, "createdAt": iso(at)}
            if kind != "follow":
                record["subject"] = {"uri": subject, "cid": cid_of(subject)}
            self.tell(target, kind, by, uri, record, at, subject if kind != "follow" else None)
        return uri

    async def like(self, did: str, subject: Ref) -> None:
        self.edge("like", did, subject.uri)

    async def unlike(self, did: str, like_uri: str) -> None:
        del self.edges[like_uri]

    async def echo(self, did: str, subject: Ref) -> None:
        self.edge("repost", did, subject.uri)

    async def unecho(self, did: str, echo_uri: str) -> None:
        del self.edges[echo_uri]

    async def follow(self, did: str, subject: str) -> None:
        self.edge("follow", did, subject)

    async def unfollow(self, did: str, follow_uri: str) -> None:
        del self.edges[follow_uri]

    async def edit_profile(self, did: str, edit: ProfileEdit) -> None:
        one = self.accounts[did]
        one.name, one.bio, one.labels = (
            edit.display_name,
            edit.description,
            ["organisation"] if edit.organisation else [],
        )

    async def update_seen(self, did: str, seen_at: str) -> None:
        self.seen[did] = datetime.fromisoformat(seen_at)

    def tell(self, to: str, reason: str, by: str, uri: str, record: Json, at: datetime, subject: str | None) -> None:
        told: Json = {
            "uri": uri,
            "cid": cid_of(uri),
            "reason": reason,
            "record": record,
            "indexedAt": iso(at),
            "by": by,
        }
        if subject:
            told["reasonSubject"] = subject
        self.told.append((to, iso(at), told))

    # reading

    def _edge(self, kind: str, by: str | None, subject: str) -> str | None:
        return next((uri for uri, (k, b, s, _) in self.edges.items() if (k, b, s) == (kind, by, subject)), None)

    def _count(self, kind: str, subject: str) -> int:
        return sum(1 for k, _, s, _ in self.edges.values() if (k, s) == (kind, subject))

    def person(self, did: str, viewer: str | None, *, more: bool = False) -> Json:
        one = self.accounts[did]
        view: Json = {"did": did, "handle": one.handle, "viewer": {}}
        if one.name:
            view["displayName"] = one.name
        if one.avatar:
            view["avatar"] = one.avatar
        if one.labels:
            view["labels"] = [{"src": did, "uri": did, "val": val, "cts": iso(NOW)} for val in one.labels]
        if viewer and (uri := self._edge("follow", viewer, did)):
            view["viewer"]["following"] = uri
        if viewer and (uri := self._edge("follow", did, viewer)):
            view["viewer"]["followedBy"] = uri
        return view | {"description": one.bio} if more and one.bio else view

    def picture(self, cid: str) -> str:
        return self.picture_urls.get(cid, f"{self.face.base_url}/img/{cid}")

    def embed(self, embed: Json, viewer: str | None) -> Json:
        kind = embed["$type"]
        if kind.endswith("images"):
            images = []
            for image in embed["images"]:
                url = self.picture(image["image"]["ref"]["$link"])
                images.append({"thumb": url, "fullsize": url, "alt": image["alt"], "aspectRatio": image["aspectRatio"]})
            return {"$type": kind + "#view", "images": images}
        if kind.endswith("external"):
            view = {key: embed["external"][key] for key in ("uri", "title", "description")}
            if "thumb" in embed["external"]:
                view["thumb"] = self.picture(embed["external"]["thumb"]["ref"]["$link"])
            return {"$type": kind + "#view", "external": view}
        if kind.endswith("recordWithMedia"):
            inner = {"record": self._quote(embed["record"]["record"]["uri"], viewer)}
            return {"$type": kind + "#view", "record": inner, "media": self.embed(embed["media"], viewer)}
        return {"$type": kind + "#view", "record": self._quote(embed["record"]["uri"], viewer)}

    def _quote(self, uri: str, viewer: str | None) -> Json:
        if uri not in self.said:
            return {"$type": "app.bsky.embed.record#viewNotFound", "uri": uri, "notFound": True}
        one = self.said[uri]
        view = {"uri": uri, "cid": one.cid, "author": self.person(one.by, viewer), "value": one.record}
        return {"$type": "app.bsky.embed.record#viewRecord", **view, "indexedAt": iso(one.at)}

    def view(self, one: Said, viewer: str | None) -> Json:
        replies = [said for said in self.said.values() if self._parent(said) == one.uri]
        view: Json = {
            "uri": one.uri, "cid": one.cid, "author": self.person(one.by, viewer), "record": one.record,
            "indexedAt": iso(one.at), "replyCount": len(replies), "repostCount": self._count("repost", one.uri),
            "likeCount": self._count("like", one.uri), "quoteCount": 0, "viewer": {}, "labels": [],
        }  # fmt: skip
        if "embed" in one.record:
            view["embed"] = self.embed(one.record["embed"], viewer)
        for kind in ("like", "repost"):
            if viewer and (uri := self._edge(kind, viewer, one.uri)):
                view["viewer"][kind] = uri
        return view

    def _parent(self, one: Said) -> str | None:
        uri = one.record.get("reply", {}).get("parent", {}).get("uri")
        return str(uri) if uri else None

    def _item(self, one: Said, viewer: str | None) -> Json:
        item: Json = {"post": self.view(one, viewer)}
        parent = self._parent(one)
        if parent in self.said:
            above = {"$type": "app.bsky.feed.defs#postView", **self.view(self.said[parent], viewer)}
            item["reply"] = {"root": above, "parent": above}
        return item

    def _page(self, rows: list[Json], limit: int, cursor: str | None, key: str) -> Json:
        start = int(cursor or 0)
        page: Json = {key: rows[start : start + limit]}
        if start + limit < len(rows):
            page["cursor"] = str(start + limit)
        return page

    def _newest(self, keep: object = None) -> list[Said]:
        return sorted(
            (s for s in self.said.values() if not callable(keep) or keep(s)), key=lambda s: s.at, reverse=True
        )

    async def get_timeline(self, viewer: str, *, limit: int, cursor: str | None) -> Json:
        near = {viewer} | {s for k, b, s, _ in self.edges.values() if (k, b) == ("follow", viewer)}
        rows = [(s.at, self._item(s, viewer)) for s in self._newest(lambda s: s.by in near)]
        for uri, (kind, by, subject, at) in self.edges.items():
            if kind == "repost" and by in near and subject in self.said:
                reason = {
                    "$type": "app.bsky.feed.defs#reasonRepost",
                    "by": self.person(by, viewer),
                    "indexedAt": iso(at),
                }
                rows.append((at, {"post": self.view(self.said[subject], viewer), "reason": {**reason, "uri": uri}}))
        rows.sort(key=lambda row: row[0], reverse=True)
        return self._page([row for _, row in rows], limit, cursor, "feed")

    async def get_network_feed(self, viewer: str | None, *, limit: int, cursor: str | None) -> Json:
        rows = [self._item(s, viewer) for s in self._newest(lambda s: not self._parent(s))]
        return self._page(rows, limit, cursor, "feed")

    async def get_author_feed(
        self, viewer: str | None, *, actor: str, filter: str, limit: int, cursor: str | None, include_pins: bool
    ) -> Json:
        def keep(s: Said) -> bool:
            media = str(s.record.get("embed", {}).get("$type", "")).endswith(("images", "recordWithMedia"))
            return s.by == actor and {"posts_no_replies": not self._parent(s), "posts_with_media": media}.get(
                filter, True
            )

        return self._page([self._item(s, viewer) for s in self._newest(keep)], limit, cursor, "feed")

    async def get_posts(self, viewer: str | None, *, uris: Sequence[str]) -> Json:
        return {"posts": [self.view(self.said[uri], viewer) for uri in uris if uri in self.said]}

    async def get_post_thread_v2(
        self, viewer: str | None, *, anchor: str, below: int, branching_factor: int, sort: str
    ) -> Json:
        if anchor not in self.said:
            return {"thread": [self._gone(anchor, 0)], "hasOtherReplies": False}
        rows, up = [self._row(self.said[anchor], 0, viewer)], -1
        parent = self._parent(self.said[anchor])
        while parent is not None:
            one = self.said.get(parent)
            rows.insert(0, self._row(one, up, viewer) if one else self._gone(parent, up))
            parent, up = (self._parent(one) if one else None), up - 1
        self._below(anchor, 1, below, viewer, rows)
        return {"thread": rows, "hasOtherReplies": False}

    def _below(self, uri: str, depth: int, most: int, viewer: str | None, rows: list[Json]) -> None:
        for one in sorted((s for s in self.said.values() if self._parent(s) == uri), key=lambda s: s.at):
            rows.append(self._row(one, depth, viewer))
            if depth < most:
                self._below(one.uri, depth + 1, most, viewer, rows)

    def _row(self, one: Said, depth: int, viewer: str | None) -> Json:
        no = dict.fromkeys(("moreParents", "opThread", "hiddenByThreadgate", "mutedByViewer"), False)
        post = self.view(one, viewer)
        value = {"$type": "app.bsky.unspecced.defs#threadItemPost", "post": post, "moreReplies": 0, **no}
        return {"uri": one.uri, "depth": depth, "value": value}

    def _gone(self, uri: str, depth: int) -> Json:
        return {"uri": uri, "depth": depth, "value": {"$type": "app.bsky.unspecced.defs#threadItemNotFound"}}

    def _who(self, kind: str, subject: str) -> list[tuple[str, datetime]]:
        return [(by, at) for k, by, s, at in self.edges.values() if (k, s) == (kind, subject)]

    async def get_likes(self, viewer: str | None, *, uri: str, limit: int, cursor: str | None) -> Json:
        likes = [{"indexedAt": iso(at), "createdAt": iso(at), "actor": self.person(by, viewer, more=True)}
                 for by, at in self._who("like", uri)]  # fmt: skip
        return {"uri": uri, **self._page(likes, limit, cursor, "likes")}

    async def get_reposted_by(self, viewer: str | None, *, uri: str, limit: int, cursor: str | None) -> Json:
        people = [self.person(by, viewer, more=True) for by, _ in self._who("repost", uri)]
        return {"uri": uri, **self._page(people, limit, cursor, "repostedBy")}

    async def get_quotes(self, viewer: str | None, *, uri: str, limit: int, cursor: str | None) -> Json:
        rows = [self.view(s, viewer) for s in self._newest(lambda s: uri in str(s.record.get("embed")))]
        return {"uri": uri, **self._page(rows, limit, cursor, "posts")}

    async def search_posts(self, viewer: str, *, q: str, limit: int, cursor: str | None) -> Json:
        rows = [self.view(s, viewer) for s in self._newest(lambda s: q.lower() in s.record["text"].lower())]
        return {**self._page(rows, limit, cursor, "posts"), "hitsTotal": len(rows)}

    async def get_profile(self, viewer: str | None, *, actor: str) -> Json:
        if actor not in self.accounts:
            raise NotThere
        follows = sum(1 for k, b, _, _ in self.edges.values() if (k, b) == ("follow", actor))
        posts = sum(1 for s in self.said.values() if s.by == actor)
        view = self.person(actor, viewer, more=True) | {"createdAt": "2026-03-04T10:00:00.000Z"}
        if self.accounts[actor].banner:
            view["banner"] = self.accounts[actor].banner
        return view | {"followersCount": self._count("follow", actor), "followsCount": follows, "postsCount": posts}

    async def get_suggestions(self, viewer: str, *, limit: int) -> Json:
        others = [did for did in self.accounts if did != viewer and not self._edge("follow", viewer, did)]
        return {"actors": [self.person(did, viewer, more=True) for did in others[:limit]]}

    async def search_actors(self, viewer: str, *, q: str, limit: int, cursor: str | None) -> Json:
        found = [did for did, one in self.accounts.items() if q.lower() in (one.name + one.handle + one.bio).lower()]
        return self._page([self.person(did, viewer, more=True) for did in found], limit, cursor, "actors")

    async def search_actors_typeahead(self, viewer: str, *, q: str, limit: int) -> Json:
        found = await self.search_actors(viewer, q=q, limit=limit, cursor=None)
        return {"actors": found["actors"]}

    async def get_followers(self, viewer: str | None, *, actor: str, limit: int, cursor: str | None) -> Json:
        people = [self.person(by, viewer, more=True) for by, _ in self._who("follow", actor)]
        return {"subject": self.person(actor, viewer), **self._page(people, limit, cursor, "followers")}

    async def get_follows(self, viewer: str | None, *, actor: str, limit: int, cursor: str | None) -> Json:
        dids = [s for k, b, s, _ in self.edges.values() if (k, b) == ("follow", actor)]
        people = [self.person(did, viewer, more=True) for did in dids]
        return {"subject": self.person(actor, viewer), **self._page(people, limit, cursor, "follows")}

    def _told(self, viewer: str) -> list[Json]:
        seen = iso(self.seen.get(viewer, datetime(1970, 1, 1, tzinfo=UTC)))
        rows = sorted(((at, told) for to, at, told in self.told if to == viewer), key=lambda row: row[0], reverse=True)
        return [
            {key: value for key, value in told.items() if key != "by"}
            | {"author": self.person(told["by"], viewer), "isRead": at <= seen}
            for at, told in rows
        ]

    async def list_notifications(
        self, viewer: str, *, limit: int, cursor: str | None, reasons: Sequence[str] | None
    ) -> Json:
        rows = [told for told in self._told(viewer) if reasons is None or told["reason"] in reasons]
        return self._page(rows, limit, cursor, "notifications")

    async def get_unread_count(self, viewer: str) -> Json:
        return {"count": sum(1 for told in self._told(viewer) if not told["isRead"])}
