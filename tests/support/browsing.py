"""A reader without scripts: follows links, fills in forms as they stand in the page, keeps cookies."""

from dataclasses import dataclass, field
from html.parser import HTMLParser
from types import TracebackType
from typing import Any

import httpx

from support.markup import faults


@dataclass
class Form:
    action: str
    method: str
    fields: list[tuple[str, str]] = field(default_factory=list)
    buttons: list[tuple[str, str]] = field(default_factory=list)


class _Forms(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.forms: list[Form] = []
        self.open: Form | None = None
        self.area: str | None = None
        self.select: str | None = None
        self.typed = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        a = {key: value or "" for key, value in attrs}
        if tag == "form":
            self.open = Form(a.get("action", ""), a.get("method", "get"))
            self.forms.append(self.open)
        if self.open is None:
            return
        name = a.get("name", "")
        if tag == "input" and name and a.get("type") not in ("file", "radio", "checkbox"):
            self.open.fields.append((name, a.get("value", "")))
        elif tag == "input" and name and "checked" in a:
            self.open.fields.append((name, a.get("value", "on")))
        elif tag == "button" and name:
            self.open.buttons.append((name, a.get("value", "")))
        elif tag == "textarea":
            self.area, self.typed = name, ""
        elif tag == "select":
            self.select = name
        elif tag == "option" and self.select and "selected" in a:
            self.open.fields.append((self.select, a.get("value", "")))

    def handle_data(self, data: str) -> None:
        self.typed += data

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self.open = None
        elif tag == "select":
            self.select = None
        elif tag == "textarea" and self.open is not None and self.area:
            self.open.fields.append((self.area, self.typed.removeprefix("\n")))
            self.area = None


class Reader:
    """One browser. `page` is the last answer."""

    def __init__(self, app: Any, base_url: str, language: str = "en") -> None:
        self.http = httpx.AsyncClient(
            transport=httpx.ASGITransport(app, raise_app_exceptions=True, client=("192.0.2.7", 4000)),
            base_url=base_url,
            headers={"Accept-Language": language},
        )
        self.page = httpx.Response(200)

    async def __aenter__(self) -> "Reader":
        return self

    async def __aexit__(self, a: type[BaseException] | None, b: BaseException | None, c: TracebackType | None) -> None:
        await self.http.aclose()

    @property
    def text(self) -> str:
        return self.page.text

    async def go(self, path: str, **more: Any) -> httpx.Response:
        self.page = await self.http.get(path, follow_redirects=True, **more)
        return self.page

    def form(self, action: str) -> Form:
        parser = _Forms()
        parser.feed(self.text)
        found = [form for form in parser.forms if form.action == action and form.method == "post"]
        assert found, f"no form to {action} on {self.page.url}"
        return found[-1]

    async def send(
        self,
        action: str,
        *,
        files: list[tuple[str, tuple[str, bytes, str]]] | None = None,
        headers: dict[str, str] | None = None,
        follow: bool = True,
        **typed: str | list[str],
    ) -> httpx.Response:
        """Send the page's last form to `action`, some fields filled in otherwise; a list fills fields of one name."""
        form = self.form(action)
        data: dict[str, list[str]] = {}
        for name, value in form.fields:
            data.setdefault(name, []).append(value)
        data |= {name: value if isinstance(value, list) else [value] for name, value in typed.items()}
        self.page = await self.http.post(
            action,
            data=data,
            files=files,
            headers={"Sec-Fetch-Site": "same-origin"} if headers is None else headers,
            follow_redirects=follow,
        )
        return self.page

    async def sign_in(self, name: str, password: str = "correct horse") -> None:
        await self.go("/sign-in")
        await self.send("/sign-in", identifier=name, password=password)
        assert self.page.status_code == 200, self.text


async def seen(reader: Reader, path: str, *, status: int = 200) -> str:
    """A page, whose markup has no fault; its text."""
    await reader.go(path)
    assert reader.page.status_code == status
    assert faults(reader.text) == []
    return reader.text
