"""`freehold account`, `import` and `export`: the operator's hand on accounts and their repositories."""

from pathlib import Path

import httpx
import pytest

from freehold.repo import commit
from freehold.repo.car import read_car
from support.command import freehold, serving, tampering

PASSWORD = "three plain words"


def status_of(network: Path) -> dict[str, list[str]]:
    """Role, status, since when and DID by handle."""
    done = freehold("account", network, "list")
    assert done.code == 0, done.err
    return {line.split()[0]: line.split()[1:] for line in done.out.splitlines()}


def act(network: Path, *words: object, given: str = "") -> str:
    done = freehold("account", network, *words, given=given)
    assert done.code == 0, done.err
    assert done.err == ""
    return done.out


def sign_in(url: str, password: str) -> int:
    given = {"identifier": "agnes.test", "password": password}
    return httpx.post(f"{url}/xrpc/com.atproto.server.createSession", json=given).status_code


def test_an_account_is_made_changed_and_erased(network: Path) -> None:
    assert act(network, "create", "agnes", given=f"{PASSWORD}\n").startswith("agnes.test is a member: did:plc:")
    act(network, "password", "agnes", given="another three words\n")
    assert act(network, "role", "agnes", "moderator") == "agnes.test is now moderator.\n"
    assert "freehold account" in act(network, "takedown", "agnes.test")
    role, status, _, did = status_of(network)["agnes.test"]
    assert (role, status) == ("moderator", "takendown")
    assert act(network, "restore", did) == "agnes.test is served again.\n"
    with serving(network) as running:
        assert sign_in(running.urls[0], "another three words") == 200
        assert sign_in(running.urls[0], PASSWORD) == 401
    assert act(network, "delete", "agnes") == "agnes.test is erased.\n"
    assert "agnes.test" not in status_of(network)


def test_the_operator_sees_and_turns_off_a_second_factor_while_the_network_runs(network: Path) -> None:
    act(network, "create", "agnes", given=f"{PASSWORD}\n")
    assert act(network, "factors", "agnes") == "agnes.test asks for no codes; passkeys: 0; no recovery code.\n"
    with tampering(network / "truth.db") as truth:
        truth.execute("INSERT INTO authenticator SELECT id, x'00', 1, 0 FROM account WHERE handle = 'agnes.test'")
    with serving(network) as running:
        assert sign_in(running.urls[0], PASSWORD) == 401
        assert "asks for codes of an app" in act(network, "factors", "agnes")
        assert "asks for no codes" in act(network, "factors", "agnes", "--off")
        assert sign_in(running.urls[0], PASSWORD) == 200


def test_an_invitation_lets_one_person_in(network: Path) -> None:
    with tampering(network / "truth.db") as truth:
        truth.execute("UPDATE network_choice SET value = json_set(value, '$.join', 'invite')")
    code = act(network, "invite").strip()
    with serving(network) as running, httpx.Client(base_url=running.urls[0]) as http:
        answers = []
        for name in ("agnes", "bertil"):
            given = {"handle": f"{name}.test", "password": PASSWORD, "inviteCode": code}
            answers.append(http.post("/xrpc/com.atproto.server.createAccount", json=given).json())
    assert answers[0]["handle"] == "agnes.test"
    assert answers[1]["error"] == "InvalidInviteCode"


@pytest.mark.parametrize(
    ("words", "given", "say"),
    [
        (("create", "courier"), PASSWORD, "That handle is taken. Choose another one."),
        (("create", "agnes"), "short", "Choose a password of 8 to 256 characters."),
        (("takedown", "nobody"), "", "There is no account nobody.test here. To see who is: freehold account"),
        (("delete", "labeler"), "", "That account belongs to the network itself."),
    ],
)
def test_what_cannot_be_done_is_said(network: Path, words: tuple[str, ...], given: str, say: str) -> None:
    done = freehold("account", network, *words, given=f"{given}\n")
    assert (done.code, done.out) == (1, "")
    assert done.err.startswith(f"freehold: {say}")


def test_an_empty_directory_holds_no_network(tmp_path: Path) -> None:
    for words in (("account", tmp_path, "list"), ("doctor", tmp_path), ("rebuild", tmp_path)):
        done = freehold(*words)
        assert done.code == 1
        assert done.err == f"freehold: There is no network in {tmp_path}. Start one with: freehold run {tmp_path}\n"
    assert not list(tmp_path.iterdir())


def test_a_repository_goes_out_and_comes_back_into_a_copy_of_the_network(town, network: Path, tmp_path: Path) -> None:
    other = town.copy(tmp_path / "older")
    file, again = tmp_path / "amina.car", tmp_path / "again.car"
    assert freehold("export", network, "amina", file).code == 0
    taken = freehold("import", other, "amina", file)
    assert (taken.code, taken.err) == (0, "")
    assert "amina.test has " in taken.out
    assert freehold("export", other, "amina", again).code == 0
    before, after = (read_car(path.read_bytes()) for path in (file, again))
    first, second = (commit.read(blocks[roots[0]]) for roots, blocks in (before, after))
    assert (first.did, first.data) == (second.did, second.data)
    assert first.rev < second.rev
    assert "whole" in freehold("doctor", other).out


def test_a_repository_of_somebody_else_is_refused(network: Path, tmp_path: Path) -> None:
    file = tmp_path / "amina.car"
    freehold("export", network, "amina", file)
    for name, path, say in (
        ("choir", file, "This repository belongs to another account."),
        ("amina", tmp_path / "absent.car", f"There is no file {tmp_path / 'absent.car'}."),
    ):
        done = freehold("import", network, name, path)
        assert (done.code, done.err.strip()) == (1, f"freehold: {say}")
    (tmp_path / "half.car").write_bytes(file.read_bytes()[:-100])
    assert freehold("import", network, "amina", tmp_path / "half.car").code == 1
    assert "whole" in freehold("doctor", network).out


def test_an_export_that_cannot_be_written_leaves_nothing(network: Path, tmp_path: Path) -> None:
    done = freehold("export", network, "amina", tmp_path / "absent" / "amina.car")
    assert done.code == 1
    assert done.err.startswith(f"freehold: {tmp_path / 'absent'}")
    assert "No such file or directory" in done.err
