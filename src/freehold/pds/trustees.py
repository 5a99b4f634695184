"""The network's offline key in the hands of several trustees: any so many of them have it, fewer have nothing at all.

In comes the key, out go shares as words; or the other way round. SLIP-0039, by its authors' own library; the scheme is
that of Shamir over GF(256), each share carries a checksum and says of which set it is. Nothing is kept here.
Source: https://github.com/satoshilabs/slips/blob/master/slip-0039.md
"""

from collections.abc import Sequence
from typing import NamedTuple

from freehold.protocol.refused import InvalidRequest, Refused

MOST = 16
"""Trustees, by the standard."""
KEY_BYTES = 32
WORDS = 33
"""Of each share of a key of 32 bytes."""


class BadShare(Refused):
    """Words that are no share, or one of another set."""

    name = "InvalidShare"


class Standing(NamedTuple):
    """How far a recovery has come. need: shares that it takes."""

    have: int
    need: int


def split(key: bytes, need: int, of: int) -> list[str]:
    """Shares of a key of 32 bytes for `of` people, any `need` of whom can join it again. Raises InvalidRequest."""
    from shamir_mnemonic import generate_mnemonics  # type: ignore[import-untyped]

    if not 2 <= need <= of <= MOST:
        raise InvalidRequest(f"At least 2 are needed, of {MOST} trustees at most: --need 3 --of 5, for example.")
    [shares] = generate_mnemonics(group_threshold=1, groups=[(need, of)], master_secret=key)
    return [str(share) for share in shares]


def standing(shares: Sequence[str]) -> Standing:
    """How many different shares these are, and how many it takes. Raises BadShare: the last is not one of the set."""
    from shamir_mnemonic import MnemonicError, Share

    read = []
    for words in shares:
        try:
            read.append(Share.from_mnemonic(_plain(words)))
        except (MnemonicError, ValueError):
            raise BadShare("Those are not the words of a sheet: compare each with the sheet, in its order.") from None
    if len({one.common_parameters() for one in read}) > 1 or len({one.group_parameters() for one in read}) > 1:
        raise BadShare("Those words are of another set: all sheets must have been made together.")
    return Standing(len({one.index for one in read}), read[0].member_threshold if read else 0)


def join(shares: Sequence[str]) -> bytes:
    """The key, from exactly as many different shares as it takes. Raises BadShare."""
    from shamir_mnemonic import MnemonicError, combine_mnemonics

    try:
        key = bytes(combine_mnemonics(list(dict.fromkeys(map(_plain, shares)))))
    except (MnemonicError, ValueError):
        raise BadShare("These sheets do not give a key.") from None
    if len(key) != KEY_BYTES:
        raise BadShare("These sheets hold something else than a network's key.")
    return key


def _plain(words: str) -> str:
    """As the library wants them, also if the numbers of a sheet were typed along."""
    return " ".join(word for word in words.lower().split() if not word.strip(".").isdigit())
