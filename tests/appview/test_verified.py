"""Who is shown as verified: by whom the network trusts with that, while handle and name are as they were confirmed."""

from typing import Any

import pytest

from freehold.appview.labelled import Labelers, Said
from freehold.protocol.syntax import format_datetime
from support.parish import Parish, Person, Ref

VERIFICATION = "app.bsky.graph.verification"


@pytest.fixture
def circle(parish: Parish) -> list[Person]:
    people = [parish.join(name) for name in ("vera", "bob", "carol")]
    people[1].profile(displayName="Bob")
    parish.tell_private("verifier", people[0].did, {"on": True})
    return people


def verify(by: Person, whom: Person, name: str = "Bob", handle: str | None = None) -> Ref:
    record = {"subject": whom.did, "handle": handle or whom.handle, "displayName": name}
    return by.write(VERIFICATION, {**record, "createdAt": format_datetime(by.parish.now)})


def said(parish: Parish, whom: Person, reader: Person | None = None) -> Any:
    view = parish.ask("actor.getProfile", reader, actor=whom.did)
    (same,) = parish.ask("actor.getProfiles", reader, actors=[whom.did])["profiles"]
    assert same.get("verification") == view.get("verification")
    return view.get("verification")


def status(parish: Parish, whom: Person) -> tuple[str, str] | None:
    found = said(parish, whom)
    return None if found is None else (found["verifiedStatus"], found["trustedVerifierStatus"])


def test_a_trusted_verifiers_record_is_shown_and_told(parish: Parish, circle: list[Person]):
    vera, bob, carol = circle
    assert said(parish, bob) is None
    ref = verify(vera, bob)
    (view,) = said(parish, bob, carol)["verifications"]
    assert (view["issuer"], view["issuerHandle"], view["uri"], view["isValid"]) == (
        vera.did,
        vera.handle,
        ref.uri,
        True,
    )
    assert status(parish, bob) == ("valid", "none")
    assert status(parish, vera) == ("none", "valid")
    post = bob.post("it is me")
    (shown,) = parish.ask("feed.getPosts", None, uris=[post.uri])["posts"]
    assert shown["author"]["verification"]["verifiedStatus"] == "valid"
    (note,) = parish.ask("notification.listNotifications", bob)["notifications"]
    assert (note["reason"], note["author"]["did"], note["uri"]) == ("verified", vera.did, ref.uri)
    vera.delete(ref)
    assert said(parish, bob) is None
    (note,) = parish.ask("notification.listNotifications", bob)["notifications"]
    assert (note["reason"], note["author"]["did"], note["uri"]) == ("unverified", vera.did, ref.uri)
    assert note["record"] == {"$type": "app.bsky.notification.defs#recordDeleted"}
    assert note["indexedAt"] == format_datetime(parish.now)
    parish.tell_private("verifier", vera.did, {"on": False})
    assert parish.ask("notification.listNotifications", bob)["notifications"] == []


def test_a_record_that_turns_to_somebody_else_ends_what_it_said_before(parish: Parish, circle: list[Person]):
    vera, bob, carol = circle
    ref = verify(vera, bob)
    record = {"subject": carol.did, "handle": carol.handle, "displayName": "Carol"}
    vera.write(VERIFICATION, {**record, "createdAt": format_datetime(parish.now)}, ref.rkey)
    reasons = {name: [note["reason"] for note in parish.ask("notification.listNotifications", one)["notifications"]]
               for name, one in (("bob", bob), ("carol", carol))}  # fmt: skip
    assert reasons == {"bob": ["unverified"], "carol": ["verified"]}
    vera.write(VERIFICATION, {**record, "subject": bob.did, "createdAt": format_datetime(parish.now)}, ref.rkey)
    (note,) = parish.ask("notification.listNotifications", bob)["notifications"]
    assert note["reason"] == "verified"


def test_it_holds_while_handle_and_name_stay_as_they_were(parish: Parish, circle: list[Person]):
    vera, bob, _ = circle
    verify(vera, bob)
    bob.profile(displayName="Somebody Else")
    assert status(parish, bob) == ("invalid", "none")
    bob.profile(displayName="Bob")
    assert status(parish, bob) == ("valid", "none")
    bob.rename("robert.test")
    assert status(parish, bob) == ("invalid", "none")
    verify(vera, bob)
    assert status(parish, bob) == ("valid", "none")
    assert [one["isValid"] for one in said(parish, bob)["verifications"]] == [False, True]


def test_what_anybody_else_confirms_does_not_count(parish: Parish, circle: list[Person]):
    _, bob, carol = circle
    verify(carol, bob)
    verify(bob, bob)
    assert said(parish, bob) is None
    assert parish.ask("notification.listNotifications", bob)["notifications"] == []
    parish.tell_private("verifier", carol.did, {"on": True})
    assert status(parish, bob) == ("valid", "none")
    assert [note["reason"] for note in parish.ask("notification.listNotifications", bob)["notifications"]] == [
        "verified"
    ]
    parish.tell_private("verifier", carol.did, {"on": False})
    assert said(parish, bob) is None
    assert said(parish, carol) is None


def test_a_verifier_who_left_vouches_for_nobody_and_a_new_handle_is_named(parish: Parish, circle: list[Person]):
    vera, bob, _ = circle
    verify(vera, bob)
    vera.rename("registry.test")
    assert said(parish, bob)["verifications"][0]["issuerHandle"] == "registry.test"
    vera.become("deactivated")
    assert said(parish, bob) is None
    vera.become(None)
    assert status(parish, bob) == ("valid", "none")
    parish.index.rebuild()
    assert status(parish, bob) == ("valid", "none")
    vera.become("deleted")
    assert said(parish, bob) is None


def test_nobody_called_an_impersonator_is_verified(parish: Parish, circle: list[Person]):
    vera, bob, _ = circle
    verify(vera, bob)
    src = "did:plc:labeler2222222222222222"
    view = {"src": src, "uri": bob.did, "val": "impersonation", "cts": format_datetime(parish.now)}
    parish.index.memory.labels_of = lambda tx, subjects: {bob.did: [Said(src, view, None, None)]}
    parish.views.labelers = Labelers(heard=frozenset({src}))
    parish.tell_private("label", src, {"uri": bob.did})
    assert status(parish, bob) == ("invalid", "none")
