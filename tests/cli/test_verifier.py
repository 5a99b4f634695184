"""`freehold verifier`: named, listed, taken back."""

from pathlib import Path

from support.command import freehold


def test_verifiers_are_named_listed_and_taken_back(network: Path) -> None:
    def verifier(*words: str) -> str:
        done = freehold("verifier", network, *words)
        assert (done.code, done.err) == (0, "")
        return done.out

    line = freehold("account", network, "list").out.splitlines()[0].split()
    handle, did = line[0], line[-1]
    assert verifier() == "Nobody is named: no account is shown as verified.\n"
    assert verifier(handle) == f"{handle} ({did}) verifies others.\n"
    assert verifier(did) == f"{handle} ({did}) verifies others: it was so already.\n"
    assert verifier() == f"{handle} ({did})\n"
    assert verifier(handle, "--undo") == f"{handle} ({did}) verifies others no longer.\n"
    assert verifier() == "Nobody is named: no account is shown as verified.\n"
    done = freehold("verifier", network, "nobody-here")
    assert (done.code, done.out) == (1, "")
