"""The official development network from npm: PDS, AppView, PostgreSQL and Redis, as the other side of reading.

Its Node program holds PLC, PDS, AppView and indexer in one process; PostgreSQL and Redis run beside it, in a folder of
their own, on ports of their own, from an empty state. Needs the package @atproto/dev-env installed in a folder by the
same Node that runs it (`npm install @atproto/dev-env@0.6.7`; its SQLite is built for one), Node 22 or later, and
Debian's postgresql and redis-server.
Source: npm, @atproto/dev-env
"""

import asyncio
import os
import shutil
import signal
import subprocess
import time
from contextlib import suppress
from pathlib import Path

import msgspec

from bench.machine import cpu_seconds, resident_bytes
from bench.network import Member, until
from bench.ports import free_port
from bench.wire import Client

PROGRAM = """
import net from 'node:net'
import { writeFileSync } from 'node:fs'
const listen = net.Server.prototype.listen
net.Server.prototype.listen = function (...given) {  // on this machine only
  if (typeof given[0] === 'number' && typeof given[1] !== 'string') given.splice(1, 0, '127.0.0.1')
  else if (given[0]?.port !== undefined && !given[0].host) given[0] = { ...given[0], host: '127.0.0.1' }
  return listen.apply(this, given)
}
const { TestNetwork } = await import('@atproto/dev-env')
const [plc, pds, bsky, ozone] = process.env.PORTS.split(',').map(Number)
const network = await TestNetwork.create({
  plc: { port: plc },
  pds: { port: pds, hostname: 'localhost', enableDidDocWithSession: true },
  bsky: { port: bsky, dbPostgresSchema: 'bsky', publicUrl: `http://localhost:${bsky}` },
  ozone: { port: ozone, dbMaterializedViewRefreshIntervalMs: 30_000 },
})
writeFileSync(process.env.READY, JSON.stringify({ did: network.bsky.serverDid }))
process.on('SIGTERM', () => process.exit(0))
"""
STOP_SECONDS = 20.0
TOKEN_SECONDS = 3_000
SETTLE_SECONDS, LOOK_SECONDS, IDLE_SHARE = 120.0, 0.5, 0.1


def absent(folder: Path, node: Path) -> str:
    """What lacks to run it; empty if nothing does."""
    if not node.exists():
        return f"there is no Node at {node}"
    if not (folder / "node_modules" / "@atproto" / "dev-env").is_dir():
        return f"@atproto/dev-env is not installed in {folder}"
    if _postgres("initdb") is None:
        return "there is no PostgreSQL"
    return "" if shutil.which("redis-server") else "there is no redis-server"


def _postgres(name: str) -> str | None:
    places = sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    return shutil.which(name, path=os.pathsep.join([*map(str, places), os.environ.get("PATH", "")]))


class OfficialNetwork:
    """A running one. port: the PDS's; reading_port: the AppView's; did: the AppView's."""

    name = "official"
    suffix = ".test"

    def __init__(self, directory: Path, folder: Path, node: Path) -> None:
        directory.mkdir(parents=True)
        self._directory = directory
        self.port, self.reading_port = free_port(), free_port()
        self._tokens: dict[tuple[str, str], str] = {}
        self._running: list[subprocess.Popen[bytes]] = []
        database = self._start_stores()
        (folder / "network.mjs").write_text(PROGRAM)
        ready = directory / "ready.json"
        given = {
            "PORTS": f"{free_port()},{self.port},{self.reading_port},{free_port()}",
            "READY": str(ready),
            "NODE_ENV": "production",
            "LOG_ENABLED": "false",
            "UV_USE_IO_URING": "0",
            "DB_POSTGRES_URL": database,
            "DB_POSTGRES_SCHEMA": "bench",
            "REDIS_HOST": f"127.0.0.1:{self._redis_port}",
        }
        self._start([str(node), "network.mjs"], folder, given)
        until(self._running[-1], ready.exists)
        self.did = msgspec.json.decode(ready.read_bytes())["did"]

    def _start_stores(self) -> str:
        """PostgreSQL, as another user if we are root, which it refuses; and Redis. The URL of a new database."""
        data, port, self._redis_port = self._directory / "postgres", free_port(), free_port()
        data.mkdir()
        self._as = ["runuser", "-u", "postgres", "--"] if os.getuid() == 0 else []
        if self._as:
            shutil.chown(data, "postgres")
            for above in (self._directory, *self._directory.parents):
                if above.stat().st_uid == os.getuid() and not above.stat().st_mode & 0o001:
                    above.chmod(above.stat().st_mode | 0o011)
        self._data = data
        self._run("initdb", "-D", data, "-A", "trust", "-U", "bench", "--locale=C.UTF-8")
        options = f"-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories={data} -c max_connections=200"
        self._run("pg_ctl", "-D", data, "-w", "-l", data / "log", "-o", options, "start")
        self._run("createdb", "-h", "127.0.0.1", "-p", port, "-U", "bench", "bench")
        self._postgres = int((data / "postmaster.pid").read_text().split()[0])
        words = ["redis-server", "--port", str(self._redis_port), "--bind", "127.0.0.1", "--save", ""]
        self._start(words, self._directory, {})
        return f"postgresql://bench@127.0.0.1:{port}/bench"

    def _run(self, name: str, *words: object) -> None:
        program = _postgres(name)
        assert program is not None
        subprocess.run(
            [*self._as, program, *map(str, words)], check=True, stdout=subprocess.DEVNULL, cwd=self._data, timeout=60
        )

    def _start(self, words: list[str], folder: Path, given: dict[str, str]) -> None:
        quiet = subprocess.DEVNULL
        environment = {**os.environ, **given}
        self._running.append(
            subprocess.Popen(words, cwd=folder, env=environment, stdout=quiet, stderr=quiet, start_new_session=True)
        )

    def cpu_seconds(self) -> float:
        """CPU time of all its processes."""
        return sum(map(cpu_seconds, (self._postgres, *(one.pid for one in self._running))))

    def resident_bytes(self) -> int:
        """Its memory."""
        return sum(map(resident_bytes, (self._postgres, *(one.pid for one in self._running))))

    async def token(self, client: Client, member: Member, nsid: str) -> str:
        """What the AppView wants to see: the PDS's word for who asks, for this call alone."""
        key = member.did, nsid
        if key not in self._tokens:
            expires = int(time.time()) + TOKEN_SECONDS
            path = "/xrpc/com.atproto.server.getServiceAuth"
            answer = await client.get(path, member.token, aud=self.did, lxm=nsid, exp=expires)
            self._tokens[key] = msgspec.json.decode(answer)["token"]
        return self._tokens[key]

    async def settled(self) -> None:
        """Wait until it has nothing to do any more: its indexer goes on long after a write was answered."""
        until_then, spent = time.monotonic() + SETTLE_SECONDS, self.cpu_seconds()
        while time.monotonic() < until_then:
            await asyncio.sleep(LOOK_SECONDS)
            before, spent = spent, self.cpu_seconds()
            if spent - before < IDLE_SHARE * LOOK_SECONDS:
                return

    def stop(self) -> None:
        """End it."""
        for one in self._running:
            with suppress(ProcessLookupError):
                os.killpg(one.pid, signal.SIGKILL)
            one.wait(STOP_SECONDS)
        self._run("pg_ctl", "-D", self._data, "-m", "immediate", "stop")
