"""Why an item stands in a feed: a value, and the one line of plain words that people read.

The pages say it in the reader's language; apps get it in English, as `feedContext`.
"""

from typing import Literal, NamedTuple, Protocol

Kind = Literal["friends", "noticed", "new", "pictures", "here", "said", "elsewhere"]


class Why(NamedTuple):
    """The reason.

    friends: `n` people whom the reader follows liked it, but for `echoes` who only echoed it; `name` is that of one
    alone. noticed: what it got: `n` likes and so on. new: nothing yet. pictures: it shows `n`. here: a member of this
    network, called `name`, wrote it. said: in the words (`name`) of whoever made the feed. elsewhere: another service
    picked it, and does not say why.
    """

    kind: Kind
    n: int = 0
    echoes: int = 0
    replies: int = 0
    quotes: int = 0
    name: str = ""


class Speaker(Protocol):
    """Who says it: `web.speech.Speech`, or `English`."""

    def say(self, sentence: str, /, **facts: object) -> str:
        """A sentence, with %(name)s filled in."""
        ...

    def say_n(self, one: str, many: str, n: int, /, **facts: object) -> str:
        """A sentence about `n` things, which are %(n)s in it."""
        ...


class English:
    """Says it as it stands here."""

    def say(self, sentence: str, /, **facts: object) -> str:
        """See Speaker."""
        return sentence % facts if facts else sentence

    def say_n(self, one: str, many: str, n: int, /, **facts: object) -> str:
        """See Speaker."""
        return (one if n == 1 else many) % {"n": n, **facts}


ENGLISH = English()


def in_words(why: Why, speaker: Speaker = ENGLISH) -> str:
    """The line that people read."""
    match why.kind:
        case "friends":
            return _of_friends(why, speaker)
        case "noticed":
            return _noticed(why, speaker)
        case "new":
            return speaker.say("New")
        case "pictures":
            return speaker.say_n("It shows a picture", "It shows %(n)s pictures", why.n)
        case "here":
            return speaker.say("By a member of %(network)s", network=why.name)
        case "elsewhere":
            return speaker.say("Picked by the service that makes this feed")
        case "said":
            return why.name


def _of_friends(why: Why, speaker: Speaker) -> str:
    n, facts = why.n, {"name": why.name}
    if not why.echoes:
        return speaker.say_n("Liked by %(name)s, whom you follow", "Liked by %(n)s people you follow", n, **facts)
    if why.echoes == n:
        return speaker.say_n("Echoed by %(name)s, whom you follow", "Echoed by %(n)s people you follow", n, **facts)
    return speaker.say_n(
        "Liked or echoed by %(name)s, whom you follow", "Liked or echoed by %(n)s people you follow", n, **facts
    )


def _noticed(why: Why, speaker: Speaker) -> str:
    parts = [
        speaker.say_n("%(n)s like", "%(n)s likes", why.n) if why.n else "",
        speaker.say_n("%(n)s echo", "%(n)s echoes", why.echoes) if why.echoes else "",
        speaker.say_n("%(n)s reply", "%(n)s replies", why.replies) if why.replies else "",
        speaker.say_n("%(n)s quote", "%(n)s quotes", why.quotes) if why.quotes else "",
    ]
    return ", ".join(filter(None, parts))
