"""What scopes may look like, and what they allow."""

from pathlib import Path

import pytest

from freehold.pds.oauth.errors import InvalidScope
from freehold.pds.oauth.scopes import read_permission, read_scopes


def lines(file: Path) -> list[str]:
    return [line for line in file.read_text().splitlines() if line and not line.startswith("#")]


def test_permissions_of_the_official_list_are_taken(vectors: Path) -> None:
    for text in lines(vectors / "oauth-scopes" / "permission_scopes_valid.txt"):
        assert read_permission(text).values


def test_misspelt_permissions_of_the_official_list_are_refused(vectors: Path) -> None:
    for text in lines(vectors / "oauth-scopes" / "permission_scopes_invalid.txt"):
        with pytest.raises(InvalidScope):
            read_permission(text)


@pytest.mark.parametrize(
    "text", ["", "transition:generic", "atproto  repo:*", "atproto repo", "atproto unknown:thing", 'atproto "']
)
def test_a_scope_needs_atproto_and_nothing_unknown(text: str) -> None:
    with pytest.raises(InvalidScope):
        read_scopes(text)


@pytest.mark.parametrize("text", ["repo:a.b.c?collection=d.e.f", "rpc:a.b.c?aud=*&aud=*", "identity:*?attr=handle"])
def test_a_positional_value_is_not_given_again(text: str) -> None:
    with pytest.raises(InvalidScope):
        read_permission(text)


def test_records_are_allowed_by_collection_and_action() -> None:
    scopes = read_scopes("atproto repo:app.example.one repo:*?action=delete")
    assert scopes.allows_repo("create", "app.example.one")
    assert scopes.allows_repo("delete", "app.example.two")
    assert not scopes.allows_repo("update", "app.example.two")
    assert not read_scopes("atproto").allows_repo("create", "app.example.one")


def test_methods_are_allowed_by_name_and_service() -> None:
    one = "did:web:api.example.com#view"
    scopes = read_scopes(f"atproto rpc:app.example.get?aud=* rpc?lxm=*&aud={one}")
    assert scopes.allows_rpc("app.example.get", "did:web:other.example#view")
    assert scopes.allows_rpc("app.example.put", one)
    assert not scopes.allows_rpc("app.example.put", "did:web:other.example#view")


def test_the_transitional_scopes_keep_messages_and_address_apart() -> None:
    generic = read_scopes("atproto transition:generic")
    assert generic.allows_repo("create", "app.bsky.feed.post")
    assert generic.allows_blob("image/png")
    assert generic.allows_rpc("app.bsky.feed.getTimeline", "did:web:any.example#view")
    assert not generic.allows_rpc("chat.bsky.convo.listConvos", "did:web:any.example#chat")
    assert not generic.allows_account("email")
    assert not generic.allows_identity("handle")
    assert read_scopes("atproto transition:chat.bsky").allows_rpc("chat.bsky.convo.listConvos", "did:web:a.example#c")
    assert read_scopes("atproto transition:email").allows_account("email")


def test_files_are_allowed_by_type() -> None:
    scopes = read_scopes("atproto blob:image/*")
    assert scopes.allows_blob("image/PNG")
    assert not scopes.allows_blob("imagery/png")
    assert not scopes.allows_blob("video/mp4")


def test_managing_includes_reading_and_not_the_other_way() -> None:
    assert read_scopes("atproto account:email?action=manage").allows_account("email")
    assert not read_scopes("atproto account:email").allows_account("email", "manage")
    assert read_scopes("atproto identity:*").allows_identity("handle")
    assert not read_scopes("atproto identity:handle").allows_identity("*")
