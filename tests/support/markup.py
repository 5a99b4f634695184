"""Reads a page as strictly as no browser does, and says what is wrong with it."""

from html.parser import HTMLParser

EMPTY = {"meta", "link", "input", "img", "br", "hr", "use", "path", "circle", "rect"}


class Page(HTMLParser):
    """Reads a page strictly and notes what is wrong with it."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.stack: list[str] = []
        self.faults: list[str] = []
        self.ids: list[str] = []
        self.wanted: set[str] = set()
        self.said: list[list[str]] = []  # text within each open link or button
        self.tokens = 0
        self.posts = self.acts = 0
        self.headings: list[int] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        a = {key: value or "" for key, value in attrs}
        if len(a) != len(attrs):
            self.faults.append(f"an attribute twice on <{tag}>")
        if "id" in a:
            self.ids.append(a["id"])
        for key in ("for", "aria-labelledby", "aria-describedby"):
            self.wanted |= set(a.get(key, "").split())
        if tag == "a" and a.get("href", "").startswith("#"):
            self.wanted.add(a["href"][1:])
        if tag == "img" and "alt" not in a:
            self.faults.append("a picture without alt")
        if tag == "form" and a.get("method") == "post":
            self.posts += 1
            self.acts += "data-act" in a
        self.tokens += tag == "input" and a.get("name") == "token"
        if tag in ("h1", "h2", "h3"):
            self.headings.append(int(tag[1]))
        if tag in ("a", "button", "summary"):
            self.said.append([a.get("aria-label", ""), "hidden" if "aria-hidden" in a else ""])
        if tag == "img" and self.said:
            self.said[-1].append(a.get("alt", ""))
        if tag not in EMPTY:
            self.stack.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)

    def handle_data(self, data: str) -> None:
        if self.said:
            self.said[-1].append(data.strip())

    def handle_endtag(self, tag: str) -> None:
        if not self.stack or self.stack.pop() != tag:
            self.faults.append(f"</{tag}> at {self.getpos()}")
        if tag in ("a", "button", "summary") and not any(self.said.pop()):
            self.faults.append(f"a <{tag}> without words at {self.getpos()}")


def faults(html: str, *, signed_in: bool = True) -> list[str]:
    page = Page()
    page.feed(html)
    twice = {one for one in page.ids if page.ids.count(one) > 1}
    nowhere = page.wanted - set(page.ids)
    levels = [f"h{a} then h{b}" for a, b in zip(page.headings, page.headings[1:], strict=False) if b > a + 1]
    found = [
        *page.faults,
        *(f"id twice: {one}" for one in twice),
        *(f"leads nowhere: {one}" for one in nowhere),
        *levels,
    ]
    forms = page.posts if signed_in else page.posts - page.acts  # which only lead to the way in
    if forms != page.tokens:
        found.append(f"{forms} forms but {page.tokens} tokens")
    return [*found, *page.stack]
