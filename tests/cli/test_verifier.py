"""`freehold verifier`: named, listed, taken back."""

from pathlib import Path

from support.command import freehold

ELSEWHERE = "did:plc:ewvi7nxzyoun6zhxrhs64oiz"


def test_verifiers_are_named_listed_and_taken_back(network: Path) -> None:
    def verifier(*words: str) -> str:
        done = freehold("verifier", network, *words)
        assert (done.code, done.err) == (0, "")
        return done.out

    assert verifier(ELSEWHERE) == f"{ELSEWHERE} verifies others.\n"
    assert verifier() == f"{ELSEWHERE}\n"
    assert verifier(ELSEWHERE, "--undo") == f"{ELSEWHERE} verifies others no longer.\n"
