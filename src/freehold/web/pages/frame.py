"""What belongs to the site and to no page: brand style sheet, icons, manifest, service worker, offline page, about."""

from anyio import to_thread
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from freehold.web import assets
from freehold.web.brand import brand_css, icon_png, icon_svg, manifest
from freehold.web.endpoints import getter
from freehold.web.shield import POLICY
from freehold.web.visit import Missing, Visit

ICON_SIZES = (192, 512)


async def brand(request: Request) -> Response:
    """GET /brand.css"""
    return _made(request, brand_css(request.app.state.backend.network()).encode(), "text/css")


async def icon(request: Request) -> Response:
    """GET /icon.svg"""
    return _made(request, icon_svg(request.app.state.backend.network()).encode(), "image/svg+xml")


async def service_worker(request: Request) -> Response:
    """GET /sw.js: served at the root, so that it may answer for all pages.

    It alone may ask the spare doors. They stand in its first line, so that browsers take notice when they change.
    """
    doors = " ".join(request.app.state.backend.network().doors)
    policy = f"{POLICY}; connect-src 'self' {doors}".rstrip()
    headers = {"Cache-Control": "no-cache", "Content-Security-Policy": policy}
    body = f"// doors: {doors}\n".encode() + assets.assets()["sw.js"].body
    return Response(body, media_type="text/javascript", headers=headers)


async def png(visit: Visit) -> Response:
    """GET /icon-192.png, /icon-512.png, /icon-512-mask.png …"""
    size, bleed = int(visit.request.path_params["size"]), visit.request.url.path.endswith("-mask.png")
    if size not in ICON_SIZES:
        raise Missing
    drawn = await to_thread.run_sync(icon_png, icon_svg(visit.network, bleed=bleed), size)
    return _made(visit.request, drawn, "image/png")


async def web_manifest(visit: Visit) -> Response:
    """GET /manifest.webmanifest"""
    say = visit.speech.say
    about = visit.network.about or say(
        "%(network)s, a social network owned by its members.", network=visit.network.name
    )
    content = manifest(visit.network, visit.brand_version, about, say("Write a post"))
    return JSONResponse(content, media_type="application/manifest+json", headers={"Cache-Control": "no-cache"})


async def offline(visit: Visit) -> Response:
    """GET /offline: kept by the service worker."""
    return await visit.page("offline.html")


async def busy(visit: Visit) -> Response:
    """GET /busy: shown in the place of any page to strangers who have to wait, while there is a siege."""
    return await visit.page("busy.html")


async def about(visit: Visit) -> Response:
    """GET /about"""
    return await visit.page("about.html", front=False)


def _made(request: Request, body: bytes, kind: str) -> Response:
    """Something drawn from the owner's choices: kept for a year when the address names the choice."""
    age = assets.FOR_EVER if request.query_params.get("v") else "no-cache"
    return Response(body, media_type=kind, headers={"Cache-Control": age})


ROUTES = [
    Route("/static/{name}", assets.serve),
    Route("/brand.css", brand),
    Route("/icon.svg", icon),
    Route("/icon-{size:int}.png", getter(png, unclaimed=True)),
    Route("/icon-{size:int}-mask.png", getter(png, unclaimed=True)),
    Route("/manifest.webmanifest", getter(web_manifest, unclaimed=True)),
    Route("/sw.js", service_worker),
    Route("/offline", getter(offline, unclaimed=True)),
    Route("/busy", getter(busy, unclaimed=True)),
    Route("/about", getter(about)),
]
