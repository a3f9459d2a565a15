"""The package and the files around it."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml

import adaptive_dask

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())


def test_the_version_is_in_one_place() -> None:
    assert "version" not in PROJECT["project"]
    assert PROJECT["tool"]["hatch"]["version"] == {"path": "adaptive_dask/__init__.py"}
    assert yaml.safe_load((ROOT / "CITATION.cff").read_text())["version"] == adaptive_dask.__version__
    assert f"## {adaptive_dask.__version__} " in (ROOT / "CHANGELOG.md").read_text()


@pytest.mark.parametrize("name", ["py.typed", "__init__.pyi", "learner/__init__.pyi", "adaptive-dask.yaml"])
def test_files_that_are_not_modules_are_installed(name: str) -> None:
    assert Path(adaptive_dask.__file__).parent.joinpath(name).is_file()


def test_other_platforms_get_a_clear_error() -> None:
    script = "import os; os.name = 'nt'\nimport adaptive_dask"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.returncode == 1
    last = done.stderr.strip().splitlines()[-1]
    assert last.startswith("ImportError: adaptive_dask needs a POSIX system")
    assert "got os.name = 'nt'" in last
    assert "Windows Subsystem for Linux" in last


def test_hooks_run_commands_of_the_gate() -> None:
    gate = (ROOT / ".ci" / "run").read_text()
    (local,) = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())["repos"]
    for hook in local["hooks"]:
        assert f"\n{hook['entry'].removesuffix(' --fix')}" in gate, hook


def test_forms_of_issues_are_complete() -> None:
    forms = [path for path in (ROOT / ".github" / "ISSUE_TEMPLATE").glob("*.yml") if path.stem != "config"]
    assert len(forms) == 2
    for form in forms:
        content = yaml.safe_load(form.read_text())
        assert content.keys() >= {"name", "description", "body"}
        assert all(part["attributes"]["label"] for part in content["body"])


def test_the_package_says_where_it_works() -> None:
    classifiers = PROJECT["project"]["classifiers"]
    versions = {
        name.rpartition(" ")[2] for name in classifiers if name.startswith("Programming Language :: Python :: 3.")
    }
    assert f">={min(versions)}" == PROJECT["project"]["requires-python"]
    assert "Operating System :: POSIX" in classifiers
    guide = (ROOT / "CONTRIBUTING.md").read_text()
    assert all(version in guide for version in versions)
    assert all(url.startswith("https://") for url in PROJECT["project"]["urls"].values())


def test_the_gate_checks_what_is_published() -> None:
    gate = (ROOT / ".ci" / "run").read_text()
    for command in ("python -m build", "twine check --strict", "check-wheel-contents", ".ci/oldest"):
        assert f"\n{command} " in gate
    oldest = (ROOT / ".ci" / "oldest").read_text()
    assert "--resolution lowest-direct" in oldest
    for path in re.findall(r"tests/[\w/.]+", oldest):
        assert (ROOT / path).exists(), path


def test_every_dependency_has_a_lower_bound() -> None:
    extras = PROJECT["project"]["optional-dependencies"].values()
    for requirement in [*PROJECT["project"]["dependencies"], *(each for extra in extras for each in extra)]:
        assert re.search(r">=\d|==\d", requirement) or requirement.startswith("adaptive_dask["), requirement
