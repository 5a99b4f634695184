"""Lexicon documents from the installed package and from an owner's folder."""

import json

import pytest

from freehold.protocol.lexicon import BadLexicon, Catalog
from freehold.store.lexicons import MAX_FILE_BYTES, documents_in, official_documents


def test_the_official_lexicons_are_there_and_whole():
    catalog = Catalog(official_documents())
    assert catalog.compile() == frozenset()
    assert catalog.kind("com.atproto.repo.createRecord") == "procedure"
    assert catalog.kind("app.bsky.feed.getTimeline") == "query"
    assert catalog.kind("com.atproto.sync.subscribeRepos") == "subscription"
    assert catalog.record_key_type("app.bsky.actor.profile") == "literal:self"
    namespaces = {".".join(nsid.split(".")[:2]) for nsid in catalog.nsids()}
    assert namespaces == {"com.atproto", "app.bsky", "chat.bsky", "tools.ozone"}


def test_a_real_post_is_valid_and_a_wrong_one_is_not():
    check = Catalog(official_documents()).record("app.bsky.feed.post")
    post = {"$type": "app.bsky.feed.post", "text": "Bread at six.", "createdAt": "2026-11-21T20:02:11.123Z"}
    facet = {
        "index": {"byteStart": 0, "byteEnd": 5},
        "features": [{"$type": "app.bsky.richtext.facet#tag", "tag": "bread"}, {"$type": "org.example.new", "x": 1}],
    }
    check(post | {"facets": [facet], "langs": ["en"]})
    with pytest.raises(Exception, match=r"record\.facets\[0\]\.index\.byteStart must be an integer"):
        check(post | {"facets": [facet | {"index": {"byteStart": True, "byteEnd": 5}}]})


def test_own_lexicons_are_read_from_a_folder_at_any_depth(tmp_path):
    (tmp_path / "org/example").mkdir(parents=True)
    document = {"lexicon": 1, "id": "org.example.thing", "defs": {"main": {"type": "token"}}}
    (tmp_path / "org/example/thing.json").write_text(json.dumps(document))
    (tmp_path / "notes.txt").write_text("not a lexicon")
    assert list(documents_in(tmp_path)) == [document]


@pytest.mark.parametrize(
    "data", [b"", b"[]", b"{", b'"x"', b'{"a":' * 5000, b'{"a": "\xff"}', b" " * (MAX_FILE_BYTES + 1)]
)
def test_a_file_that_is_no_document_is_refused_by_its_name(tmp_path, data):
    (tmp_path / "bad.json").write_bytes(data)
    with pytest.raises(BadLexicon, match=r"bad\.json"):
        list(documents_in(tmp_path))


def test_a_link_out_of_the_folder_is_refused(tmp_path):
    outside = tmp_path / "outside.json"
    outside.write_text("{}")
    inside = tmp_path / "lexicons"
    inside.mkdir()
    (inside / "link.json").symlink_to(outside)
    with pytest.raises(BadLexicon, match="leads out"):
        list(documents_in(inside))
