"""Small real servers on port 0: other hosts, as a stranger could run them."""

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import uvicorn

Handle = Callable[[str, str, bytes, asyncio.StreamWriter], Awaitable[None]]
"""method, target, body, writer -> writes a whole HTTP answer."""


@asynccontextmanager
async def serving(handle: Handle, *, context: ssl.SSLContext | None = None) -> AsyncIterator[int]:
    """Serve one request per connection; gives the port. What still runs at the end is cancelled."""
    running: set[asyncio.Task[None]] = set()

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        running.add(task)
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            method, target, _ = head.split("\r\n")[0].split(" ")
            lengths = [line.split(":")[1] for line in head.split("\r\n") if line.lower().startswith("content-length:")]
            await handle(method, target, await reader.readexactly(int(lengths[0]) if lengths else 0), writer)
            await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            running.discard(task)
            writer.close()

    server = await asyncio.start_server(connected, "127.0.0.1", 0, ssl=context)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for task in list(running):
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)


def answer(status: int = 200, body: bytes = b"", **headers: str) -> bytes:
    """A whole HTTP answer; header names with underscores for dashes."""
    lines = [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    lines += [f"content-length: {len(body)}", "connection: close"]
    return f"HTTP/1.1 {status} Whatever\r\n".encode() + "\r\n".join(lines).encode() + b"\r\n\r\n" + body


@asynccontextmanager
async def pages(given: dict[str, bytes]) -> AsyncIterator[str]:
    """Serve whole answers by target; gives the origin. Anything else is a 404."""

    async def handle(method: str, target: str, body: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(given.get(target, answer(404, b"nothing here")))

    async with serving(handle) as port:
        yield f"http://127.0.0.1:{port}"


@asynccontextmanager
async def application(app: Callable[..., Awaitable[None]]) -> AsyncIterator[str]:
    """Serve an ASGI application with the real server; gives the origin."""
    listening = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(app, lifespan="off", log_level="warning", ws="none", timeout_graceful_shutdown=1)
    config.load()
    server = uvicorn.Server(config)
    server.lifespan = config.lifespan_class(config)
    await server.startup(sockets=[listening])  # without its main loop, which looks for the end ten times a second
    try:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    finally:
        await server.shutdown(sockets=[listening])
