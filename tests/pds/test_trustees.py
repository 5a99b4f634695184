"""Shares of a key: any so many of them give it, fewer do not, and a slip is noticed.

The standard's own vectors are not part of its library's package: these are properties of whatever is split.
Source: https://github.com/satoshilabs/slips/blob/master/slip-0039.md
"""

from itertools import combinations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from freehold.pds import trustees
from freehold.pds.trustees import BadShare, Standing
from freehold.protocol.refused import InvalidRequest

KEY = bytes(range(32))


@settings(max_examples=5)
@given(key=st.binary(min_size=32, max_size=32), of=st.integers(2, 5), data=st.data())
def test_any_so_many_give_the_key(key, of, data):
    need = data.draw(st.integers(2, of))
    shares = trustees.split(key, need, of)
    assert len(shares) == of
    assert {len(share.split()) for share in shares} == {trustees.WORDS}
    chosen = data.draw(st.permutations(shares))[:need]
    assert trustees.standing(chosen) == Standing(need, need)
    assert trustees.join(chosen) == key


def test_every_three_of_five_do_and_no_two():
    shares = trustees.split(KEY, 3, 5)
    assert all(trustees.join(three) == KEY for three in combinations(shares, 3))
    for two in combinations(shares, 2):
        with pytest.raises(BadShare):
            trustees.join(two)


def test_a_sheet_twice_counts_once_and_numbers_typed_along_do_no_harm():
    first, second, _ = trustees.split(KEY, 2, 3)
    assert trustees.standing([first, first]) == Standing(1, 2)
    numbered = " ".join(f"{n}. {word.upper()}" for n, word in enumerate(second.split(), 1))
    assert trustees.join([first, numbered, first]) == KEY


@pytest.mark.parametrize("spoil", [lambda w: w[1:], lambda w: [w[1], w[0], *w[2:]], lambda w: ["hello", *w[1:]]])
def test_a_slip_in_the_words_is_noticed(spoil):
    first, _ = trustees.split(KEY, 2, 2)
    with pytest.raises(BadShare, match="compare each"):
        trustees.standing([" ".join(spoil(first.split()))])


def test_sheets_of_two_sets_do_not_go_together():
    (one, _), (other, _) = trustees.split(KEY, 2, 2), trustees.split(KEY, 2, 2)
    with pytest.raises(BadShare, match="another set"):
        trustees.standing([one, other])


@pytest.mark.parametrize(("need", "of"), [(1, 5), (4, 3), (2, 17)])
def test_numbers_that_cannot_be_are_refused(need, of):
    with pytest.raises(InvalidRequest, match="--need 3 --of 5"):
        trustees.split(KEY, need, of)
