"""The pages for people, as a browser without scripts sends them."""

import re
from typing import Any

import httpx

from support.network import PASSWORD


async def submit(http: httpx.AsyncClient, page: httpx.Response, action: str, **fields: Any) -> httpx.Response:
    """Send a form of `page`, with its token. It must be taken."""
    token = re.search(r'name="token" value="([^"]+)"', page.text)
    assert token is not None, page.text
    origin = f"http://{page.request.headers['host']}"
    sent = await http.post(action, data={"token": token[1], **fields}, headers={"origin": origin})
    assert sent.status_code == 303, sent.text
    return sent


async def sign_in(http: httpx.AsyncClient, handle: str) -> None:
    """Sign in; the client keeps the cookie."""
    await submit(http, await http.get("/sign-in"), "/sign-in", identifier=handle, password=PASSWORD)
