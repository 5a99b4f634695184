"""What the pages ask of a network: the one interface between the web door and the rooms.

`rooms.SiteBackend` is of this shape; tests use one that lives in memory. Everything that waits is `async`.
A refusal is raised as a `protocol.refused.Refused` and shown beside the form with the input kept. `did` is the member
who asks, already signed in by `member_of`. View calls answer lexicon JSON (app.bsky.*) and raise `Refused` of kind
"missing" or "invalid" when the subject does not exist. After a write returns, the next view shows it (the write waits
for the index, at most 0.5 s).
"""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from freehold.web.apart import Apart
from freehold.web.apps import Apps
from freehold.web.credentials import Credentials, Halfway
from freehold.web.feeds import Feeds
from freehold.web.gate import Applied, Gate, Joining
from freehold.web.lists import Lists
from freehold.web.lost import Offers
from freehold.web.ready import Ready
from freehold.web.ways_out import WaysOut

Json = dict[str, Any]

Theme = Literal["device", "light", "dark"]


@dataclass(frozen=True, slots=True)
class Network:
    """What every page says about the network it belongs to.

    host: name on the plate, e.g. "linden.example" or "localhost:8000". base_url: "https://linden.example", no slash.
    handle_suffix: with its dot, ".linden.example". hue: 0–360, chroma: 0–0.11. members: living accounts of people.
    time_zone: IANA name, used until the browser has told its own. claimed: False until the first-run page was sent.
    front: where members begin; on a host without views, so without a home page, their settings.
    former: the name of before, if passkeys are bound to it still. doors: URLs where to ask when this name is lost.
    onion: the host name of its onion door, or "".
    whole_feed: the network offers `Views.get_network_feed`. proof: joining takes a piece of work by the browser.
    """

    name: str
    host: str
    base_url: str
    handle_suffix: str
    hue: int
    chroma: float
    claimed: bool
    joining: Joining
    members: int
    about: str = ""
    rules: tuple[str, ...] = ()
    contact: str = ""
    proof: bool = False
    whole_feed: bool = False
    time_zone: str = "UTC"
    picture_max_bytes: int = 2_000_000
    password_min_characters: int = 8
    front: str = "/"
    former: str = ""
    doors: tuple[str, ...] = ()
    onion: str = ""

    @property
    def has_views(self) -> bool:
        """Does it show what people say? A host alone does not."""
        return self.front == "/"


@dataclass(frozen=True, slots=True)
class Member:
    """Who is signed in. avatar: address of the face, or None. language: "en", "fr", or None for the browser's.

    resting: the account is deactivated: it is read by nobody and writes nothing until it is woken. moderator: looks
    after the network; the owner does too.
    """

    did: str
    handle: str
    display_name: str
    avatar: str | None
    owner: bool = False
    language: str | None = None
    theme: Theme = "device"
    resting: bool = False
    moderator: bool = False


@dataclass(frozen=True, slots=True)
class Session:
    """A new web session: the secret that goes into the cookie, and how long the browser keeps it."""

    token: str
    seconds: int


@dataclass(frozen=True, slots=True)
class Claim:
    """The first-run page, filled in. handle: the owner's name without the suffix; domain: the network's address."""

    code: str
    name: str
    hue: int
    chroma: float
    domain: str
    joining: Joining
    handle: str
    password: str


@dataclass(frozen=True, slots=True)
class Claimed:
    """The owner, and the network's recovery key: words that are shown once and kept nowhere in the clear."""

    owner: Member
    recovery_key: str


@dataclass(frozen=True, slots=True)
class Ref:
    """One version of one record (com.atproto.repo.strongRef)."""

    uri: str
    cid: str


@dataclass(frozen=True, slots=True)
class DraftPicture:
    """A picture that is stored and waits for a record to name it. size in bytes; width and height as it is shown."""

    cid: str
    mime: str
    size: int
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class LinkCard:
    """What a post shows of a page it links to. picture: at most 1,000,000 bytes, or None."""

    uri: str
    title: str
    description: str
    picture: DraftPicture | None = None


@dataclass(frozen=True, slots=True)
class NewPost:
    """A post as it was written; `records.post_record` makes the record of it.

    facets: app.bsky.richtext.facet objects with byte offsets. pictures: at most 4, each with its description.
    labels: self-labels such as "nudity" that cover the pictures. A card and pictures never stand together.
    """

    text: str
    facets: Sequence[Json] = ()
    langs: Sequence[str] = ()
    reply_root: Ref | None = None
    reply_parent: Ref | None = None
    quote: Ref | None = None
    pictures: Sequence[tuple[DraftPicture, str]] = ()
    card: LinkCard | None = None
    labels: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class ProfileEdit:
    """A changed profile. avatar, banner: the new picture, None to keep what is there. organisation: a square face."""

    display_name: str
    description: str
    avatar: DraftPicture | None = None
    banner: DraftPicture | None = None
    organisation: bool = False


@dataclass(frozen=True, slots=True)
class Fetched:
    """A page from elsewhere: its last address after redirects, its Content-Type header and its bytes."""

    url: str
    content_type: str
    body: bytes


class Views(Protocol):
    """Reading. Names and keyword arguments are the lexicons'; `viewer` is a DID, or None for a stranger."""

    async def get_timeline(self, viewer: str, *, limit: int, cursor: str | None) -> Json:
        """app.bsky.feed.getTimeline"""
        ...

    async def get_network_feed(self, viewer: str | None, *, limit: int, cursor: str | None) -> Json:
        """All posts of this network's members that are not replies, newest first, in the form of getTimeline."""
        ...

    async def get_author_feed(
        self, viewer: str | None, *, actor: str, filter: str, limit: int, cursor: str | None, include_pins: bool
    ) -> Json:
        """app.bsky.feed.getAuthorFeed"""
        ...

    async def get_posts(self, viewer: str | None, *, uris: Sequence[str]) -> Json:
        """app.bsky.feed.getPosts, at most 25; posts that are gone are left out."""
        ...

    async def get_post_thread_v2(
        self, viewer: str | None, *, anchor: str, below: int, branching_factor: int, sort: str
    ) -> Json:
        """app.bsky.unspecced.getPostThreadV2, with the posts above."""
        ...

    async def get_likes(self, viewer: str | None, *, uri: str, limit: int, cursor: str | None) -> Json:
        """app.bsky.feed.getLikes"""
        ...

    async def get_reposted_by(self, viewer: str | None, *, uri: str, limit: int, cursor: str | None) -> Json:
        """app.bsky.feed.getRepostedBy"""
        ...

    async def get_quotes(self, viewer: str | None, *, uri: str, limit: int, cursor: str | None) -> Json:
        """app.bsky.feed.getQuotes"""
        ...

    async def search_posts(self, viewer: str, *, q: str, limit: int, cursor: str | None) -> Json:
        """app.bsky.feed.searchPosts, newest first; "#word" finds a hashtag."""
        ...

    async def get_profile(self, viewer: str | None, *, actor: str) -> Json:
        """app.bsky.actor.getProfile"""
        ...

    async def get_suggestions(self, viewer: str, *, limit: int) -> Json:
        """app.bsky.actor.getSuggestions: people of this network whom the viewer does not follow yet."""
        ...

    async def search_actors(self, viewer: str, *, q: str, limit: int, cursor: str | None) -> Json:
        """app.bsky.actor.searchActors"""
        ...

    async def search_actors_typeahead(self, viewer: str, *, q: str, limit: int) -> Json:
        """app.bsky.actor.searchActorsTypeahead"""
        ...

    async def get_followers(self, viewer: str | None, *, actor: str, limit: int, cursor: str | None) -> Json:
        """app.bsky.graph.getFollowers"""
        ...

    async def get_follows(self, viewer: str | None, *, actor: str, limit: int, cursor: str | None) -> Json:
        """app.bsky.graph.getFollows"""
        ...

    async def list_notifications(
        self, viewer: str, *, limit: int, cursor: str | None, reasons: Sequence[str] | None
    ) -> Json:
        """app.bsky.notification.listNotifications; `reasons` None means all."""
        ...

    async def get_unread_count(self, viewer: str) -> Json:
        """app.bsky.notification.getUnreadCount"""
        ...


class Backend(Protocol):
    """A network, as its pages see it."""

    @property
    def views(self) -> Views:
        """Reading."""
        ...

    @property
    def feeds(self) -> Feeds:
        """Feeds that somebody picks the posts of."""
        ...

    @property
    def gate(self) -> Gate:
        """The door and the line before it."""
        ...

    @property
    def ready(self) -> Ready:
        """How ready the network is for losses."""
        ...

    @property
    def apps(self) -> Apps:
        """Letting apps in, and seeing them out."""
        ...

    @property
    def credentials(self) -> Credentials:
        """How members prove who they are."""
        ...

    @property
    def offers(self) -> Offers:
        """Posts that a lost machine had alone, for those who wrote them."""
        ...

    @property
    def apart(self) -> Apart:
        """What members put aside: saved posts, people and words that they want to hear less of."""
        ...

    @property
    def lists(self) -> Lists:
        """Lists of people, and starter packs."""
        ...

    @property
    def ways_out(self) -> WaysOut:
        """How members leave, and take with them what is theirs."""
        ...

    def network(self) -> Network:
        """The network's face, cheap enough to ask on every request."""
        ...

    def spend(self, kind: Literal["read", "write"], did: str | None, address: str) -> None:
        """Take a page's points from the reader's budget, the same that apps spend from. Refuses with TooMany."""
        ...

    def reads(self, kind: Literal["profiles", "records"], thing: str, did: str | None, address: str) -> None:
        """A page shows somebody's profile or post: counted for the alarm on reading in bulk."""
        ...

    async def did_of(self, actor: str) -> str | None:
        """The DID of a handle (or of a DID, itself); None when nobody has it."""
        ...

    # Coming in

    async def claim(self, claim: Claim) -> Claimed:
        """Make the network its owner's. Refuses a wrong or stale code, and a second claim."""
        ...

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
    ) -> Member | Applied:
        """A new member, or somebody who waits in the line. `handle` is the part before `Network.handle_suffix`;
        `proof` the browser's work, `words` for those who decide; `address` the caller's, for budgets."""
        ...

    async def sign_in(self, *, identifier: str, password: str, address: str) -> Member | Halfway:
        """Check a password. `identifier`: handle (its first part is enough), DID or e-mail address."""
        ...

    async def member_by(self, did: str) -> Member:
        """A member who has proven who they are."""
        ...

    async def wake(self, did: str) -> None:
        """Let a resting account speak again. Refuses when its identity points to another host."""
        ...

    async def start_session(self, did: str) -> Session:
        """A new web session with a new secret; nothing of an earlier one lives on in it."""
        ...

    async def member_of(self, token: str) -> Member | None:
        """Whose session this is; None when it ended, never was, or its account is closed."""
        ...

    async def end_session(self, token: str) -> None:
        """Sign out here."""
        ...

    async def end_all_sessions(self, did: str) -> None:
        """Sign out everywhere: web sessions and apps."""
        ...

    async def change_password(self, did: str, *, old: str, new: str) -> None:
        """Ends all sessions of the member; refuses when `old` is wrong."""
        ...

    async def save_settings(self, did: str, *, language: str | None, theme: Theme) -> None:
        """Keep the member's choice of language and light or dark."""
        ...

    async def create_invite(self, did: str) -> str:
        """A code that lets one person join."""
        ...

    def export(self, did: str) -> AsyncIterator[bytes]:
        """The member's signed repository as a CAR file, piece by piece."""
        ...

    # Writing

    async def upload_picture(self, did: str, data: bytes) -> DraftPicture:
        """Store a picture without its metadata. Refuses what is no picture or too large."""
        ...

    async def draft_picture(self, did: str, cid: str) -> tuple[str, bytes] | None:
        """Type and bytes of a picture that this member uploaded and has not used yet."""
        ...

    async def fetch(self, url: str, *, max_bytes: int) -> Fetched:
        """Read a public address on a stranger's behalf, never a private one. Refuses when it fails or is too large."""
        ...

    async def create_post(self, did: str, post: NewPost) -> Ref:
        """Publish. The record is `records.post_record(post, …)`."""
        ...

    async def delete_post(self, did: str, rkey: str) -> None:
        """Take one's own post away for good; one that is gone already is no error."""
        ...

    async def like(self, did: str, subject: Ref) -> None:
        """Like a post."""
        ...

    async def unlike(self, did: str, like_uri: str) -> None:
        """Take a like back; `like_uri` is the view's `viewer.like`."""
        ...

    async def echo(self, did: str, subject: Ref) -> None:
        """Echo (repost) a post."""
        ...

    async def unecho(self, did: str, echo_uri: str) -> None:
        """Take an echo back; `echo_uri` is the view's `viewer.repost`."""
        ...

    async def follow(self, did: str, subject: str) -> None:
        """Follow the account with the DID `subject`."""
        ...

    async def unfollow(self, did: str, follow_uri: str) -> None:
        """Stop following; `follow_uri` is the view's `viewer.following`."""
        ...

    async def edit_profile(self, did: str, edit: ProfileEdit) -> None:
        """Write the profile record; what the page does not show stays as it is."""
        ...

    async def update_seen(self, did: str, seen_at: str) -> None:
        """app.bsky.notification.updateSeen"""
        ...
