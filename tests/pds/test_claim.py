"""The code that makes a new network somebody's."""

import pytest

from freehold.pds.claim import MAX_WRONG, WORDS, Claim, WrongCode
from support.inside import opened


def test_a_code_is_three_words_that_nobody_guesses():
    codes = {Claim().code for _ in range(200)}
    assert len(codes) == 200
    assert all(set(code.split("-")) <= set(WORDS) and len(code.split("-")) == 3 for code in codes)
    assert len(set(WORDS)) == len(WORDS) > 250


def test_a_code_is_taken_as_people_type_it():
    claim = Claim()
    for typed in (claim.code, claim.code.upper(), claim.code.replace("-", " "), f"  {claim.code}\n"):
        claim.check(typed)
    with pytest.raises(WrongCode):
        claim.check("")
    with pytest.raises(WrongCode):
        claim.check(claim.code + "s")


def test_ten_wrong_guesses_make_it_void():
    claim = Claim()
    right = claim.code
    for _ in range(MAX_WRONG):
        with pytest.raises(WrongCode):
            claim.check("apple-apple-apple")
    assert claim.code is None
    with pytest.raises(WrongCode):
        claim.check(right)


def test_a_used_code_opens_nothing():
    claim = Claim()
    code = claim.code
    claim.use()
    with pytest.raises(WrongCode):
        claim.check(code)


def test_each_start_without_an_owner_has_another_code_and_with_one_none(tmp_path, shared):
    codes = set()
    for _ in range(3):
        with opened(tmp_path / "town", shared, dev_mode=False) as site:
            codes.add(site.claim.code)
            choices = site.network.choices
    assert len(codes) == 3
    with opened(tmp_path / "town", shared, dev_mode=False) as site:
        owned = type(choices)(claimed_at=1, base_url=choices.base_url, handle_domain=choices.handle_domain)
        site.truth.write_sync(lambda tx: site.network.choose(tx, owned))
    with opened(tmp_path / "town", shared, dev_mode=False) as site:
        assert site.claim is None
    with opened(tmp_path / "other", shared, dev_mode=True) as site:
        assert site.claim is None
