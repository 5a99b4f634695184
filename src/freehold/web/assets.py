"""Static files: read once, named by their content, kept by browsers for a year.

`address("tokens.css")` is /static/tokens.css?v=<hash>; a request whose hash is right may be cached for ever,
any other is asked again.
"""

from functools import lru_cache
from gzip import compress
from hashlib import sha256
from importlib.resources import files
from mimetypes import guess_type
from typing import NamedTuple

from starlette.requests import Request
from starlette.responses import Response

FOR_EVER = "public, max-age=31536000, immutable"


class Asset(NamedTuple):
    """One file: its bytes, plain and compressed, its Content-Type and the hash in its address."""

    body: bytes
    packed: bytes
    kind: str
    version: str


def version_of(body: bytes) -> str:
    """The short name of some content."""
    return sha256(body).hexdigest()[:12]


@lru_cache
def assets() -> dict[str, Asset]:
    """All static files by name."""
    found: dict[str, Asset] = {}
    for file in files("freehold.web").joinpath("static").iterdir():
        if file.is_file():
            body = file.read_bytes()
            kind = (
                "text/javascript"
                if file.name.endswith(".js")
                else guess_type(file.name)[0] or "application/octet-stream"
            )
            found[file.name] = Asset(body, compress(body, mtime=0), kind, version_of(body))
    return found


def address(name: str) -> str:
    """The address of a static file. Raises KeyError for a name that is not there: a template has a slip."""
    return f"/static/{name}?v={assets()[name].version}"


async def serve(request: Request) -> Response:
    """GET /static/{name}"""
    asset = assets().get(request.path_params["name"])
    if asset is None:
        return Response("Not found", 404, media_type="text/plain")
    return kept(request, asset)


def kept(request: Request, asset: Asset) -> Response:
    """An answer that a browser keeps, if its address carries the right hash."""
    right = request.query_params.get("v") == asset.version
    headers = {
        "Cache-Control": FOR_EVER if right else "no-cache",
        "ETag": f'"{asset.version}"',
        "Vary": "Accept-Encoding",
    }
    if request.headers.get("if-none-match") == headers["ETag"]:
        return Response(status_code=304, headers=headers)
    if "gzip" in request.headers.get("accept-encoding", ""):
        return Response(asset.packed, media_type=asset.kind, headers=headers | {"Content-Encoding": "gzip"})
    return Response(asset.body, media_type=asset.kind, headers=headers)
