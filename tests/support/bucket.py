"""A server that speaks S3, in a process of its own: moto's, which keeps all in memory (see `bucket_child`)."""

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
from bench.ports import free_ports

from support.children import environment

START_SECONDS = 60


@contextmanager
def bucket_server(log: Path, address: str = "127.0.0.1") -> Iterator[str]:
    """Its URL. It ends with the `with`. address: of this machine, that it listens at."""
    (port,) = free_ports(1)
    command = [sys.executable, "-W", "ignore", "-m", "support.bucket_child", address, str(port)]
    with log.open("wb") as out:
        child = subprocess.Popen(command, stdout=out, stderr=out, env=environment(PYTHONWARNINGS="ignore"))
    url = f"http://{address}:{port}"
    try:
        patience = time.monotonic() + START_SECONDS
        while True:
            try:
                httpx.get(f"{url}/moto-api/")
                break
            except httpx.TransportError:
                assert child.poll() is None, log.read_text()
                assert time.monotonic() < patience, log.read_text()
                time.sleep(0.05)
        yield url
    finally:
        child.kill()
        child.wait()


def make_bucket(url: str, name: str, *, versions: bool = False) -> None:
    """A new bucket; versions: one that keeps what is deleted."""
    host = {"Authorization": "AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/s3/aws4_request"}
    httpx.put(f"{url}/{name}", headers=host).raise_for_status()
    if versions:
        body = "<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>"
        httpx.put(f"{url}/{name}?versioning", content=body, headers=host).raise_for_status()
