"""What a file is, told from its first bytes; what the caller says about it counts for nothing.

In comes the head of an upload (HEAD_BYTES are enough), out goes a media type. No decoding, no guessing by name.
Source: https://mimesniff.spec.whatwg.org/ and https://mp4ra.org/registered-types/brands
"""

HEAD_BYTES = 512
UNKNOWN = "application/octet-stream"
PICTURES = frozenset({"image/jpeg", "image/png", "image/webp", "image/gif", "image/avif", "image/heic"})

_STARTS = (
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
    (b"WEBVTT", "text/vtt"),
    (b"\xef\xbb\xbfWEBVTT", "text/vtt"),
)
_AVIF = frozenset({b"avif", b"avis"})
_HEIC = frozenset({b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"})
_AUDIO = frozenset({b"M4A ", b"M4B ", b"M4P "})
_OLD_QUICKTIME = frozenset({b"moov", b"mdat", b"wide"})


def sniff(head: bytes) -> str:
    """The media type that the first bytes of a file give away; UNKNOWN when they say nothing that we serve."""
    for start, mime in _STARTS:
        if head.startswith(start):
            return mime
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "image/webp"
    if head[:4] == b"\x1a\x45\xdf\xa3":
        return "video/webm" if b"\x42\x82\x84webm" in head[:HEAD_BYTES] else UNKNOWN
    if head[4:8] == b"ftyp":
        return _by_brand(head)
    return "video/quicktime" if head[4:8] in _OLD_QUICKTIME else UNKNOWN


def _by_brand(head: bytes) -> str:
    """Tell still pictures, sound and films apart by the brands in an ISO `ftyp` box."""
    size = min(int.from_bytes(head[:4], "big"), HEAD_BYTES, len(head))
    major = head[8:12]
    brands = {head[at : at + 4] for at in range(16, size - 3, 4)} | {major}
    if major in _AVIF or (major in _HEIC and brands & _AVIF):
        return "image/avif"
    if major in _HEIC:
        return "image/heic"
    if major == b"qt  ":
        return "video/quicktime"
    return "audio/mp4" if major in _AUDIO else "video/mp4"
