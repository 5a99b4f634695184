"""No secret that a command is told or replaces in a log, a figure, an error, a message, or in the clear on disk."""

import re
from base64 import b64decode, b64encode, urlsafe_b64encode
from pathlib import Path
from secrets import token_hex

from freehold.cli import wire
from freehold.cli.opening import opened
from freehold.pds import keychain
from freehold.pds.keychain import Retired
from freehold.pds.services import LABEL_KEY
from freehold.store.keyring import VARIABLE
from freehold.store.sealed import Ring
from support.command import freehold, serving
from support.network import CHEAP

NAMES = (keychain.SESSION, keychain.HOST_KEY, keychain.OFFLINE_KEY, LABEL_KEY)
Secrets = dict[str, bytes]


def planted(secrets: Secrets, name: str) -> str:
    made = f"planted{token_hex(12)}"
    secrets[name] = made.encode()
    return made


def learn(secrets: Secrets, name: str, raw: bytes) -> None:
    """A key as bytes, and as it may be written down."""
    secrets[name] = raw
    secrets[f"{name} in hex"] = raw.hex().encode()
    secrets[f"{name} in base64"] = b64encode(raw).rstrip(b"=")
    secrets[f"{name} in base64url"] = urlsafe_b64encode(raw).rstrip(b"=")


def learn_keys(secrets: Secrets, directory: Path, when: str) -> None:
    """All that is sealed in a network, and what it is sealed with."""
    if (directory / "unlock.key").exists():
        learn(secrets, f"the unlock key {when}", b64decode((directory / "unlock.key").read_bytes()))
    with opened(directory) as site, site.truth.reading() as tx:
        for name in NAMES:
            if plain := keychain.get(tx, site.seal, name):
                learn(secrets, f"the {name} {when}", plain)
        for one in keychain.retired(tx, site.seal, keychain.RETIRED_SESSION):
            learn(secrets, f"a retired session secret {when}", one.key)
        for account in site.snapshot.accounts():
            learn(secrets, f"the signing key of {account.handle} {when}", site.accounts.key_of(tx, account.id).raw)
        for number, key in enumerate((*site.seal.ring.keys, site.seal.ring.lookup)):
            learn(secrets, f"network key {number} {when}", key)


class Operator:
    """Types commands and keeps what they said."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self.told: list[str] = []

    def types(self, command: str, *words: object, given: str = "", code: int = 0) -> str:
        done = freehold(command, self._directory, *words, given=given)
        assert done.code == code, done.err
        self.told += [done.out, done.err]
        return done.out


def use(directory: Path, operator: Operator, secrets: Secrets) -> None:
    """Every command that is told a secret, or that makes one; right, refused, and in our own fault."""
    operator.types("account", "create", "mei", given=planted(secrets, "a password") + "\n")
    operator.types(
        "account", "create", "mei", given=planted(secrets, "a password for a name that is taken") + "\n", code=1
    )
    operator.types("account", "password", "mei", given=planted(secrets, "another password") + "\n")
    operator.types("account", "password", "no-one", given=planted(secrets, "a password for nobody") + "\n", code=1)
    operator.types("export", "mei", directory.with_name("mei.car"))
    operator.types("import", "mei", directory.with_name("mei.car"))
    for words in (
        ("rotate-signing", "--all"),
        ("rotate-label",),
        ("rotate-session",),
        ("rotate-session", "--now"),
        ("rotate-session",),
        ("rotate-host",),
        ("rotate-network",),
        ("list",),
    ):
        operator.types("keys", *words)
    settings = (directory / "settings.toml").rename(directory / "aside.toml")
    (directory / "settings.toml").mkdir()
    fault = operator.types(
        "keys", "change-unlock", "env", given=planted(secrets, "an unlock key beside a fault") + "\n", code=1
    )
    assert fault == ""
    assert re.search(r"The network's log says what, under [0-9a-f]{8}\.", operator.told[-1])
    (directory / "settings.toml").rmdir()
    settings.rename(directory / "settings.toml")
    operator.types("keys", "change-unlock", "file")


def test_no_secret_of_a_command_is_logged_counted_said_or_stored_in_the_clear(tmp_path: Path) -> None:
    directory, secrets = tmp_path / "town", {}
    phrase = planted(secrets, "the unlock key in the end")
    with serving(directory, given=CHEAP + 'log_level = "debug"\n', words=("--dev",)):
        pass
    learn_keys(secrets, directory, "at first")
    operator = Operator(directory)
    with serving(directory, words=("--dev",)) as running:
        use(directory, operator, secrets)
        figures = running.get("/metrics").content
        limits = Path(f"/proc/{running.pid}/limits")
        if limits.exists():  # Linux
            assert re.search(r"^Max core file size +0 +0 ", limits.read_text(), re.M)
        assert running.end() == 0
        log = running.log()
    assert log.count('"level":"error"') == 1, "the one fault that was arranged"
    assert "IsADirectoryError" in log
    learn_keys(secrets, directory, "in the end")
    operator.types("keys", "change-unlock", "env", given=f"{phrase}\n")
    assert freehold("account", directory, "list", **{VARIABLE: phrase}).code == 0
    on_disk = {
        path.name: path.read_bytes() for path in directory.iterdir() if path.is_file() and path.suffix != ".json"
    }
    places = {
        "the log": log.encode(),
        "the figures": figures,
        "what was said": "".join(operator.told).encode(),
        **on_disk,
    }
    found = {place: [name for name, secret in secrets.items() if secret in data] for place, data in places.items()}
    assert {place: names for place, names in found.items() if names} == {}


def test_what_holds_a_secret_shows_nothing_of_it_when_printed() -> None:
    for holder in (
        wire.Answer("planted"),
        wire.Piece(b"planted"),
        Ring((b"planted",), b"planted"),
        Retired(b"planted", 1),
    ):
        assert "planted" not in repr(holder), holder
