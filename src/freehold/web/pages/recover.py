"""Coming back with a lost password: by recovery code, by recovery key, or by a code in a letter.

Nothing here says which names or addresses have an account.
"""

from starlette.responses import Response
from starlette.routing import Route

from freehold.net.statuses import STATUS
from freehold.protocol.refused import Refused
from freehold.web.endpoints import Form, getter, poster
from freehold.web.visit import Missing, Visit

FIELD_OF = {"RecoveryRefused": "proof", "InvalidPassword": "password", "InvalidToken": "code", "ExpiredToken": "code"}


async def recover_page(visit: Visit) -> Response:
    """GET /recover"""
    return await _page(visit, "", {})


async def recover(visit: Visit, form: Form) -> Response:
    """POST /recover: the new recovery code is in the answer to this, and nowhere else."""
    identifier = form.text("identifier", 300).lstrip("@")
    try:
        did, code = await visit.backend.credentials.recover(
            identifier=identifier, proof=form.text("proof", 4000), password=form.raw("password"), address=visit.address
        )
    except Refused as refused:
        return await _page(visit, identifier, _found(visit, refused), STATUS[refused.kind])
    member = await visit.backend.member_by(did)
    page = await visit.page("recovery_code.html", code=code, recovered=True)
    return await visit.signed_in(member, page)


async def letter_page(visit: Visit) -> Response:
    """GET /recover/mail"""
    _assure_mail(visit)
    return await visit.page("recover_mail.html", sent=False, email="", found={})


async def letter(visit: Visit, form: Form) -> Response:
    """POST /recover/mail: the same answer for an address that nobody has."""
    _assure_mail(visit)
    email = form.text("email", 300)
    try:
        await visit.backend.credentials.ask_for_letter(email, visit.address)
    except Refused as refused:
        found = {"": visit.says(refused)}
        return await visit.page("recover_mail.html", STATUS[refused.kind], sent=False, email=email, found=found)
    return await visit.page("recover_mail.html", sent=True, email=email, found={})


async def by_letter(visit: Visit, form: Form) -> Response:
    """POST /recover/mail/code"""
    _assure_mail(visit)
    email = form.text("email", 300)
    try:
        await visit.backend.credentials.recover_by_letter(form.text("code", 100), form.raw("password"), visit.address)
    except Refused as refused:
        found = _found(visit, refused)
        return await visit.page("recover_mail.html", STATUS[refused.kind], sent=True, email=email, found=found)
    return visit.go("/sign-in", said="recovered")


async def _page(visit: Visit, identifier: str, found: dict[str, str], status: int = 200) -> Response:
    mail = visit.backend.credentials.mail_possible
    return await visit.page("recover.html", status, identifier=identifier, found=found, mail=mail)


def _assure_mail(visit: Visit) -> None:
    """Raises Missing on a network that sends none."""
    if not visit.backend.credentials.mail_possible:
        raise Missing


def _found(visit: Visit, refused: Refused) -> dict[str, str]:
    return {FIELD_OF.get(refused.name, ""): visit.says(refused)}


ROUTES = [
    Route("/recover", getter(recover_page, unclaimed=True)),
    Route("/recover", poster(recover, members=False, unclaimed=True), methods=["POST"]),
    Route("/recover/mail", getter(letter_page, unclaimed=True)),
    Route("/recover/mail", poster(letter, members=False, unclaimed=True), methods=["POST"]),
    Route("/recover/mail/code", poster(by_letter, members=False, unclaimed=True), methods=["POST"]),
]
