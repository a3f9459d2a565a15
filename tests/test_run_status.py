"""The status of a run and its formatting, which all displays share."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import pytest

from adaptive_dask.cli.showing import details
from adaptive_dask.dashboard import header
from adaptive_dask.notebook import figures
from adaptive_dask.run.progress import ProgressHistory
from adaptive_dask.run.status import ENDED, HOSTED_STATES, STATES, RunStatus, duration, number, percent
from adaptive_dask.runner.terminal import status_line

from .fakes import make_status as status


def test_an_info_makes_the_same_status() -> None:
    for now in (status(), status(id="x", pages=False, nsamples=7, waits_for="workers", points_per_second=0.0)):
        assert repr(RunStatus.from_info(now.as_info())) == repr(now)  # in which NaN equals NaN
    assert "workers" not in status().as_info()
    assert status().as_info()["ended"] is None


def test_a_status_of_odd_values_is_made_plain() -> None:
    odd = status(npoints=np.int64(3), loss=np.float32(0.5), name="\udce4", failed=10**30, goal={"npoints": np.int32(4)})
    plain = odd.made_plain()
    assert json.loads(json.dumps(plain.as_info()))["npoints"] == 3
    assert (plain.name, plain.failed, plain.goal) == ("\\udce4", 2**63 - 1, {"npoints": 4})


@pytest.mark.parametrize(
    ("fields", "shown"),
    [
        ({}, "running"),  # it has just started
        ({"elapsed": 1.0}, "waiting"),
        ({"waits_for": "workers"}, "waiting"),
        ({"elapsed": 1.0, "slots": 1}, "running"),
        ({"elapsed": 1.0, "in_flight": 1}, "running"),
        ({"elapsed": 1.0, "status": "paused"}, "paused"),
        ({"elapsed": 1.0, "status": "draining", "waits_for": "evaluations"}, "draining"),
        ({"elapsed": 1.0, "ended": 1.0, "status": "failed"}, "failed"),
    ],
)
def test_a_running_run_without_slots_is_shown_as_waiting(fields: dict[str, Any], shown: str) -> None:
    assert status(**fields).shown == shown
    assert shown in STATES


def test_states() -> None:
    assert set(STATES) > ENDED
    assert set(STATES) - set(HOSTED_STATES) == {"waiting", "reconnecting"}
    assert all(status(status=state).has_ended == (state in ENDED) for state in STATES)


def test_shares_are_unknown_before_the_first_evaluation() -> None:
    now = status()
    assert all(map(math.isnan, (now.pace, now.busy_share, now.overhead, now.in_flight_share, now.learner_share)))
    now = status(slot_seconds=10.0, function_seconds=8.0, in_flight=2, npoints=4, elapsed=5.0, learner_seconds=1.0)
    assert (now.busy_share, now.in_flight_share, now.learner_share) == (0.8, 0.5, 0.2)
    assert now.overhead == pytest.approx(0.2)
    assert status(slot_seconds=1.0, function_seconds=1.5).overhead == 0


def test_the_pace_is_the_present_one_and_at_the_end_the_average() -> None:
    assert status(points_per_second=7.0, evaluated=100, elapsed=10.0).pace == 7.0
    assert status(points_per_second=0.0, evaluated=100, elapsed=10.0, ended=10.0).pace == 10.0


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (-1, "0 s"),
        (59.4, "59 s"),
        (59.6, "1 min 00 s"),
        (3599.7, "1 h 00 min"),
        (86399, "23 h 59 min"),
        (86400, "1 d 00 h"),
        (1234 * 86400, "1,234 d 00 h"),
    ],
)
def test_durations(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_numbers_and_shares() -> None:
    values = (math.nan, math.inf, -math.inf, 0.0, 0.12345, 12345.6, 1e7)
    assert [number(value) for value in values] == ["–", "∞", "-∞", "0", "0.123", "12,346", "1e+07"]
    shares = (math.nan, 0.0, 1e-4, 0.0123, 0.5, 1.0)
    assert [percent(share) for share in shares] == ["–", "0 %", "< 0.1 %", "1.2 %", "50 %", "100 %"]


def test_points_without_a_value_are_counted_and_are_no_trouble() -> None:
    assert status().counts == status().troubles == {}
    now = status(infeasible=12, failed=2, lost=1)
    assert now.counts == {"infeasible": 12, "failed": 2, "lost": 1}
    assert now.troubles == {"failed": 2, "lost": 1}


@pytest.mark.parametrize("count", [0, 1200])
def test_all_displays_count_points_without_a_value_if_there_are_any(count: int) -> None:
    now = status(infeasible=count, npoints=5000)
    history = ProgressHistory()
    displays = [
        status_line(now, history),
        figures.describe("scan", "running", now, history),
        details(now.as_info()),
        header.describe(now, None),
    ]
    for text in displays:
        assert ("infeasible" in text) == (count > 0)
        assert ("1,200" in text or "1200" in text) == (count > 0)
        assert "class=bad" not in text


def test_goals_and_reasons_to_wait() -> None:
    assert status(goal={"npoints": 5000}).goal_text == "5,000 points"
    assert status(goal={"loss": 0.01}).goal_text == "loss 0.01"
    assert status(goal={"time": 160.0}, started=100.0).goal_text == "1 min 00 s of time"
    assert status(goal={}).goal_text == status().goal_text == status().waiting_text == ""
    assert status(waits_for="workers").waiting_text == "waits for workers"
    assert status(waits_for="its learner is busy").waiting_text == "its learner is busy"
    assert status(waits_for="workers", ended=1.0).waiting_text == ""
