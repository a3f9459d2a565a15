"""The host with simulated workers, in virtual time: how many operations a point costs, and that nothing gets lost.

The simulation replaces the clocks of its process, so it has one of its own.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.long

ROOT = Path(__file__).parents[2]
ENVIRONMENT = {**os.environ, "PYTHONSAFEPATH": ""}  # the folder `tests` is found in the current one
SCRIPT = """
import cProfile, json
from tests.benchmarks import virtual_time
world = virtual_time.install(charges=False)
from tests.benchmarks.simulated_cluster import Scenario, simulate
from tests.benchmarks.simulated_workers import Workload

def calls(scenario):
    profile = cProfile.Profile()
    result = profile.runcall(simulate, scenario, world)
    own = ("virtual_time", "simulated_workers", "importlib")
    entries = [entry for entry in profile.getstats() if not isinstance(entry.code, str)]
    host = [entry for entry in entries if not any(name in entry.code.co_filename for name in own)]
    return sum(entry.callcount for entry in host if "adaptive_dask" in entry.code.co_filename), result

simulate(Scenario(10, 5, 100, Workload(0.01)), world)
found = {}
for slots in (50, 500):
    few, _ = calls(Scenario(slots, 25, 10 * slots, Workload(0.01)))
    many, result = calls(Scenario(slots, 25, 20 * slots, Workload(0.01)))
    found[slots] = {"calls": (many - few) / (10 * slots), **vars(result), "statuses": sorted(result.statuses)}
storm = simulate(Scenario(100, 10, 2_000, Workload(0.05, 1.5, failing=0.02, death_interval=0.5)), world)
found["storm"] = {**vars(storm), "statuses": sorted(storm.statuses)}
found["short"] = {"busy": simulate(Scenario(8, 4, 4_000, Workload(0.001)), world).busy}
print(json.dumps(found))
"""


@pytest.fixture(scope="module")
def found():
    command = [sys.executable, "-c", SCRIPT]
    done = subprocess.run(command, cwd=ROOT, env=ENVIRONMENT, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def test_a_point_costs_as_many_operations_with_ten_times_the_slots(found):
    assert found["500"]["calls"] <= 1.3 * found["50"]["calls"], found


@pytest.mark.parametrize("slots", [50, 500])
def test_each_point_is_evaluated_once_and_told(found, slots):
    result = found[str(slots)]
    assert result["statuses"] == ["finished"]
    assert result["told"] == result["evaluated"] == 20 * slots
    assert result["tasks"] <= 1.5 * slots + 1
    assert result["messages"] < result["told"]


def test_nothing_is_lost_when_workers_die_and_functions_fail(found):
    result = found["storm"]
    assert result["statuses"] == ["finished"]
    assert result["told"] == 2_000
    assert result["deaths"] > 0
    assert result["evaluated"] > result["told"]


def test_slots_have_points_while_new_ones_are_in_a_batch_of_messages(found):
    assert found["short"]["busy"] > 0.8
