"""What templates draw: people, posts, threads and notices, as plain values.

`present` makes them from lexicon JSON. Text in them is escaped HTML (`Markup`) or plain text; addresses are checked.
"""

from dataclasses import dataclass, field

from markupsafe import Markup


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody, as drawn beside what they wrote. tone: 0–7, the ground of a face without a picture.

    blocking: the reader's own block of them. apart: one of the two blocks the other, by whatever way. verified_by: who
    confirms that it is them, as it is written with an @. verifier: whether the network trusts them to confirm others.
    """

    did: str
    handle: str
    at: str
    name: str
    url: str
    avatar: str | None
    square: bool
    tone: int
    letter: str
    bio: str
    following: str | None
    follows_you: bool
    hidden: bool
    muted: bool
    blocking: str | None
    apart: bool
    verified_by: tuple[str, ...]
    verifier: bool


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture in a post. width and height keep its place free while it loads."""

    thumb: str
    full: str
    alt: str
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class Card:
    """A link card."""

    uri: str
    host: str
    title: str
    text: str
    thumb: str | None


@dataclass(frozen=True, slots=True)
class Quoted:
    """A quoted post, or why it cannot be shown (`gone`)."""

    gone: str = ""
    by: Person | None = None
    url: str = ""
    when: str = ""
    html: Markup = field(default_factory=Markup)
    lang: str | None = None
    pictures: tuple[Picture, ...] = ()


@dataclass(slots=True)
class Post:
    """A post, ready to draw. `n` makes ids unique on a page; `why` says why it stands here.

    thread_muted: the reader wants to hear no more of its conversation. unwanted: it holds a word that they mute.
    """

    n: int
    uri: str
    cid: str
    rkey: str
    url: str
    by: Person
    iso: str
    when: str
    full_when: str
    html: Markup
    plain: str
    lang: str | None
    short: bool
    pictures: tuple[Picture, ...]
    card: Card | None
    quoted: Quoted | None
    video: bool
    cover: str | None
    replies: int
    echoes: int
    likes: int
    quotes: int
    liked: str | None
    echoed: str | None
    mine: bool
    saved: bool
    thread_muted: bool
    unwanted: bool
    can_reply: bool
    reply_root: tuple[str, str] | None
    why: str = ""
    why_icon: str = ""
    answers: "Person | None" = None


@dataclass(slots=True)
class Branch:
    """A reply with the replies to it. `post` None: it is not to be seen, `gone` says why. more: replies not loaded."""

    post: Post | None
    gone: str = ""
    more: int = 0
    under: list["Branch"] = field(default_factory=list)


@dataclass(slots=True)
class Thread:
    """A conversation around one post. more: replies to it that were not loaded."""

    above: list[Branch]
    post: Post | None
    gone: str
    under: list[Branch]
    more_above: bool = False
    more: int = 0


@dataclass(slots=True)
class Notice:
    """Something that happened to the reader; several likes of one post are one notice. of_post: a post that is there
    is what `url` leads to."""

    icon: str
    tone: str
    kind: str
    people: list[Person]
    more: int
    said: str
    url: str
    of_post: bool
    iso: str
    when: str
    day: str
    new: bool
