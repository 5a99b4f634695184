"""`freehold doctor` finds what is damaged and says what to do; `freehold rebuild` makes the index anew."""

from pathlib import Path

import pytest

from support.command import freehold, serving, tampering

MEMBER = "SELECT id FROM account WHERE handle = 'amina.test'"
WHOLE = "All repositories, blobs and databases are whole.\n"


def flipped(data: bytes, at: int = -1) -> bytes:
    changed = bytearray(data)
    changed[at] ^= 1
    return bytes(changed)


def corrupt_a_record(network: Path) -> None:
    with tampering(network / "truth.db") as truth:
        where = f"repo = ({MEMBER}) AND path LIKE 'app.bsky.feed.post/%'"
        path, data = truth.execute(f"SELECT path, bytes FROM repo_record WHERE {where}").fetchone()
        truth.execute(f"UPDATE repo_record SET bytes = ? WHERE {where} AND path = ?", (flipped(data), path))


def lose_a_record(network: Path) -> None:
    with tampering(network / "truth.db") as truth:
        truth.execute(f"DELETE FROM repo_record WHERE repo = ({MEMBER}) AND path LIKE 'app.bsky.feed.post/%'")


def lose_a_node(network: Path) -> None:
    with tampering(network / "truth.db") as truth:
        root = truth.execute(f"SELECT root FROM repo_head WHERE repo = ({MEMBER})").get
        truth.execute(f"DELETE FROM repo_node WHERE repo = ({MEMBER}) AND cid = ?", (root,))


def break_the_signature(network: Path) -> None:
    with tampering(network / "truth.db") as truth:
        block = truth.execute(f"SELECT block FROM repo_head WHERE repo = ({MEMBER})").get
        at = block.index(b"csig") + 10
        truth.execute(f"UPDATE repo_head SET block = ? WHERE repo = ({MEMBER})", (flipped(block, at),))


@pytest.mark.parametrize(
    ("harm", "say"),
    [
        (corrupt_a_record, "is not what its hash says"),
        (lose_a_record, "tree and records differ, first at app.bsky.feed.post/"),
        (lose_a_node, "A block of the repository is missing"),
        (break_the_signature, "signature"),
    ],
    ids=lambda value: value.__name__ if callable(value) else "",
)
def test_a_damaged_repository_is_named_with_what_to_do(network: Path, harm, say: str) -> None:
    harm(network)
    done = freehold("doctor", network)
    assert done.code == 1
    found, todo = done.out.splitlines()[:2]
    assert found.startswith("✗ amina.test: The repository is damaged: ")
    assert say in found
    assert "freehold import DIRECTORY amina.test FILE" in todo
    assert done.out.count("✗") == 1
    assert "Damage was found." in done.out
    assert done.err == ""


def test_a_blob_with_one_wrong_bit_and_one_that_is_gone_are_named(network: Path) -> None:
    wrong, gone = sorted(path for path in (network / "blobs").rglob("b*") if path.is_file())[:2]
    wrong.chmod(0o600)
    wrong.write_bytes(flipped(wrong.read_bytes(), 100))
    gone.unlink()
    done = freehold("doctor", network)
    assert done.code == 1
    assert f"✗ {wrong.name}: A blob's file is damaged.\n  → Fetch it from a copy" in done.out
    assert f"✗ {gone.name}: A blob's file is missing.\n  → Fetch it from a copy" in done.out


@pytest.mark.parametrize(("name", "todo"), [("truth.db", "Put a copy"), ("index.db", "freehold rebuild")])
def test_a_damaged_file_is_named_with_what_to_do(network: Path, name: str, todo: str) -> None:
    data = (network / name).read_bytes()
    (network / name).write_bytes(data[:8192] + b"\xa5" * 32768 + data[40960:])
    done = freehold("doctor", network)
    assert (done.code, done.err) == (1, "")
    assert done.out.startswith(f"✗ {name}: The file is damaged: ")
    assert todo in done.out.splitlines()[1]
    for words in (("account", network, "list"), ("run", network, "--port", 0)):
        done = freehold(*words)
        assert done.code == 1
        assert done.err.endswith(f"To see what to do: freehold doctor {network}\n")
        assert "Traceback" not in done.err


def test_a_lost_or_damaged_index_is_made_anew(network: Path) -> None:
    assert freehold("doctor", network).out.endswith(WHOLE)
    (network / "index.db").write_bytes(b"not a database at all, but of some length " * 100)
    done = freehold("rebuild", network)
    assert (done.code, done.err) == (0, "")
    assert done.out.startswith("The index is new, up to event ")
    (network / "index.db").unlink()
    done = freehold("doctor", network)
    assert (done.code, done.out.endswith(WHOLE), "index.db" in done.out) == (0, True, False)


def test_posts_that_the_index_lacks_are_told(network: Path) -> None:
    with tampering(network / "index.db") as index:
        index.execute("UPDATE post SET cid = NULL WHERE cid IS NOT NULL AND id = (SELECT max(id) FROM post)")
    done = freehold("doctor", network)
    assert done.code == 0
    assert f"freehold rebuild {network}" in done.out
    freehold("rebuild", network)
    assert "index.db" not in freehold("doctor", network).out


def test_what_is_no_damage_is_advice(tmp_path: Path) -> None:
    settings = tmp_path / "town"
    settings.mkdir()
    (settings / "settings.toml").write_text('unlock = "env"\n')
    key = {"FREEHOLD_UNLOCK_KEY": "four plain words here"}
    with serving(settings, **key) as running:
        assert running.end() == 0
    done = freehold("doctor", settings, **key)
    assert done.code == 0
    assert done.out == (
        "! owner: Nobody has claimed this network.\n  → Start it and type the code into the first page.\n" + WHOLE
    )


def test_a_host_without_views_has_no_index_to_be_behind(network: Path) -> None:
    (network / "settings.toml").write_text("host_only = true\n")
    done = freehold("doctor", network)
    assert (done.code, "index.db" in done.out) == (0, False)
