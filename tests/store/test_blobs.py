"""A blob is there whole under its CID, or not at all."""

import os
import stat
from pathlib import Path

import pytest

from freehold.protocol.cid import Cid
from freehold.store.blobs import SMALL_BYTES, BlobMissing, BlobStore, BlobTooLarge


@pytest.fixture
def blobs(tmp_path: Path) -> BlobStore:
    return BlobStore(tmp_path / "blobs")


def put(blobs: BlobStore, *chunks: bytes) -> Cid:
    with blobs.incoming(1_000) as upload:
        for chunk in chunks:
            upload.write(chunk)
        return blobs.keep(upload)


def test_a_kept_blob_is_found_under_the_cid_of_its_bytes(blobs: BlobStore) -> None:
    cid = put(blobs, b"hello ", b"world")
    assert cid == Cid.of_raw(b"hello world")
    with blobs.open(cid) as file:
        assert file.read() == b"hello world"
    assert blobs.size(cid) == 11
    assert blobs.has(cid)
    assert list(blobs.cids()) == [cid]


def test_an_empty_blob_is_a_blob(blobs: BlobStore) -> None:
    assert blobs.size(put(blobs)) == 0


def test_the_same_content_twice_is_one_file(blobs: BlobStore) -> None:
    assert put(blobs, b"same") == put(blobs, b"sa", b"me")
    assert len(list(blobs.cids())) == 1


def test_an_upload_that_is_not_kept_leaves_nothing(blobs: BlobStore, tmp_path: Path) -> None:
    with blobs.incoming(10) as upload:
        upload.write(b"abc")
    assert [file for file in (tmp_path / "blobs").rglob("*") if file.is_file()] == []


def test_what_is_not_kept_is_written_over_on_the_disk(blobs: BlobStore, tmp_path: Path) -> None:
    with blobs.incoming(SMALL_BYTES * 4) as upload:
        upload.write(b"where it was taken" * (SMALL_BYTES // 10))
        (file,) = (tmp_path / "blobs" / "incoming").iterdir()
        os.link(file, tmp_path / "the same blocks")
    left = (tmp_path / "the same blocks").read_bytes()
    assert (len(left), left.strip(b"\0")) == (upload.size, b"")
    (tmp_path / "blobs" / "incoming" / "left by a kill").write_bytes(b"where it was taken")
    os.link(tmp_path / "blobs" / "incoming" / "left by a kill", tmp_path / "its blocks")
    assert blobs.sweep_temporary(-1) == 1
    assert (tmp_path / "its blocks").read_bytes().strip(b"\0") == b""


def test_an_upload_beyond_its_limit_is_refused_at_the_chunk_that_goes_beyond(blobs: BlobStore) -> None:
    with blobs.incoming(5) as upload:
        upload.write(b"12345")
        with pytest.raises(BlobTooLarge):
            upload.write(b"6")
    assert list(blobs.cids()) == []


def test_bytes_and_then_the_name_are_synced_before_the_cid_is_told(
    blobs: BlobStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    events: list[str] = []
    fsync, replace = os.fsync, os.replace
    monkeypatch.setattr(os, "fsync", lambda file: (events.append(kind_of(file)), fsync(file))[1])
    monkeypatch.setattr(os, "replace", lambda *names: (events.append("name"), replace(*names))[1])
    put(blobs, b"x")
    assert events == ["file", "folder", "name", "folder"]


def kind_of(file: int) -> str:
    return "folder" if stat.S_ISDIR(os.fstat(file).st_mode) else "file"


def test_the_files_of_a_group_are_written_and_synced_before_any_has_its_name(
    blobs: BlobStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    events: list[str] = []
    fsync, replace = os.fsync, os.replace
    put(blobs, b"a"), put(blobs, b"b")  # their folders are made
    monkeypatch.setattr(os, "fsync", lambda file: (events.append(kind_of(file)), fsync(file))[1])
    monkeypatch.setattr(os, "replace", lambda *names: (events.append("name"), replace(*names))[1])
    with blobs.incoming(10) as first, blobs.incoming(10) as second:
        first.write(b"a")
        second.write(b"b")
        blobs.keep_all([first, second])
    assert events == ["file", "file", "name", "name", "folder", "folder"]


@pytest.mark.parametrize("size", [SMALL_BYTES, SMALL_BYTES + 1])
def test_an_upload_reads_the_same_in_memory_and_in_its_file(blobs: BlobStore, size: int, tmp_path: Path) -> None:
    data = os.urandom(size)
    with blobs.incoming(size) as upload:
        for at in range(0, size, 1_000):
            upload.write(data[at : at + 1_000])
        assert len(list((tmp_path / "blobs/incoming").iterdir())) == (size > SMALL_BYTES)
        with upload.reading() as whole:
            assert whole[:] == data
        assert blobs.keep(upload) == Cid.of_raw(data)
    with blobs.open(Cid.of_raw(data)) as file:
        assert file.read() == data


def test_a_deleted_blob_is_gone(blobs: BlobStore) -> None:
    cid = put(blobs, b"x")
    assert blobs.delete(cid)
    assert not blobs.delete(cid)
    assert not blobs.has(cid)
    for ask in (blobs.open, blobs.size):
        with pytest.raises(BlobMissing):
            ask(cid)


def test_what_a_killed_process_left_is_swept_and_young_uploads_stay(blobs: BlobStore, tmp_path: Path) -> None:
    left = tmp_path / "blobs" / "incoming" / "left"
    left.write_bytes(b"half")
    os.utime(left, (0, 0))
    with blobs.incoming(10) as young:
        young.write(b"young")
        young.write_out()
        assert blobs.sweep_temporary(older_than=60) == 1
        assert not left.exists()
        blobs.keep(young)
    assert blobs.has(Cid.of_raw(b"young"))


def test_blobs_are_for_their_owner_only(blobs: BlobStore, tmp_path: Path) -> None:
    put(blobs, b"x")
    for path in (tmp_path / "blobs").rglob("*"):
        assert path.stat().st_mode & 0o077 == 0, path
