"""Metadata is gone from new pictures, and nothing else is."""

import mmap
import struct
from functools import cache
from zlib import compress, crc32

import pytest
import pyvips
from hypothesis import given, settings
from hypothesis import strategies as st

from freehold.pds.pictures.cut import BadPicture, clean, kept_ranges, read
from freehold.pds.pictures.exif import JPEG_PREFIX, minimal, orientation_of
from freehold.pds.pictures.sniff import PICTURES, UNKNOWN, sniff

SECRET = b"GPS 47.3769 N 8.5417 E by Nobody"


def scene() -> pyvips.Image:
    """A small picture whose corners differ, so that a turn is seen."""
    return pyvips.Image.xyz(48, 32).bandjoin(60).cast("uchar").copy(interpretation="srgb")


def exif_of(orientation: int) -> bytes:
    """A little-endian Exif with an orientation and a description that must not survive."""
    entries = struct.pack("<HHHII", 2, 0x010E, 2, len(SECRET), 38) + struct.pack("<HHIHH", 0x0112, 3, 1, orientation, 0)
    return b"II*\0" + struct.pack("<I", 8) + entries + bytes(4) + SECRET


def segment(marker: int, body: bytes) -> bytes:
    return bytes((0xFF, marker)) + struct.pack(">H", len(body) + 2) + body


def chunk(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", crc32(name + body))


def riff_chunk(name: bytes, body: bytes) -> bytes:
    return name + struct.pack("<I", len(body)) + body + b"\0" * (len(body) & 1)


def riff(*chunks: bytes) -> bytes:
    body = b"WEBP" + b"".join(chunks)
    return b"RIFF" + struct.pack("<I", len(body)) + body


@cache
def plain(suffix: str) -> bytes:
    """The scene as a file without any metadata."""
    return clean(scene().write_to_buffer(suffix, keep="none", **({"effort": 1} if suffix == ".gif" else {})))


@cache
def laden(kind: str, orientation: int = 1) -> bytes:
    """The scene as a file that carries the secret in every place that its format has."""
    if kind == "jpeg":
        body, exif = plain(".jpg"), segment(0xE1, JPEG_PREFIX + exif_of(orientation))
        xmp = segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0" + SECRET)
        rest = b"".join(segment(m, SECRET) for m in (0xE2, 0xE3, 0xED, 0xEF, 0xFE)) + segment(0xE2, b"MPF\0" + SECRET)
        return body[:2] + exif + xmp + body[2:-2] + rest + body[-2:] + body[:2] + exif + body[2:]
    if kind == "png":
        body = plain(".png")
        text = chunk(b"tEXt", b"Comment\0" + SECRET) + chunk(b"zTXt", b"Comment\0\0" + compress(SECRET, 0))
        more = chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + SECRET) + chunk(b"eXIf", exif_of(orientation))
        return body[:33] + text + more + body[33:-12] + chunk(b"gpSs", SECRET) + body[-12:] + SECRET
    if kind == "webp":
        still = plain(".webp")[12:]
        head = riff_chunk(b"VP8X", bytes((0x0C, 0, 0, 0)) + (47).to_bytes(3, "little") + (31).to_bytes(3, "little"))
        return riff(head, still, riff_chunk(b"EXIF", exif_of(orientation)), riff_chunk(b"XMP ", SECRET)) + SECRET
    body = plain(".gif")
    blocks = bytes((len(SECRET),)) + SECRET + b"\0"
    xmp = b"!\xff\x0bXMP DataXMP" + SECRET.ljust(300, b"x") + b"\x01" + bytes(range(255, -1, -1)) + b"\0"
    at = 13 + (3 << (body[10] & 7) + 1 if body[10] & 0x80 else 0)
    return body[:at] + b"!\xfe" + blocks + xmp + body[at:] + SECRET


KINDS = ("jpeg", "png", "webp", "gif")


def pixels(data: bytes) -> bytes:
    """The decoded pixels, the right way up."""
    return bytes(pyvips.Image.new_from_buffer(data, "").autorot().colourspace("srgb").write_to_memory())


@pytest.mark.parametrize("kind", KINDS)
def test_the_secret_is_gone_and_the_pixels_are_the_same(kind: str) -> None:
    before = laden(kind)
    after = clean(before)
    assert SECRET in before
    assert SECRET not in after
    assert pixels(after) == pixels(before)
    assert clean(after) is after


@pytest.mark.parametrize("kind", ["jpeg", "png", "webp"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation_stays_and_nothing_else_of_the_exif(kind: str, orientation: int) -> None:
    after = clean(laden(kind, orientation))
    assert SECRET not in after
    assert pixels(after) == pixels(laden(kind, orientation))
    assert (minimal(orientation) in after) == (orientation != 1)
    assert b"II*\0" not in after
    assert clean(after) is after


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp", ".gif", ".avif"])
def test_a_picture_without_metadata_keeps_every_byte(suffix: str) -> None:
    data = scene().write_to_buffer(suffix, keep="icc")
    assert sniff(data) in PICTURES
    assert clean(data) is data
    assert kept_ranges(data) == [(0, len(data))]


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp"])
def test_the_colour_profile_stays(suffix: str) -> None:
    data = scene().write_to_buffer(suffix, keep="icc", profile="p3")
    after = clean(data + SECRET)
    profile = pyvips.Image.new_from_buffer(after, "").get("icc-profile-data")
    assert profile == pyvips.Image.new_from_buffer(data, "").get("icc-profile-data")
    assert SECRET not in after


def test_jfif_stays_but_its_thumbnail_goes() -> None:
    body = plain(".jpg")
    thumbnail = bytes((2, 2)) + b"\x99" * 12
    jfif = segment(0xE0, b"JFIF\0\1\1\0\0\x48\0\x48" + thumbnail)
    after = clean(body[:2] + jfif + body[2:])
    assert after.startswith(b"\xff\xd8" + segment(0xE0, b"JFIF\0\1\1\0\0\x48\0\x48\0\0"))
    assert pixels(after) == pixels(body)


def test_a_progressive_picture_with_comments_between_its_scans_is_cleaned() -> None:
    data = scene().write_to_buffer(".jpg", interlace=True, keep="none")
    second_scan = data.rindex(b"\xff\xda")
    laden_one = data[:second_scan] + segment(0xFE, SECRET) + data[second_scan:]
    assert clean(laden_one) == data


def test_an_animation_keeps_its_frames_timing_and_looping() -> None:
    film = scene().join(scene().invert(), "vertical").copy()
    film.set_type(pyvips.GValue.gint_type, "page-height", 32)
    film.set_type(pyvips.GValue.gint_type, "loop", 3)
    for suffix in (".gif", ".webp"):
        data = film.write_to_buffer(suffix)
        after = clean(data + SECRET)
        back = pyvips.Image.new_from_buffer(after, "n=-1")
        assert SECRET not in after
        assert (back.get("n-pages"), back.get("loop")) == (2, 3)


def test_exif_of_an_avif_becomes_zeros_in_place() -> None:
    turned = scene().copy()
    turned.set_type(pyvips.GValue.blob_type, "exif-data", JPEG_PREFIX + exif_of(1))
    turned.set_type(pyvips.GValue.blob_type, "xmp-data", SECRET)
    data = turned.write_to_buffer(".avif")
    assert SECRET in data
    after = clean(data)
    assert SECRET not in after
    assert len(after) == len(data)
    assert pixels(after) == pixels(data)
    assert clean(after) is after


def test_what_a_phone_adds_behind_an_avif_is_blanked() -> None:
    data = plain(".avif")
    after = clean(data + struct.pack(">I", 8 + len(SECRET)) + b"sefd" + SECRET)
    assert SECRET not in after
    assert after.endswith(b"free" + bytes(len(SECRET)))
    assert pixels(after) == pixels(data)


def box(name: bytes, *inside: bytes) -> bytes:
    body = b"".join(inside)
    return struct.pack(">I", 8 + len(body)) + name + body


def test_the_place_is_blanked_in_films_without_moving_a_byte() -> None:
    place = box(b"udta", box(b"\xa9xyz", SECRET))
    keys = box(b"meta", box(b"keys", SECRET))
    track = box(b"trak", box(b"tkhd", b"t" * 84), place)
    film = box(b"ftyp", b"isom\0\0\2\0isom") + box(b"moov", box(b"mvhd", b"v" * 100), track, place, keys)
    film += box(b"uuid", SECRET) + box(b"mdat", b"frames")
    after = clean(film)
    assert SECRET not in after
    assert len(after) == len(film)
    assert after.count(b"free") == 4
    assert after.endswith(box(b"mdat", b"frames"))
    assert clean(after) is after


def element(name: int, body: bytes) -> bytes:
    """An EBML element with a size of eight bytes."""
    return name.to_bytes((name.bit_length() + 7) // 8, "big") + (len(body) | 1 << 56).to_bytes(8, "big") + body


@pytest.mark.parametrize("segment_size", ["said", "unknown"])
def test_tags_of_a_webm_become_void_in_place(segment_size: str) -> None:
    head = element(0x1A45DFA3, b"\x42\x82\x84webm")
    inside = element(0x1549A966, b"info") + element(0x1254C367, SECRET) + element(0x1F43B675, b"cluster")
    segment = element(0x18538067, inside)
    if segment_size == "unknown":
        segment = segment[:4] + b"\x01" + b"\xff" * 7 + segment[12:]
    film = head + segment + b"\x12\x54\xc3\x67\x80"
    after = clean(film)
    assert SECRET not in after
    assert len(after) == len(film)
    assert element(0x1F43B675, b"cluster") in after
    assert after.endswith(b"\xec\x83\0\0\0")
    assert clean(after) is after


def test_a_torn_picture_is_kept_as_far_as_it_goes() -> None:
    for kind in KINDS:
        whole = clean(laden(kind))
        torn = whole[:-20]
        assert clean(torn) == torn


@pytest.mark.parametrize(
    "data",
    [
        b"\xff\xd8\xff\xe0\x00\x01" + SECRET,
        b"\xff\xd8" + segment(0xD8, SECRET),
        b"\xff\xd8" + segment(0x05, SECRET),
        b"\x89PNG\r\n\x1a\n" + chunk(b"GPSx", SECRET),
        b"\x89PNG\r\n\x1a\n" + chunk(b"IEND", SECRET),
        riff(riff_chunk(b"VP8X", SECRET)),
        riff(riff_chunk(b"ANMF", bytes(16) + riff_chunk(b"EXIF", SECRET))),
        b"GIF89a" + bytes(7) + SECRET,
        box(b"ftyp", b"avif\0\0\0\0mif1") + b"\0\0\xff\xffmeta" + SECRET,
        box(b"ftyp", b"avif\0\0\0\0mif1") + box(b"meta", bytes(4), box(b"iinf", bytes(6), box(b"infe", bytes(20)))),
    ],
)
def test_a_picture_that_cannot_be_followed_is_refused(data: bytes) -> None:
    with pytest.raises(BadPicture):
        clean(data)


def test_a_mapped_file_gives_the_same_ranges_as_its_bytes(tmp_path) -> None:
    path = tmp_path / "picture"
    path.write_bytes(laden("jpeg", 6))
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        pieces = kept_ranges(data)
        assert b"".join(read(data, pieces, chunk_bytes=100)) == clean(laden("jpeg", 6))


def test_many_tiny_parts_are_refused_and_not_walked_for_ever() -> None:
    with pytest.raises(BadPicture):
        clean(b"GIF89a" + bytes(7) + b"!\xfe" + b"\1x" * 1_100_000)


@pytest.mark.parametrize(
    ("head", "mime"),
    [
        (b"\x1a\x45\xdf\xa3\x9f\x42\x86\x81\x01\x42\x82\x84webm", "video/webm"),
        (b"\x1a\x45\xdf\xa3\x9f\x42\x82\x88matroska", UNKNOWN),
        (b"\0\0\0\x18ftypmp42\0\0\0\0isommp42", "video/mp4"),
        (b"\0\0\0\x14ftypqt  \0\0\0\0qt  ", "video/quicktime"),
        (b"\0\0\0\x18ftypmif1\0\0\0\0mif1heic", "image/heic"),
        (b"\0\0\0\x1cftypmif1\0\0\0\0mif1avifmiaf", "image/avif"),
        (b"\0\0\0\x08wide", "video/quicktime"),
        (b"WEBVTT\n\n", "text/vtt"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'>", UNKNOWN),
        (b"<!doctype html><script>", UNKNOWN),
        (b"RIFF\0\0\0\0WAVE", UNKNOWN),
        (b"", UNKNOWN),
    ],
)
def test_the_type_is_told_by_the_first_bytes(head: bytes, mime: str) -> None:
    assert sniff(head) == mime


@given(st.binary(max_size=80))
def test_any_exif_gives_an_orientation(tiff: bytes) -> None:
    assert 1 <= orientation_of(b"II*\0" + tiff) <= 8


def fuzzed(data: bytes, edits: list[tuple[int, int, bytes]]) -> bytes:
    """Overwrite, insert and remove bytes at places given in parts of 10,000 of the length."""
    for place, remove, insert in edits:
        at = len(data) * place // 10_000
        data = data[:at] + insert + data[at + remove :]
    return data


EDITS = st.lists(st.tuples(st.integers(0, 10_000), st.integers(0, 40), st.binary(max_size=12)), max_size=4)


@settings(max_examples=300, deadline=None)
@given(kind=st.sampled_from([*KINDS, "avif", "film", "webm"]), orientation=st.integers(1, 8), edits=EDITS)
def test_damage_never_crashes_the_cutter_and_a_clean_file_stays_clean(kind, orientation, edits) -> None:
    whole = {
        "webm": lambda: element(0x1A45DFA3, b"\x42\x82\x84webm") + element(0x18538067, element(0x1254C367, SECRET)),
        "avif": lambda: plain(".avif"),
        "film": lambda: box(b"ftyp", b"isom") + box(b"moov", box(b"udta", SECRET)),
    }
    data = whole[kind]() if kind in whole else laden(kind, orientation if kind != "gif" else 1)
    try:
        after = clean(fuzzed(data, edits))
    except BadPicture:
        return
    assert clean(after) == after


@settings(max_examples=200, deadline=None)
@given(
    kind=st.sampled_from(KINDS),
    place=st.integers(0, 10_000),
    name=st.sampled_from([b"tEXt", b"EXIF", b"zzzz", b"XMP "]),
)
def test_the_secret_is_cut_wherever_a_whole_part_of_metadata_stands(kind, place, name) -> None:
    part = {
        "jpeg": segment(0xFE, SECRET),
        "png": chunk(b"tEXt", SECRET),
        "webp": riff_chunk(name, SECRET),
        "gif": b"!\xfe" + bytes((len(SECRET),)) + SECRET + b"\0",
    }[kind]
    whole = clean(laden(kind))
    cuts = boundaries(kind, whole)
    at = cuts[place * (len(cuts) - 1) // 10_000]
    data = whole[:at] + part + whole[at:]
    if kind == "webp":
        data = data[:4] + struct.pack("<I", len(data) - 8) + data[8:]
    assert clean(data) == whole


def boundaries(kind: str, data: bytes) -> list[int]:
    """Places in a clean file where another part may stand."""
    if kind == "png":
        names = (b"IDAT", b"IEND", b"tRNS", b"pHYs")
        return [*sorted(at - 4 for name in names if (at := data.find(name)) > 0), len(data)]
    if kind == "jpeg":
        return [at for at in (2, *(data.find(bytes((0xFF, m))) for m in (0xDB, 0xC0, 0xC4, 0xDA, 0xD9))) if at > 0]
    if kind == "webp":
        return [30, len(data)]
    return [13 + (3 << (data[10] & 7) + 1 if data[10] & 0x80 else 0), len(data) - 1, len(data)]
