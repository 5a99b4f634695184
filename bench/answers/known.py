"""Where our answers are meant to differ from those of the official AppView, and why.

What a line stands for is told in docs/calls.md or a page of docs/decisions, unless it is a matter of form.
"""

import re
from typing import NamedTuple

from bench.answers.compared import Difference


class Known(NamedTuple):
    """place, what: patterns that are searched for in those of a difference."""

    why: str
    place: str
    what: str = ""


_FORM = "a matter of form: what is nothing or false is left out, or what is known is said"
_GATES = "gates are judged as they stand now, and a reply that one keeps out still says what it answers"
_BLOCKS = "lists, feeds and packs of somebody, and their followers, are not shown across a block with them"
_STRANGERS = "what is for members only is not given to strangers"
_HIDDEN = "an account that is unknown or hidden is refused by name"
_ORDER = "in an order of our own, where the lexicon names none"

KNOWN = (
    Known(_FORM, r"^profile\.associated\.(lists|feedgens|starterPacks|labeler)$"),
    Known(_FORM, r"^(profile|blocked author)\.viewer\.mutedOnly|isDisabled$", "only official: false"),
    Known(_FORM, r"viewer\.(replyDisabled|pinned|muted)$", "only ours: false"),
    Known(_FORM, r"^thing\.listItemCount|value\.opThreadPost(Count|Index)$|\.replies$", "only ours"),
    Known(_FORM, r"\.(hiddenByThreadgate|mutedByViewer|moreReplies)$", "(false|0) there, (true|1) here"),
    Known(_FORM, r"^blocked author\.viewer\.", "only ours"),
    Known("when something was kept is when that was", r"bookmarks\[\]\.createdAt$"),
    Known("nobody is told how often a post was saved (0025)", r"^post\.bookmarkCount$"),
    Known("as many are named as the lexicon allows", r"knownLikers\.actors\[\]$", "only ours"),
    Known("what a subscription says is shown wherever its author is", r"viewer\.activitySubscription$", "only ours"),
    Known("a block by a list is named by the record of that block", r"\.blocking(ByList)?$", "there, .* here"),
    Known("of whoever is behind a block, and of oneself, no common followers", r"viewer\.knownFollowers$"),
    Known("what is new is unread until it is looked at", r"\.(isRead|seenAt)$"),
    Known("what a gate keeps out counts with the rest", r"^post(\.embed\.record)?\.(reply|quote)Count$"),
    Known(_GATES, r"\.reply$|^feed\.getPostThread\.thread\.parent$", "only ours"),
    Known(_GATES, r"getPostThreadV2\.thread\[\]$", r"only ours: \$for "),
    Known("nothing is told of a thread around a post behind a block", r"\.threadgate$", "only official"),
    Known(
        "a reply across a block is left out (0027)", r"getPostThread\.thread\.replies\[\]$", r"only official: \$alice"
    ),
    Known("who wrote what is gone is not told", r"\.grandparentAuthor$", "only official"),
    Known(
        "what is gone is gone, whoever wrote it", r"embed\.record\.\$type$", "viewBlocked there, .*viewNotFound here"
    ),
    Known("a like or repost is not listed across a block between the two (0027)", r"getRepostedBy\.repostedBy\[\]$"),
    Known("home shows replies among people whom the reader knows", r"getTimeline\.feed\[\]$", "only official"),
    Known(
        "across a block, what hangs on something that is gone is judged by what is there",
        r"getListFeed\.feed\[\]$",
        r"\$to the withdrawn|what is gone",
    ),
    Known(_STRANGERS, "", r"\$kim |\$bob to kim|viewRecord there, .*viewNotFound here"),
    Known(_STRANGERS, r"\.parent\.\$type$|^feed\.getPostThread\.error$", "notFoundPost here|NotFound here"),
    Known(_HIDDEN, r"\.error$", "AccountDeactivated here"),
    Known(_HIDDEN, r"^graph\.getLists\.error$", "InvalidRequest here"),
    Known(
        _BLOCKS, r"^graph\.(getFollow|getKnownFollowers|getLists|getActorStarterPacks|getStarterPacks)", "only official"
    ),
    Known(_BLOCKS, r"^graph\.(getList|getStarterPack)\.error$|^feed\.get(ActorFeeds|FeedGenerators)\.feeds\[\]$"),
    Known(_BLOCKS, r"^profile\.joinedViaStarterPack$", "only official"),
    Known("whoever keeps a list finds all who are on it", r"\.listItem$", "only ours"),
    Known(_ORDER, r"(followers|replies|listItemsSample|getPostThreadOtherV2\.thread)\[\]$", "in another order"),
    Known("who shows a list or a feed tells its maker", r"notifications\[\]$", r"only ours: \$bob shows "),
    Known("a detached quote is no news", r"notifications\[\]$", r"only official: \$(detached|not allowed) "),
    Known(
        "a muted thread is silent, whatever happens there",
        r"notifications\[\]$",
        "only official: .*(by way|reposts carol)",
    ),
    Known(
        "of a thread the authors of parent and root are told",
        r"notifications\[\]|reasonSubject$",
        "to ned|to the withdrawn|root",
    ),
)


def why(difference: Difference) -> str:
    """The reason of a difference that is meant; empty for one that is not."""
    found = (one for one in KNOWN if re.search(one.place, difference.place) and re.search(one.what, difference.what))
    return next((one.why for one in found), "")
