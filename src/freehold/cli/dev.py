"""`--dev`: a network that tests and tools can use at once.

Claims the network, makes an owner and a moderator, and writes DIRECTORY/dev.json: url, plc, the DIDs of appview and
labeler, and handle, DID and password of the two. The file is for its owner's eyes only.
"""

import secrets
from typing import Any

import msgspec

from freehold.pds.membership import Application
from freehold.site import Site
from freehold.store.files import write_durably

FILE = "dev.json"


async def prepare(site: Site) -> None:
    """Make the people if they are not there, and write the file anew."""
    path = site.directory / FILE
    before: dict[str, Any] = msgspec.json.decode(path.read_bytes()) if path.exists() else {}
    people = {}
    for role in ("owner", "moderator"):
        people[role] = await _person(site, role, before.get(role, {}).get("password"))
    if not site.network.choices.claimed:
        claimed = msgspec.structs.replace(
            site.network.choices, owner=people["owner"]["did"], claimed_at=site.clock(), join="open"
        )
        await site.truth.write(lambda tx: site.network.choose(tx, claimed))
    told = {
        "url": site.place.base_url,
        "plc": f"{site.place.base_url}/plc",
        "appview": site.services.appview,
        "labeler": site.services.labeler,
        "feeds": site.services.feeds,
        **people,
    }
    write_durably(path, msgspec.json.format(msgspec.json.encode(told)) + b"\n")


async def _person(site: Site, role: str, password: str | None) -> dict[str, str]:
    """The account of that role: found with the password that the file knows, or made, or given a new password."""
    handle = f"the-{role}{site.place.handle_domain}"
    account = site.accounts.find(handle)
    if account is None:
        password = secrets.token_urlsafe(12)
        account = (await site.members.admit(Application(handle, password), role=role)).account
    elif password is None:
        password = secrets.token_urlsafe(12)
        await site.members.set_password(account, password)
    return {"handle": account.handle, "did": account.did, "password": password or ""}
