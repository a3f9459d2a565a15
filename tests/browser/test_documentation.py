"""The pages of the documentation in Chromium: wide and narrow, light and dark.

A picture of each is kept in ``.ci/artefacts/screenshots/documentation``, to look at after a change of pages.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from .jupyter_lab import SCREENSHOTS

pytestmark = pytest.mark.long

ROOT = Path(__file__).parents[2]

WIDTHS = 1280, 400  # pixels: a window on a desk, and a phone
THEMES = "light", "dark"

# Texts that are cut off or widen the page: those right of the window, in no
# table or block of code that scrolls.
CUT_OFF = """() => [...document.querySelectorAll('.bd-article *')].filter(element => {
    const place = element.getBoundingClientRect();
    if (place.width < 2 || place.right <= innerWidth + 1 || !element.textContent.trim()) return false;
    if (element.matches('.headerlink')) return false;  // shown while the mouse is on the heading
    for (let around = element.parentElement; !around.matches('.bd-article'); around = around.parentElement)
        if (['auto', 'scroll'].includes(getComputedStyle(around).overflowX)) return false;
    return true;
}).map(element => element.textContent.trim().slice(0, 80))"""


# Texts that can hardly be read: those whose colour is too near to what is behind them, by the measure of the
# guidelines for accessible pages (WCAG 2).
LEAST_CONTRAST = 4.5
HARD_TO_READ = """least => {
    // "rgb(255, 0, 0)", and "color(srgb 1 0 0)" of colours that the style sheet mixes.
    const numbers = colour => colour.match(/[\\d.]+/g).map(
        (part, i) => Number(part) * (i < 3 && colour.startsWith('color') ? 255 : 1));
    const luminance = rgb => rgb.slice(0, 3)
        .map(part => part / 255)
        .map(part => part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4)
        .reduce((sum, part, i) => sum + part * [0.2126, 0.7152, 0.0722][i], 0);
    const behind = element => {
        for (let around = element; around; around = around.parentElement) {
            const colour = numbers(getComputedStyle(around).backgroundColor);
            if (colour.length < 4 || colour[3] > 0.5) return colour;
        }
        return [255, 255, 255];
    };
    const contrast = element => {
        const [a, b] = [numbers(getComputedStyle(element).color), behind(element)].map(luminance);
        return (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    };
    return [...document.querySelectorAll('.bd-article *')].filter(element =>
        element.getBoundingClientRect().width > 2
        && getComputedStyle(element).visibility === 'visible'
        && !element.closest('svg, canvas, .headerlink, button, .jupyter-widgets, .bk-root')
        && [...element.childNodes].some(node => node.nodeType === Node.TEXT_NODE && node.textContent.trim())
        && contrast(element) < least
    ).map(element => element.className + ': ' + element.textContent.trim().slice(0, 60));
}"""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The pages: those that CI has built, or without those of single objects and without outputs of notebooks."""
    if "ADAPTIVE_DASK_SITE" in os.environ:
        return Path(os.environ["ADAPTIVE_DASK_SITE"])
    pytest.importorskip("myst_nb", reason="the documentation needs the extra docs")
    folder = tmp_path_factory.mktemp("site")
    for name in ("docs", "examples"):
        ignored = shutil.ignore_patterns("tutorials", "generated", "_build")
        shutil.copytree(ROOT / name, folder / name, ignore=ignored)
    for page in ROOT.glob("*.md"):
        shutil.copy(page, folder)
    options = ["-Q", "-D", "nb_execution_mode=off", "-D", "autosummary_generate=0"]
    build = [sys.executable, "-m", "sphinx", *options, folder / "docs", folder / "html"]
    subprocess.run(build, cwd=ROOT, check=True, timeout=600)
    return folder / "html"


def pages_of(site: Path) -> list[Path]:
    """Return the pages that somebody wrote: without the index, the search and the pages of single objects."""
    pages = [*site.glob("*.html"), *site.glob("tutorials/*.html"), *site.glob("reference/*.html")]
    return sorted(page for page in pages if page.name not in ("genindex.html", "search.html"))


@pytest.mark.parametrize("width", WIDTHS)
def test_all_is_to_be_seen(site: Path, browser: Any, width: int) -> None:
    pages = pages_of(site)
    assert len(pages) > 30
    context = browser.new_context(viewport={"width": width, "height": 900})
    page = context.new_page()
    wrong = {}
    for path in pages:
        name = path.relative_to(site).with_suffix("").as_posix()
        page.goto(path.as_uri())
        page.add_style_tag(content="* { transition: none !important }")  # of colours, when the theme changes
        found = {
            "too wide": page.evaluate("document.documentElement.scrollWidth") > width,
            "cut off": page.evaluate(CUT_OFF),
        }
        for theme in THEMES:
            page.evaluate("theme => { document.documentElement.dataset.theme = theme }", theme)
            found[f"hard to read, {theme}"] = page.evaluate(HARD_TO_READ, LEAST_CONTRAST)
            picture = SCREENSHOTS / "documentation" / f"{name.replace('/', '-')}-{width}-{theme}.jpeg"
            page.screenshot(path=picture, full_page=True, type="jpeg", quality=60)
        wrong |= {name: found} if any(found.values()) else {}
    context.close()
    assert wrong == {}
