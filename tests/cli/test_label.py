"""`freehold label`: put, taken back, running out; on a network that runs and on one that does not."""

from pathlib import Path

import httpx

from support.command import freehold, serving

QUERY = "com.atproto.label.queryLabels"


def label(network: Path, *words: object) -> str:
    done = freehold("label", network, *words)
    assert (done.code, done.err) == (0, "")
    return done.out


def held(url: str) -> list[tuple[str, str]]:
    found = httpx.get(f"{url}/xrpc/{QUERY}", params={"uriPatterns": "*"}).json()["labels"]
    return [(one["uri"], one["val"]) for one in found]


def test_labels_are_put_and_taken_back(network: Path) -> None:
    [(handle, did), *_] = people(network)
    post = f"at://{did}/app.bsky.feed.post/3kabcdefghijk"
    assert label(network, handle, "spam") == f"{did} is labelled spam.\n"
    with serving(network) as running:
        url = running.urls[0]
        label(network, f"at://{handle}/app.bsky.feed.post/3kabcdefghijk", "rude", "--until", "2099-12-31")
        assert held(url) == [(did, "spam"), (post, "rude")]
        assert label(network, did, "spam", "--undo") == f"{did} is no longer labelled spam.\n"
        assert held(url) == [(post, "rude")]


def test_what_is_no_label_is_said_in_a_sentence(network: Path) -> None:
    for words in (
        ("nobody-here", "spam"),
        ("at://x y", "spam"),
        ("did:plc:ewvi7nxzyoun6zhxrhs64oiz", "Not A Value"),
        ("did:plc:ewvi7nxzyoun6zhxrhs64oiz", "spam", "--undo"),
        ("did:plc:ewvi7nxzyoun6zhxrhs64oiz", "spam", "--until", "soon"),
        ("did:plc:ewvi7nxzyoun6zhxrhs64oiz", "spam", "--until", "2020-01-01"),
    ):
        done = freehold("label", network, *words)
        assert (done.code, done.out) == (1, "")
        assert done.err.startswith("freehold: ")


def people(network: Path) -> list[tuple[str, str]]:
    """Handle and DID of everybody."""
    lines = freehold("account", network, "list").out.splitlines()
    return [(line.split()[0], line.split()[-1]) for line in lines]
