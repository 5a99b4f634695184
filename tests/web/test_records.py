"""What the pages write is valid by the official lexicons, and so is what the tests' village answers."""

import pytest

from freehold.protocol.lexicon import Catalog
from freehold.store.lexicons import official_documents
from freehold.web.backend import DraftPicture, LinkCard, NewPost, ProfileEdit, Ref
from freehold.web.records import post_record, profile_record
from support.village import NOW, Village, iso

CID = "bafkreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku"
REF = Ref("at://did:plc:z72i7hdynmk6r22z27h6tvur/app.bsky.feed.post/3k43tv4rft22g", CID)
PICTURE = DraftPicture(CID, "image/png", 70, 4, 3)
LINK = {
    "index": {"byteStart": 0, "byteEnd": 2},
    "features": [{"$type": "app.bsky.richtext.facet#link", "uri": "https://a.example"}],
}


@pytest.fixture(scope="module")
def lexicons() -> Catalog:
    return Catalog(official_documents())


def valid(lexicons: Catalog, collection: str, record: dict[str, object]) -> None:
    check = lexicons.record(collection)
    assert check is not None
    check(record)


@pytest.mark.parametrize(
    "post",
    [
        NewPost("plain"),
        NewPost("ok", facets=[LINK], langs=["fr"]),
        NewPost("reply", reply_root=REF, reply_parent=REF),
        NewPost("", pictures=[(PICTURE, "A dot")], labels=["nudity"]),
        NewPost("", quote=REF),
        NewPost("both", quote=REF, pictures=[(PICTURE, "")]),
        NewPost("card", card=LinkCard("https://a.example", "T", "", PICTURE)),
        NewPost("both", quote=REF, card=LinkCard("https://a.example", "T", "")),
    ],
)
def test_posts_are_valid_by_the_lexicon(lexicons: Catalog, post: NewPost) -> None:
    valid(lexicons, "app.bsky.feed.post", post_record(post, iso(NOW)))


def test_profiles_are_valid_by_the_lexicon(lexicons: Catalog) -> None:
    valid(lexicons, "app.bsky.actor.profile", profile_record(None, ProfileEdit("N", "D", PICTURE, organisation=True)))


def test_editing_a_profile_leaves_the_rest_alone() -> None:
    now = {
        "$type": "app.bsky.actor.profile",
        "displayName": "Old",
        "pinnedPost": {"uri": "at://x", "cid": "y"},
        "banner": 1,
    }
    then = profile_record(now, ProfileEdit("New", ""))
    assert (then["displayName"], then["pinnedPost"], then["banner"]) == ("New", now["pinnedPost"], 1)


def test_an_organisation_says_so_beside_its_other_labels() -> None:
    labels = {"$type": "com.atproto.label.defs#selfLabels", "values": [{"val": "!no-unauthenticated"}]}
    then = profile_record({"labels": labels}, ProfileEdit("Choir", "", organisation=True))
    assert [label["val"] for label in then["labels"]["values"]] == ["!no-unauthenticated", "organisation"]
    again = profile_record(then, ProfileEdit("Choir", ""))
    assert again["labels"] == labels
    assert "labels" not in profile_record(
        profile_record({}, ProfileEdit("A", "", organisation=True)), ProfileEdit("A", "")
    )


async def test_the_village_answers_by_the_lexicons(lexicons: Catalog, village: Village) -> None:
    ref = village.post(village.amina, "Frost", 3)
    above = {"uri": ref.uri, "cid": ref.cid}
    village.put(village.oskar, post_record(NewPost("Cold", quote=ref, pictures=[(PICTURE, "x")]), iso(NOW)), NOW)
    village.post(village.oskar, "Reply", 1, reply={"root": above, "parent": above})
    village.edge("like", village.mei, ref.uri)
    village.edge("repost", village.amina, ref.uri)
    mei, page = village.mei, {"limit": 9, "cursor": None}
    answers = {
        "app.bsky.feed.getTimeline": await village.get_timeline(mei, **page),
        "app.bsky.feed.getPosts": await village.get_posts(mei, uris=[ref.uri]),
        "app.bsky.feed.getLikes": await village.get_likes(mei, uri=ref.uri, **page),
        "app.bsky.feed.getRepostedBy": await village.get_reposted_by(mei, uri=ref.uri, **page),
        "app.bsky.actor.getProfile": await village.get_profile(mei, actor=village.amina),
        "app.bsky.actor.searchActors": await village.search_actors(mei, q="o", **page),
        "app.bsky.graph.getFollowers": await village.get_followers(mei, actor=village.amina, **page),
        "app.bsky.notification.listNotifications": await village.list_notifications(
            village.amina, reasons=None, **page
        ),
    }
    for nsid, answer in answers.items():
        body = lexicons.output(nsid)
        assert body is not None
        assert body.check is not None
        body.check(answer)
