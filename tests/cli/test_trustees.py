"""`freehold trustees`: sheets for several people, and the key from enough of them."""

import re
from pathlib import Path

import pytest

from freehold.cli.opening import opened
from freehold.pds import keychain
from freehold.pds.recovery_keys import did_key_of
from support.command import Done, freehold, serving


def words_of(sheet: Path) -> str:
    return " ".join(re.findall(r"<li>(\w+)</li>", sheet.read_text()))


def offline_key(network: Path) -> str:
    found = re.search(r"^offline key +(\S+)", freehold("keys", network, "list").out, re.M)
    assert found
    return found[1]


def host_key_of(network: Path) -> str:
    [found] = re.findall(r"^host key +(\S+)$", freehold("keys", network, "list").out, re.M)
    return str(found)


@pytest.fixture
def owned(network: Path) -> tuple[Path, str]:
    """The town, whose owner has been shown the offline key; and that key."""
    with opened(network) as site:
        return network, site.truth.write_sync(lambda tx: keychain.hand_over(tx, site.seal))


def split(network: Path, folder: Path, *more: object, given: str = "") -> Done:
    folder.mkdir()
    return freehold("trustees", network, "split", "--of", 5, "--need", 3, "--to", folder, *more, given=given)


def join(network: Path, to: Path, *sheets: Path) -> Done:
    given = "".join(words_of(sheet) + "\n" for sheet in sheets)
    return freehold("trustees", network, "join", "--to", to, given=given)


def test_three_of_five_sheets_give_the_key_and_two_do_not(owned: tuple[Path, str], tmp_path: Path) -> None:
    network, written = owned
    with serving(network):
        done = split(network, tmp_path / "sheets", given=written + "\n")
        assert (done.code, done.err) == (0, "")
        sheets = [tmp_path / "sheets" / f"trustee-{n}.html" for n in range(1, 6)]
        assert all(sheet.stat().st_mode & 0o777 == 0o600 for sheet in sheets)
        assert written not in "".join(sheet.read_text() for sheet in sheets)
        joined = join(network, tmp_path / "key.txt", sheets[4], sheets[0], sheets[0], sheets[2])
        assert (joined.code, "this network’s offline key" in joined.out) == (0, True)
        host_key = host_key_of(network)
        done = freehold("keys", network, "rotate-host", "--with", tmp_path / "key.txt")
        assert (done.code, "name the new host key" in done.out) == (0, True), done.err
        assert host_key_of(network) != host_key
    assert (tmp_path / "key.txt").read_text() == written + "\n"
    assert did_key_of((tmp_path / "key.txt").read_text()) == offline_key(network)
    too_few = join(network, tmp_path / "other.txt", sheets[1], sheets[3])
    assert (too_few.code, too_few.err) == (1, "freehold: 2 sheets are not enough. Nothing was written.\n")
    assert not (tmp_path / "other.txt").exists()


def test_a_new_key_goes_to_trustees_without_ever_being_shown(owned: tuple[Path, str], tmp_path: Path) -> None:
    network, _ = owned
    before = offline_key(network)
    done = split(network, tmp_path / "sheets", "--new")
    assert (done.code, "name the new offline key" in done.out) == (0, True), done.err
    assert offline_key(network) not in (before, "")
    sheets = sorted((tmp_path / "sheets").iterdir())
    assert join(network, tmp_path / "key.txt", *sheets[:3]).code == 0
    assert did_key_of((tmp_path / "key.txt").read_text()) == offline_key(network)


def test_another_key_is_not_split(owned: tuple[Path, str], tmp_path: Path) -> None:
    network, _ = owned
    done = split(network, tmp_path / "sheets", given=keychain.written(b"\1" * 32) + "\n")
    assert (done.code, "not the offline key" in done.err) == (1, True)
    assert not list((tmp_path / "sheets").iterdir())
