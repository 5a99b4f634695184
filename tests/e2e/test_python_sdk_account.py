"""The Python `atproto` SDK manages an account against a running network: app passwords, handle, identity, the end."""

import secrets
from collections.abc import AsyncIterator

import pytest
from atproto import AsyncClient, models
from atproto_client import exceptions

from support.network import PASSWORD

SERVER, IDENTITY = models.ComAtprotoServerCreateAccount, models.ComAtprotoIdentityUpdateHandle


@pytest.fixture
async def alice(network) -> AsyncIterator[AsyncClient]:
    client = AsyncClient(f"{network.url}/xrpc")
    handle = f"s{secrets.token_hex(6)}.test"
    await client.com.atproto.server.create_account(SERVER.Data(handle=handle, password=PASSWORD))
    await client.login(handle, PASSWORD)
    yield client
    await client.request.close()


async def test_an_app_password_signs_in_posts_and_manages_nothing(network, alice):
    made = await alice.com.atproto.server.create_app_password(
        models.ComAtprotoServerCreateAppPassword.Data(name="reader", privileged=False)
    )
    app = AsyncClient(f"{network.url}/xrpc")
    await app.login(alice.me.handle, made.password)
    assert (await app.send_post("by app password")).uri.startswith(f"at://{alice.me.did}/")
    with pytest.raises(exceptions.BadRequestError) as caught:
        await app.com.atproto.server.list_app_passwords()
    assert caught.value.response.content.error == "InvalidToken"
    [listed] = (await alice.com.atproto.server.list_app_passwords()).passwords
    assert (listed.name, listed.privileged) == ("reader", False)
    await alice.com.atproto.server.revoke_app_password(models.ComAtprotoServerRevokeAppPassword.Data(name="reader"))
    with pytest.raises(exceptions.UnauthorizedError):
        await app.login(alice.me.handle, made.password)
    await app.request.close()


async def test_handle_identity_and_end_go_by_the_official_calls(network, alice):
    handle = f"t{secrets.token_hex(6)}.test"
    await alice.com.atproto.identity.update_handle(IDENTITY.Data(handle=handle))
    status = await alice.com.atproto.server.check_account_status()
    assert (status.activated, status.valid_did) == (True, True)
    good = await alice.com.atproto.identity.get_recommended_did_credentials()
    assert good.also_known_as == [f"at://{handle}"]
    await alice.com.atproto.identity.request_plc_operation_signature()
    signed = await alice.com.atproto.identity.sign_plc_operation(
        models.ComAtprotoIdentitySignPlcOperation.Data(token=PASSWORD, rotation_keys=list(good.rotation_keys)[::-1])
    )
    operation = signed.operation if isinstance(signed.operation, dict) else signed.operation.to_dict()
    assert operation["alsoKnownAs"] == [f"at://{handle}"]
    await alice.com.atproto.server.request_account_delete()
    await alice.com.atproto.server.delete_account(
        models.ComAtprotoServerDeleteAccount.Data(did=alice.me.did, password=PASSWORD, token="")
    )
    with pytest.raises(exceptions.UnauthorizedError):
        await alice.login(handle, PASSWORD)
