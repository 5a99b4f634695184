"""Random networks: people who write, delete, edit, block, mute and leave, in any order, and refer to what is not there.

A world is a list of deeds, each a kind and a few small numbers, so that hypothesis can shrink it. The numbers choose
among what there is at that moment; a deed for which nothing is there does nothing.
"""

from collections.abc import Callable
from typing import NamedTuple

from hypothesis import strategies as st

from freehold.appview.labelled import Labelers, Said
from freehold.protocol.cid import Cid
from freehold.protocol.syntax import format_datetime
from freehold.protocol.tid import TidClock
from freehold.store.tx import Tx
from support.parish import LIKE, POST, PROFILE, REPOST, SECOND, START, Parish, Person, Ref
from support.reference.truth import POSTGATE, THREADGATE, Json

LABELER = "did:plc:labeler2222222222222222"
GHOST = "did:plc:nobody22222222222222222"
WORDS = ("bread", "salt", "wine", "stone")
PEOPLE = ("ana", "ben", "cleo", "dov", "eva")
_DAY = 86_400 * SECOND
_CID = str(Cid.of_cbor(b"\xa0"))


class Deed(NamedTuple):
    """who and the other numbers choose among what there is."""

    kind: str
    who: int
    what: int
    how: int


class World:
    """A parish to which deeds are done. refs: posts ever named, there or not."""

    def __init__(self, parish: Parish) -> None:
        self.parish = parish
        self.labels: dict[str, set[str]] = {}
        for name in PEOPLE:
            parish.join(name)
        keys = TidClock(31)
        promised = [Ref(f"at://{did}/{POST}/{keys.next(START)}", _CID) for did in parish.people]
        self.refs: list[Ref] = [Ref(f"at://{GHOST}/{POST}/3lpzq2a5xvc2x", _CID), *promised]
        self._promised = promised
        self.lists: list[Ref] = []
        self.written: list[tuple[Person, Ref]] = []
        self._texts = 0
        self.attend()

    def attend(self) -> None:
        """Have the index and the views as they are now hear the labeler."""
        self.parish.index.memory.labels_of = self._said
        own = frozenset({LABELER})
        self.parish.views.labelers = Labelers(heard=own, redacting=own)

    def _said(self, tx: Tx, subjects: "list[str]") -> dict[str, list[Said]]:
        return {subject: [_said(subject, val) for val in sorted(self.labels.get(subject, ()))] for subject in subjects}

    def do(self, deed: Deed) -> None:
        """Do a deed, by whoever can write now."""
        active = [person for person in self.parish.people.values() if person.status is None]
        if active:
            person = active[deed.who % len(active)]
            _DEEDS[deed.kind](self, person, deed.what, deed.how)

    def person(self, number: int) -> Person:
        """Anybody, whether they can write or not."""
        people = list(self.parish.people.values())
        return people[number % len(people)]

    def ref(self, number: int) -> Ref:
        """A post that somebody named, there or not; the newest first."""
        return self.refs[-1 - number % len(self.refs)]

    def wrote(self, person: Person, ref: Ref) -> Ref:
        """Remember a record that somebody can delete."""
        self.written.append((person, ref))
        return ref

    def at(self, how: int) -> str:
        """Now, or a time of its own some weeks ago."""
        self._texts += 1
        now = self.parish.now + SECOND
        return format_datetime(START - (how % 40) * _DAY - self._texts * SECOND if how % 5 == 4 else now)

    def text(self, how: int) -> str:
        """Words to find, and no two alike."""
        return f"{WORDS[how % len(WORDS)]} {WORDS[how // 7 % len(WORDS)]} {self._texts}"

    def root_of(self, ref: Ref) -> Ref:
        """The root of the thread in which a post stands, if it is there."""
        person = self.parish.people.get(ref.uri.split("/")[2])
        record = person.read(ref.uri.split("/", 3)[3]) if person is not None else None
        named = (record or {}).get("reply", {}).get("root")
        return Ref(named["uri"], named["cid"]) if named else ref


def _said(subject: str, val: str) -> Said:
    view = {"ver": 1, "src": LABELER, "uri": subject, "val": val, "cts": format_datetime(START)}
    return Said(LABELER, view, None, None)


def _post(world: World, person: Person, what: int, how: int, more: Json | None = None) -> None:
    record: Json = {"createdAt": world.at(how), "text": world.text(how), **(more or {})}
    if how % 6 == 5:
        record["labels"] = {"$type": "com.atproto.label.defs#selfLabels", "values": [{"val": "nudity"}]}
    if how % 3 == 1:
        feature = {"$type": "app.bsky.richtext.facet#mention", "did": world.person(what).did}
        record["facets"] = [{"index": {"byteStart": 0, "byteEnd": 1}, "features": [feature]}]
    world.refs.append(world.wrote(person, person.write(POST, record)))


def _reply(world: World, person: Person, what: int, how: int) -> None:
    parent = world.ref(what)
    root = world.ref(how) if how % 11 == 10 else world.root_of(parent)
    _post(world, person, what, how, {"reply": {"root": root.strong, "parent": parent.strong}})


def _quote(world: World, person: Person, what: int, how: int) -> None:
    shown = {"$type": "app.bsky.embed.record", "record": world.ref(what).strong}
    if how % 2:
        shown = {"$type": "app.bsky.embed.recordWithMedia", "record": shown, "media": _PICTURES}
    _post(world, person, what, how, {"embed": shown})


_BLOB = {"$type": "blob", "ref": {"$link": str(Cid.of_raw(b"x"))}, "mimeType": "image/png", "size": 1}
_PICTURES: Json = {"$type": "app.bsky.embed.images", "images": [{"image": _BLOB, "alt": ""}]}


def _promised(world: World, person: Person, what: int, how: int) -> None:
    """Write a post that others may have named before it was there, or edit it."""
    ref = next(ref for ref in world._promised if ref.uri.split("/")[2] == person.did)
    record = {"createdAt": world.at(how), "text": world.text(how)}
    world.wrote(person, person.write(POST, record, ref.rkey))


def _edit(world: World, person: Person, what: int, how: int) -> None:
    mine = [ref for who, ref in world.written if who is person and f"/{POST}/" in ref.uri]
    if mine:
        person.write(POST, {"createdAt": world.at(how), "text": world.text(how)}, mine[what % len(mine)].rkey)


def _subject(collection: str) -> "_Doing":
    def write(world: World, person: Person, what: int, how: int) -> None:
        record: Json = {"subject": world.ref(what).strong, "createdAt": world.at(how)}
        reposts = [(who, ref) for who, ref in world.written if f"/{REPOST}/" in ref.uri]
        if how % 3 == 2 and reposts:
            who, via = reposts[what % len(reposts)]
            record["via"] = via.strong
            reposted = who.read(via.uri.split("/", 3)[3])
            if how % 4 and reposted is not None:
                record["subject"] = reposted["subject"]
        world.wrote(person, person.write(collection, record))

    return write


def _of_person(collection: str) -> "_Doing":
    def write(world: World, person: Person, what: int, how: int) -> None:
        subject = GHOST if how % 17 == 16 else world.person(what).did
        record = {"subject": subject, "createdAt": world.at(how)}
        world.wrote(person, person.write(f"app.bsky.graph.{collection}", record))

    return write


def _list(world: World, person: Person, what: int, how: int) -> None:
    purpose = "curatelist" if how % 3 == 0 else "modlist"
    ref = world.wrote(person, person.make_list("a list", purpose))
    world.lists.append(ref)
    for number in (what, what + 2):
        world.wrote(person, person.put_on(ref, world.person(number)))


def _listed(world: World, person: Person, what: int, how: int) -> None:
    mine = [ref for ref in world.lists if person.did in ref.uri]
    if mine:
        world.wrote(person, person.put_on(mine[how % len(mine)], world.person(what)))


def _block_list(world: World, person: Person, what: int, how: int) -> None:
    if world.lists:
        world.wrote(person, person.block_list(world.lists[what % len(world.lists)]))


def _mute(world: World, person: Person, what: int, how: int) -> None:
    subjects: list[Person | Ref] = [world.person(what), world.root_of(world.ref(what))]
    subjects += [world.lists[what % len(world.lists)]] if world.lists else []
    person.mute(subjects[how % len(subjects)], on=how % 8 != 7)


def _partly_mute(world: World, person: Person, what: int, how: int) -> None:
    value = (bool(how & 1), bool(how & 2), world.parish.now) if how & 3 else None
    person.keep(3, world.person(what).did, value)


def _threadgate(world: World, person: Person, what: int, how: int) -> None:
    mine = [ref for who, ref in world.written if who is person and f"/{POST}/" in ref.uri]
    if not mine:
        return
    ref, record = mine[what % len(mine)], {"createdAt": world.at(0)}
    rules: list[Json] = [{"$type": f"{THREADGATE}#{name}Rule"} for name in ("mention", "following", "follower")]
    rules += (
        [{"$type": f"{THREADGATE}#listRule", "list": world.lists[how % len(world.lists)].uri}] if world.lists else []
    )
    allow = {} if how % 4 == 0 else {"allow": rules[how % 5 :][: how % 3]}
    hidden = {"hiddenReplies": [world.ref(how).uri, world.ref(how + 1).uri]} if how % 2 else {}
    world.wrote(person, person.write(THREADGATE, {"post": ref.uri, **record, **allow, **hidden}, ref.rkey))


def _postgate(world: World, person: Person, what: int, how: int) -> None:
    mine = [ref for who, ref in world.written if who is person and f"/{POST}/" in ref.uri]
    if not mine:
        return
    ref = mine[what % len(mine)]
    rules = {"embeddingRules": [{"$type": f"{POSTGATE}#disableRule"}]} if how % 2 else {}
    detached = {"detachedEmbeddingUris": [world.ref(how).uri]} if how % 3 else {}
    world.wrote(
        person, person.write(POSTGATE, {"post": ref.uri, "createdAt": world.at(0), **rules, **detached}, ref.rkey)
    )


def _profile(world: World, person: Person, what: int, how: int) -> None:
    fields: Json = {"displayName": WORDS[how % len(WORDS)]}
    if how % 4 == 3:
        values = [{"val": "!no-unauthenticated"}]
        fields["labels"] = {"$type": "com.atproto.label.defs#selfLabels", "values": values}
    if how % 3 == 2:
        fields["pinnedPost"] = world.ref(what).strong
    world.wrote(person, person.profile(**fields))


def _delete(world: World, person: Person, what: int, how: int) -> None:
    there = [ref for who, ref in world.written if who is person and ref.uri.split("/", 3)[3] in person.records]
    if there:
        person.delete(there[-1 - what % len(there)])


def _label(world: World, person: Person, what: int, how: int) -> None:
    whom = world.person(what).did
    subject = (whom, f"at://{whom}/{PROFILE}/self", world.ref(what).uri, world.ref(what).uri)[how % 4]
    said = world.labels.setdefault(subject, set())
    said ^= {"!takedown" if how % 3 == 2 else "spam"}
    world.parish.tell_private("label", LABELER, {"uri": subject})


def _take_down(world: World, person: Person, what: int, how: int) -> None:
    there = [(who, ref) for who, ref in world.written if ref.uri.split("/", 3)[3] in who.records]
    if there:
        who, ref = there[-1 - what % len(there)]
        who.take_down(ref, on=how % 3 != 2)


def _leave(world: World, person: Person, what: int, how: int) -> None:
    """Change how an account stands; the last two stay, so that there is somebody to read."""
    whom = world.person(what)
    standing = ("deactivated", "takendown", "suspended", None, None, None, None, "deleted")[how % 8]
    if whom.status != "deleted" and (standing is None or whom.name not in PEOPLE[-2:]):
        whom.become(standing)


def _rename(world: World, person: Person, what: int, how: int) -> None:
    world._texts += 1
    person.rename(f"{person.name}{world._texts}.test")


def _save(world: World, person: Person, what: int, how: int) -> None:
    person.save(world.ref(what), on=how % 4 != 3)


def _subscribe(world: World, person: Person, what: int, how: int) -> None:
    person.subscribe(world.person(what), posts=bool(how & 1), replies=bool(how & 2))


_Doing = Callable[[World, Person, int, int], None]
_DEEDS: dict[str, _Doing] = {
    "post": _post,
    "reply": _reply,
    "quote": _quote,
    "picture": lambda world, person, what, how: _post(world, person, what, how, {"embed": _PICTURES}),
    "promised": _promised,
    "edit": _edit,
    "like": _subject(LIKE),
    "repost": _subject(REPOST),
    "follow": _of_person("follow"),
    "block": _of_person("block"),
    "list": _list,
    "listed": _listed,
    "block list": _block_list,
    "mute": _mute,
    "partly mute": _partly_mute,
    "threadgate": _threadgate,
    "postgate": _postgate,
    "profile": _profile,
    "delete": _delete,
    "label": _label,
    "take down": _take_down,
    "leave": _leave,
    "rename": _rename,
    "save": _save,
    "subscribe": _subscribe,
}
_OFTEN = ("post", "reply", "reply", "reply", "quote", "like", "repost", "follow", "follow", "follow")


def deeds(least: int, most: int) -> st.SearchStrategy[list[Deed]]:
    """Lists of deeds of all kinds, talk and follows more often than the rest."""
    number = st.integers(0, 47)
    deed = st.builds(Deed, st.sampled_from([*_DEEDS, *_OFTEN]), number, number, number)
    return st.lists(deed, min_size=least, max_size=most)
