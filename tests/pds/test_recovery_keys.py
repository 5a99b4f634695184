"""A member's own rotation key: made, written, read again, looked for in an identity."""

import pytest

from freehold.pds import keychain, recovery_keys
from freehold.protocol import plc
from freehold.protocol.keys import K256Key, P256Key, secret_text

NETWORK = [K256Key.from_raw(bytes([n]) * 32).did_key for n in (1, 2)]


def operation(*keys: str) -> dict[str, object]:
    unsigned = plc.operation(
        rotation_keys=keys, signing_key=NETWORK[0], handle="ada.example.com", pds="https://example.com"
    )
    return plc.sign_operation(unsigned, K256Key.from_raw(bytes([1]) * 32))


def test_a_key_is_read_again_from_its_text():
    made = recovery_keys.make()
    assert recovery_keys.did_key_of(made.secret) == made.did_key
    assert recovery_keys.make().did_key != made.did_key


def test_a_key_is_found_in_the_file_that_it_was_handed_out_in():
    made = recovery_keys.make()
    page = f"The recovery key of @ada.example.com\r\n\r\n    {made.secret}\r\n\r\nIts public half: {made.did_key}\r\n"
    assert recovery_keys.did_key_of(page) == made.did_key


@pytest.mark.parametrize("key", [K256Key.from_raw(bytes([7]) * 32), P256Key.from_raw(bytes([7]) * 32)])
def test_both_curves_are_taken(key):
    assert recovery_keys.key_of(secret_text(key)).did_key == key.did_key


def test_secrets_are_written_as_other_tools_write_them():
    assert secret_text(P256Key.from_raw(bytes([7]) * 32)).startswith("z42t")
    assert secret_text(K256Key.from_raw(bytes([7]) * 32)).startswith("z3vL")


def test_a_hexadecimal_key_and_an_owners_offline_key_are_taken():
    key = K256Key.from_raw(bytes([9]) * 32)
    assert recovery_keys.did_key_of(f" {key.raw.hex()}\n") == key.did_key
    assert recovery_keys.did_key_of(keychain.written(key.raw)) == key.did_key


@pytest.mark.parametrize("text", ["", "z", "not a key", "f" * 63, "0" * 64, "z" + "1" * 50, NETWORK[0]])
def test_what_is_no_key_is_refused_without_being_repeated(text):
    with pytest.raises(keychain.MistypedKey) as refused:
        recovery_keys.key_of(text)
    assert refused.value.facts == {}


def test_a_key_stands_when_the_identity_names_it_and_it_is_not_the_networks():
    made = recovery_keys.make()
    assert recovery_keys.stands(operation(made.did_key, *NETWORK), made.did_key, NETWORK)
    assert not recovery_keys.stands(operation(*NETWORK), made.did_key, NETWORK)
    assert not recovery_keys.stands(operation(*NETWORK), NETWORK[0], NETWORK)
    assert not recovery_keys.stands(None, made.did_key)
    assert recovery_keys.standing(operation(made.did_key, *NETWORK), NETWORK) == [made.did_key]


def test_a_key_that_the_network_has_replaced_is_not_the_members(site):
    old = K256Key.from_raw(bytes([3]) * 32)
    offline = K256Key.from_raw(bytes([4]) * 32).did_key.encode()

    def replace(tx):
        keychain.retire(tx, site.seal, keychain.RETIRED_HOST, [keychain.Retired(old.raw)])
        keychain.retire(tx, site.seal, keychain.RETIRED_OFFLINE, [keychain.Retired(offline)])

    site.truth.write_sync(replace)
    made = recovery_keys.make()
    newest = operation(made.did_key, offline.decode(), old.did_key)
    with site.truth.reading() as tx:
        of_network = recovery_keys.network_keys(tx, site.seal, site.register.rotation_keys)
    assert recovery_keys.standing(newest, of_network) == [made.did_key]
