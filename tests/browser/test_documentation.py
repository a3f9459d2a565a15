"""The pages of the documentation in Chromium, on narrow screens."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.long

ROOT = Path(__file__).parents[2]
WIDTH = 400

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


def test_no_page_scrolls_sideways(site: Path, browser: Any) -> None:
    pages = [path for path in (*site.glob("*.html"), *site.glob("reference/*.html")) if path.name != "genindex.html"]
    assert len(pages) > 30
    context = browser.new_context(viewport={"width": WIDTH, "height": 900})
    page = context.new_page()
    wrong = {}
    for path in pages:
        page.goto(path.as_uri())
        if page.evaluate("document.documentElement.scrollWidth") > WIDTH or page.evaluate(CUT_OFF):
            wrong[path.name] = page.evaluate(CUT_OFF)
    context.close()
    assert wrong == {}
