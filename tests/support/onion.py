"""A visitor by the onion door: speaks to its socket as tor does, over one circuit, with a browser's cookies."""

import json
import re
import socket
from http.client import HTTPConnection, HTTPResponse
from http.cookies import SimpleCookie
from pathlib import Path
from typing import Any
from urllib.parse import urlencode


class Visitor:
    """One who came by that circuit. url: the door's, as a browser shows it."""

    def __init__(self, door: Path, address: str, circuit: int = 1) -> None:
        self._door, self.address = door, address
        self.line = f"PROXY TCP6 fc00:dead:beef:4dad::0:{circuit:x} ::1 {circuit} 80\r\n".encode()
        self.cookies: dict[str, str] = {}
        self.text = ""

    def connect(self) -> socket.socket:
        made = socket.socket(socket.AF_UNIX)
        made.settimeout(20)
        made.connect(str(self._door))
        made.sendall(self.line)
        return made

    def ask(self, method: str, path: str, body: bytes | None = None, **headers: str) -> HTTPResponse:
        """One exchange; the body is in `text` then."""
        connection = HTTPConnection(self.address)
        connection.sock = self.connect()
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        cookie = {"cookie": "; ".join(f"{k}={v}" for k, v in self.cookies.items())} if self.cookies else {}
        connection.request(method, path, body, {"host": self.address, **cookie, **named})
        answer = connection.getresponse()
        self.text = answer.read().decode(errors="replace")
        for each in answer.headers.get_all("set-cookie") or ():
            for name, morsel in SimpleCookie(each).items():
                self.cookies[name] = morsel.value
        connection.close()
        return answer

    def send(self, path: str, form: str, **fields: str) -> HTTPResponse:
        """A form of the page at `form`, as a browser sends it."""
        self.ask("GET", form)
        found = re.search(r'name="token" value="([^"]+)"', self.text)
        fields |= {"token": found[1] if found else ""}
        return self.ask(
            "POST",
            path,
            urlencode(fields).encode(),
            content_type="application/x-www-form-urlencoded",
            origin=f"http://{self.address}",
            sec_fetch_site="same-origin",
        )

    def call(self, nsid: str, given: Any = None, **headers: str) -> Any:
        """A method."""
        body = json.dumps(given).encode() if given is not None else None
        kind = {"content_type": "application/json"} if body else {}
        self.ask("POST" if body else "GET", f"/xrpc/{nsid}", body, **kind, **headers)
        return json.loads(self.text)
