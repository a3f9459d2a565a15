"""Settings in Dask's configuration."""

from __future__ import annotations

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import dask
import pytest
import yaml

import adaptive_dask
from adaptive_dask import config

FILE = Path(adaptive_dask.__file__).with_name("adaptive-dask.yaml")


def names_in(tree: dict[str, Any], prefix: str = "") -> set[str]:
    names = set()
    for key, value in tree.items():
        names |= names_in(value, f"{prefix}{key}.") if isinstance(value, dict) else {prefix + key}
    return names


def test_the_file_has_all_settings_and_no_others() -> None:
    assert names_in(yaml.safe_load(FILE.read_text())[config.PREFIX]) == config.KINDS.keys()
    for name in config.KINDS:
        assert config.get(name) > 0
    assert config.get("learner-timeout") == 5
    assert config.get("scheduler.followed-results") == 64 * 2**20
    config.check()


def test_defaults_are_shown_by_dask() -> None:
    dask.config.config.pop(config.PREFIX, None)
    config._defaults.cache_clear()
    with dask.config.set({"adaptive-dask.learner-timeout": "1s"}):  # at its end, Dask removes what was added in it
        config.load_defaults()
        assert config.get("learner-timeout") == 1
    config.load_defaults()
    assert dask.config.get("adaptive-dask.scheduler.ended-runs") == 32


@pytest.mark.parametrize("prefix", ["adaptive-dask", "adaptive_dask"])  # as of files, as of environment variables
def test_defaults_are_added_once(prefix: str) -> None:
    with dask.config.set({f"{prefix}.learner-timeout": "1s"}):
        config.load_defaults()
        known = len(dask.config.defaults)
        for _ in range(3):
            config.load_defaults()
            assert config.get("learner-timeout") == 1
        assert len(dask.config.defaults) == known


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("checkpoint.interval", "250 ms", 0.25),
        ("checkpoint.interval", 3, 3.0),
        ("checkpoint.interval", "1.5", 1.5),
        ("scheduler.ended-runs", 0, 0),
        ("scheduler.ended-runs", "7", 7),
        ("scheduler.ended-functions", "1 kB", 1000),
    ],
)
def test_values(name: str, value: Any, expected: float) -> None:
    with dask.config.set({f"adaptive-dask.{name}": value}):
        assert config.get(name) == expected
        config.check()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(("checkpoint.interval", value) for value in ("soon", "5 parsecs", 0, -1, "nan", True, None, [1], {"a": 1})),
        *(("scheduler.ended-runs", value) for value in ("many", -1, float("nan"), float("inf"), "1 s", False)),
        *(("scheduler.ended-functions", value) for value in ("64 apples", -1, b"1")),
    ],
)
def test_values_that_make_no_sense(name: str, value: Any) -> None:
    default = config.get(name)
    with dask.config.set({f"adaptive-dask.{name}": value}):
        assert config.get(name) == default, "event loops continue"
        with pytest.raises(ValueError, match=rf"adaptive-dask\.{name} must be a .*, got .*DASK_"):
            config.check()
        learner = adaptive_dask.Learner1D(abs, (-1, 1))
        with ThreadPoolExecutor(1) as pool, pytest.raises(ValueError, match=name):
            adaptive_dask.Runner(learner, npoints_goal=2, executor=pool)


def test_environment_and_file(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text("adaptive-dask:\n  scheduler:\n    ended-runs: 5\n    lease: 9s\n")
    script = "from adaptive_dask import config as c; print(*map(c.get, c.KINDS))"
    variables = {"DASK_CONFIG": str(tmp_path), "DASK_ADAPTIVE_DASK__SCHEDULER__LEASE": "8 s"}
    variables["DASK_ADAPTIVE_DASK__CHECKPOINT__INTERVAL"] = "2 s"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, env=os.environ | variables)
    values = dict(zip(config.KINDS, map(float, done.stdout.split()), strict=True))
    assert values["scheduler.ended-runs"] == 5
    assert values["scheduler.lease"] == 8
    assert values["checkpoint.interval"] == 2
    assert values["learner-timeout"] == 5


@pytest.mark.parametrize("module", ["learner.learner1D", "run.session", "storage.checkpoint"])
def test_modules_below_do_not_import_dask(module: str) -> None:
    script = f"import sys, adaptive_dask.{module}; print('dask' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.stdout == "False\n", done.stderr
