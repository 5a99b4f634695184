"""`freehold takedown`: one record or file, no longer served or served again."""

import argparse

from freehold.cli.label import did_of, subject
from freehold.cli.terminal import Terminal
from freehold.pds.accounts import Account
from freehold.pds.takedowns import SubjectNotFound
from freehold.protocol.refused import InvalidRequest
from freehold.protocol.syntax import is_cid_text
from freehold.site import Site


async def act(site: Site, given: argparse.Namespace, terminal: Terminal) -> None:
    """Do it, and say how to undo it."""
    takedowns = site.takedowns
    account, part = found(site, given.subject)
    if given.undo:
        await site.write_private(lambda tx: takedowns.put_back(tx, account.did, part))
        terminal.say(f"{part} of {account.handle} is served again.")
        return
    await site.write_private(lambda tx: takedowns.take_down(tx, account.did, part, given.ref))
    undo = f"freehold takedown {site.directory} {given.subject} --undo"
    terminal.say(f"{part} of {account.handle} is served no more. To undo: {undo}")


def found(site: Site, text: str) -> tuple[Account, str]:
    """Whose the record or file is that the words name, and its name there. Raises InvalidRequest, SubjectNotFound."""
    name, _, cid = text.partition("/")
    if not text.startswith("at://") and not is_cid_text(cid):
        whole = f"A whole account: freehold account {site.directory} takedown {name}"
        raise InvalidRequest(f"{text} is neither a record (at://…) nor a file (DID/CID). {whole}")
    try:
        if text.startswith("at://"):
            return site.takedowns.record(subject(site, text))
        return site.takedowns.blob(did_of(site, name), cid)
    except SubjectNotFound:
        raise SubjectNotFound(f"{text} is not here.") from None
