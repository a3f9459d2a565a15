"""The gate looks for broken links in the built site; this tests that it finds them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

RIGHT = [
    "other.html",
    "other.html#there",
    "#here",
    "folder/",
    "other.html?q=1#there",
    "a%20b.png",
    "https://docs.dask.org/en/stable/x.html#y",
    "mailto:somebody@example.org",
]
WRONG = [
    ("gone.html", "no file gone.html"),
    ("other.html#here", "no element 'here' in other.html"),
    ("#there", "no element 'there' in index.html"),
    ("http://docs.dask.org", "not a complete address with https"),
    ("https://docs", "not a complete address with https"),
    ("//docs.dask.org", "not a complete address with https"),
    ("empty/", "no file index.html"),
]


def check(folder: Path, links: list[str]) -> subprocess.CompletedProcess[str]:
    anchors = "".join(f'<a href="{link}">x</a>' for link in links)
    (folder / "index.html").write_text(f'<h1 id="here">x</h1>{anchors}<img src="a%20b.png">')
    (folder / "other.html").write_text('<h2 id="there">y</h2>')
    (folder / "a b.png").write_bytes(b"")
    (folder / "empty").mkdir()
    (folder / "folder").mkdir()
    (folder / "folder" / "index.html").write_text('<a href="../index.html#here">up</a>')
    script = ROOT / "docs" / "links.py"
    return subprocess.run([sys.executable, str(script), str(folder)], capture_output=True, text=True)


def test_links_that_lead_somewhere(tmp_path: Path) -> None:
    done = check(tmp_path, RIGHT)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.parametrize(("link", "message"), WRONG)
def test_broken_links(link: str, message: str, tmp_path: Path) -> None:
    done = check(tmp_path, [*RIGHT, link])
    assert (done.returncode, done.stdout, done.stderr) == (1, f"index.html: {link}: {message}\n", "")


def test_the_gate_looks_for_them() -> None:
    assert '\npython docs/links.py "$scratch/html"\n' in (ROOT / ".ci" / "run").read_text()
