"""Notices: what happened to the reader, told in sentences; likes of one post on one day become one.

In: app.bsky.notification.listNotifications and the posts that were liked. Out: rows for the template.
"""

from collections.abc import Iterable, Mapping

from freehold.web.backend import Json
from freehold.web.drawn import Notice
from freehold.web.present import Presenter, post_url
from freehold.web.untrusted import clean, moment

FACES = 4
_LOOKS = {
    "like": ("heart", "is-heart"),
    "repost": ("echo", ""),
    "follow": ("people", "is-accent"),
    "reply": ("reply", "is-accent"),
    "quote": ("quote", ""),
    "mention": ("person", "is-accent"),
    "verified": ("check", "is-accent"),
    "unverified": ("cross", ""),
}
_SAME_AS = {"like-via-repost": "like", "repost-via-repost": "repost"}
_TOGETHER = {"like", "repost", "follow"}
_SAID = {"reply", "quote", "mention"}
_OF_NO_POST = {"follow", "verified", "unverified"}


def subjects(answer: Json) -> list[str]:
    """The posts that the notices are about, to be loaded for their words."""
    uris = [_about(one) for one in answer["notifications"] if _kind(one) in ("like", "repost")]
    return list(dict.fromkeys(str(uri) for uri in uris if uri and "/app.bsky.feed.post/" in str(uri)))[:25]


def rows(show: Presenter, answer: Json, posts: Mapping[str, Json]) -> list[Notice]:
    """Rows in the order of the answer, newest first, but of what holds a muted word. `posts`: post views by uri."""
    found: list[Notice] = []
    together: dict[tuple[str, str, str, bool], Notice] = {}
    for one in answer["notifications"]:
        kind = _kind(one)
        if kind not in _LOOKS:
            continue
        if kind in _SAID and show.unwanted(one, show.person(one["author"])):
            continue
        row = _row(show, one, kind, posts)
        key = (kind, str(_about(one)) if kind != "follow" else "", row.day, row.new)
        earlier = together.get(key) if kind in _TOGETHER else None
        if earlier is None:
            found.append(row)
            together[key] = row
        elif all(person.did != row.people[0].did for person in earlier.people):
            earlier.people += row.people
    for row in found:
        row.more = max(0, len(row.people) - 3) if len(row.people) > FACES else 0
    return found


def by_day(found: Iterable[Notice]) -> list[tuple[str, list[Notice]]]:
    """Rows under the headings of their days."""
    days: dict[str, list[Notice]] = {}
    for row in found:
        days.setdefault(row.day, []).append(row)
    return list(days.items())


def _kind(one: Json) -> str:
    reason = str(one.get("reason"))
    return _SAME_AS.get(reason, reason)


def _about(one: Json) -> object:
    """The URI of what was liked or reposted: by way of the reader's repost, too, the post itself."""
    if one.get("reason") not in _SAME_AS:
        return one.get("reasonSubject")
    subject = (one["record"] if isinstance(one.get("record"), dict) else {}).get("subject")
    return subject.get("uri") if isinstance(subject, dict) else None


def _row(show: Presenter, one: Json, kind: str, posts: Mapping[str, Json]) -> Notice:
    by = show.person(one["author"])
    icon, tone = _LOOKS[kind]
    when = moment(one.get("indexedAt"))
    said, url = "", by.url
    if kind in ("like", "repost"):
        view = posts.get(str(_about(one)))
        if view is not None:
            said = clean(view["record"].get("text"))
            url = post_url(show.person(view["author"]), str(view["uri"]))
    elif kind not in _OF_NO_POST:
        record = one["record"] if isinstance(one.get("record"), dict) else {}
        said, url = clean(record.get("text")), post_url(by, str(one["uri"]))
    return Notice(
        icon=icon,
        tone=tone,
        kind=kind,
        people=[by],
        more=0,
        said=said if len(said) <= 200 else said[:199].rstrip() + "…",
        url=url,
        of_post=url != by.url,
        iso=when.strftime("%Y-%m-%dT%H:%M:%SZ"),
        when=show.speech.ago(when, show.now),
        day=show.speech.day(when, show.now),
        new=not one.get("isRead"),
    )
