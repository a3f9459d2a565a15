"""Screenshots of each page of the documentation, wide and narrow, light and dark: to look at after a change.

``python -m tests.browser.documentation_pictures SITE FOLDER``, with the folder that ``sphinx-build`` wrote.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import Any

from playwright.sync_api import sync_playwright

WIDTHS = 1280, 400  # pixels: a window on a desk, and a phone
THEMES = "light", "dark"


def pages_of(site: Path) -> list[Path]:
    """Return the pages that somebody wrote: without the index, the search and the pages of single objects."""
    pages = [*site.glob("*.html"), *site.glob("tutorials/*.html"), *site.glob("reference/*.html")]
    return sorted(page for page in pages if page.name not in ("genindex.html", "search.html"))


def new_context(browser: Any, width: int, theme: str) -> Any:
    """Open a window of that width, in which the pages of the site have that theme."""
    context = browser.new_context(viewport={"width": width, "height": 900})
    context.add_init_script(f"localStorage.setItem('mode', '{theme}'); localStorage.setItem('theme', '{theme}')")
    return context


def main() -> None:
    site, folder = map(Path, sys.argv[1:])
    folder.mkdir(exist_ok=True, parents=True)
    chromium = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))))
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        for width in WIDTHS:
            for theme in THEMES:
                page = new_context(browser, width, theme).new_page()
                for path in pages_of(site):
                    page.goto(path.absolute().as_uri())
                    page.screenshot(path=folder / f"{path.parent.name}-{path.stem}-{width}-{theme}.png", full_page=True)
        browser.close()


if __name__ == "__main__":
    main()
