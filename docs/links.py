"""Find broken links of the built site: ``python docs/links.py FOLDER``. It exits with 1 if there are some.

Links within the site must lead to a file, and to an element that has the name after the #. Links to other sites are
not followed; they must be complete addresses with https.
"""

from __future__ import annotations

import re
import sys
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

# A host with a top-level domain, or the local machine in examples.
HOST = re.compile(r"(localhost|[\w-]+(\.[\w-]+)*\.[a-z]{2,})(:\d+)?", re.IGNORECASE)
LINKS = {"a": "href", "link": "href", "img": "src", "script": "src", "source": "src", "iframe": "src"}


class Page(HTMLParser):
    """The links and the names of elements of a page.

    Parameters
    ----------
    text : str

    Attributes
    ----------
    links : list of str
    names : set of str
    """

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.names: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        self.names.update(value for name in ("id", "name") if (value := values.get(name)))
        link = values.get(LINKS.get(tag, ""))
        if link is not None:
            self.links.append(link)


@cache
def read(path: Path) -> Page:
    """Read a page once."""
    return Page(path.read_text())


def problem(page: Path, link: str) -> str | None:
    """Say what is wrong with a link of a page, or return None."""
    parts = urlsplit(link)
    if parts.scheme in ("mailto", "data", "javascript"):
        return None
    if parts.scheme or parts.netloc:
        return None if parts.scheme == "https" and HOST.fullmatch(parts.netloc) else "not a complete address with https"
    target = (page.parent / unquote(parts.path)).resolve() if parts.path else page
    if target.is_dir():
        target /= "index.html"
    if not target.is_file():
        return f"no file {target.name}"
    if parts.fragment and target.suffix == ".html" and unquote(parts.fragment) not in read(target).names:
        return f"no element {parts.fragment!r} in {target.name}"
    return None


def broken(folder: Path) -> list[str]:
    """Return a line for each broken link below a folder."""
    pages = sorted(path for path in folder.rglob("*.html") if "_static" not in path.relative_to(folder).parts)
    found = {(page, link): problem(page, link) for page in pages for link in read(page.resolve()).links}
    return [f"{page.relative_to(folder)}: {link}: {text}" for (page, link), text in found.items() if text]


if __name__ == "__main__":
    (name,) = sys.argv[1:]
    lines = broken(Path(name).resolve())
    print(*lines, sep="\n", end="\n" if lines else "")
    sys.exit(bool(lines))
