"""A door served by a real uvicorn on a free port, and hands to knock on it."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import uvicorn

from freehold.api.door import Door


class Served:
    """A running door. http: a client whose base is its address."""

    def __init__(self, http: httpx.AsyncClient, port: int) -> None:
        self.http, self.port = http, port

    async def post_json(self, nsid: str, body: Any, token: str | None = None) -> httpx.Response:
        headers = {"authorization": f"Bearer {token}"} if token else {}
        return await self.http.post(f"/xrpc/{nsid}", json=body, headers=headers)

    async def speak(self, data: bytes) -> bytes:
        """Send bytes as they are; the answer's first piece."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        writer.write(data)
        try:
            return await reader.read(65_536)
        finally:
            writer.close()
            await writer.wait_closed()

    async def hang_up_after(self, data: bytes) -> None:
        _, writer = await asyncio.open_connection("127.0.0.1", self.port)
        writer.write(data)
        await writer.drain()
        writer.close()
        await writer.wait_closed()


@asynccontextmanager
async def serve(door: Door, site: Any) -> AsyncIterator[Served]:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await door(site, scope, receive, send)

    listening = socket.create_server(("127.0.0.1", 0))  # callers wait in its queue until the server takes them
    port = listening.getsockname()[1]
    config = uvicorn.Config(app, lifespan="off", log_config=None, http="httptools", access_log=False)
    config.load()
    server = uvicorn.Server(config)
    server.lifespan = config.lifespan_class(config)
    await server.startup(sockets=[listening])
    try:
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=60) as http:
            yield Served(http, port)
    finally:
        await server.shutdown(sockets=[listening])
