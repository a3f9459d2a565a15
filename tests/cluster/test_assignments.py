"""The bookkeeping of points on workers holds whatever is reported, and in whatever order."""

from __future__ import annotations

import math
import time
from itertools import chain
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from adaptive_dask.cluster.scheduler_assignments import (
    MAX_ENTRIES,
    MAX_PORTION,
    MIN_AHEAD,
    MIN_SLOTS,
    MOST_AHEAD,
    SLOT_RESERVE,
    Assignments,
    OutgoingPoint,
    WorkerLoad,
)

WORKERS = ["a", "b", "c"]


def points(*ids: int, suspect: bool = False) -> list[OutgoingPoint]:
    return [OutgoingPoint(pid, float(pid), suspect) for pid in ids]


def assignments_with(**slots: int) -> Assignments:
    assignments = Assignments()
    for worker, number in slots.items():
        assignments.set_slots(worker, number)
    return assignments


def placed(assigned: dict[str, list[OutgoingPoint]]) -> dict[str, list[int]]:
    return {worker: [point.pid for point in some] for worker, some in assigned.items()}


# ---- assigning


@given(
    st.lists(st.integers(1, 5), min_size=1, max_size=6),
    st.lists(st.tuples(st.integers(0, 9), st.integers(0, 3)), max_size=30),
)
def test_each_point_goes_to_the_worker_with_the_fewest_points_for_its_slots(slots, steps):
    assignments = assignments_with(**{f"w{i}": number for i, number in enumerate(slots)})
    expected: dict[str, list[int]] = {worker: [] for worker in assignments.loads}
    following = 0
    for new, finished in steps:
        ids = range(following, following + new)
        following += new
        assigned, left = assignments.assign(points(*ids))
        assert not left
        where = {pid: worker for worker, some in placed(assigned).items() for pid in some}
        assert sorted(where) == list(ids)
        for pid in ids:
            shares = {name: len(here) / slots[int(name[1:])] for name, here in expected.items()}
            assert shares[where[pid]] == min(shares.values())
            expected[where[pid]].append(pid)
        for worker, here in expected.items():
            assert assignments.take_back(worker, here[:finished]) == here[:finished]
            del here[:finished]


def test_without_slots_nothing_is_assigned() -> None:
    assignments = Assignments()
    assert assignments.assign(points(1, 2)) == ({}, points(1, 2))
    assert assignments.in_flight == 0


def test_points_are_shared_by_slots() -> None:
    assignments = assignments_with(a=1, b=3)
    assigned, left = assignments.assign(points(*range(8)))
    assert left == []
    assert {worker: len(ids) for worker, ids in placed(assigned).items()} == {"a": 2, "b": 6}
    assert all(ids == sorted(ids) for ids in placed(assigned).values()), "each worker gets its points in order"


def test_the_worker_with_the_fewest_points_for_its_slots_comes_first() -> None:
    assignments = assignments_with(a=1, b=1)
    assignments.assign(points(0, 1))
    assignments.take_back("b", [0, 1])
    assert placed(assignments.assign(points(2))[0]) == {"b": [2]}


def test_a_worker_gets_several_points_at_a_time_if_the_scheduler_cannot_keep_all_slots_busy() -> None:
    assignments = assignments_with(a=20, b=20, c=20)
    assignments.measure([0.00099] * 500, None)
    assignments.measure_step(0.01, 0.01, 100)  # 60 slots × 0.2 ms for a point and its messages / 0.99 ms
    assert placed(assignments.assign(points(*range(24)))[0]) == {"a": [*range(12)], "b": [*range(12, 24)]}
    assignments.take_back("b", range(12, 24))
    found = placed(assignments.assign(points(*range(24, 48)))[0])
    assert found == {"c": [*range(24, 36)], "b": [*range(36, 48)]}, "workers take turns"
    assignments.measure([1e-6] * 500, None)
    assert assignments._portion == MAX_PORTION
    assignments.measure([0.1] * 500, None)
    assert assignments._portion == 1, "otherwise, slots would wait for points that wait elsewhere"


@pytest.mark.parametrize(("slots", "seconds", "most"), [(8, 0.02, 4), (8, 0.0019, 42), (1, 0.02, 1), (1, 9e-5, 100)])
def test_on_large_clusters_points_do_not_wait_long_for_each_other(slots: int, seconds: float, most: int) -> None:
    assignments = assignments_with(**{f"w{i}": slots for i in range(4_000)})
    assignments.measure([seconds] * 500, None)
    assignments.measure_step(0.01, 0.01, 100)
    assigned, _ = assignments.assign(points(*range(400)))
    assert max(map(len, assigned.values())) == most


def test_suspects_are_kept_apart() -> None:
    assignments = assignments_with(a=4, b=4)
    assigned, left = assignments.assign(points(0, 1, 2, suspect=True))
    assert sorted(placed(assigned).values()) == [[0], [1]]
    assert left == points(2, suspect=True)
    assert assignments.in_flight == 2
    assignments.take_back("b", placed(assigned)["b"])
    assert placed(assignments.assign(left)[0]) == {"b": [2]}


def test_others_go_where_no_suspect_is() -> None:
    assignments = assignments_with(a=2, b=2)
    assigned, left = assignments.assign([*points(0, suspect=True), *points(1, 2, 3)])
    assert placed(assigned) == {"a": [0], "b": [1, 2, 3]}
    assert left == []
    assert placed(assignments.assign(points(4))[0]) == {"b": [4]}


def test_with_one_worker_others_wait_for_a_suspect() -> None:
    assignments = assignments_with(a=4)
    assignments.assign(points(0))
    waiting = [*points(1), *points(2, suspect=True)]
    assigned, left = assignments.assign(waiting)
    assert assigned == {}, "the worker is emptied for the suspect"
    assert sorted(left, key=lambda point: point.pid) == waiting
    assignments.take_back("a", [0])
    assigned, left = assignments.assign(left)
    assert placed(assigned) == {"a": [2]}
    assert assignments.assign(left) == ({}, points(1))
    assignments.take_back("a", [2])
    assert placed(assignments.assign(left)[0]) == {"a": [1]}


def test_the_least_busy_worker_is_emptied_for_a_suspect() -> None:
    assignments = assignments_with(a=2, b=1, c=4)
    assert placed(assignments.assign(points(0, 1, 2))[0]) == {"a": [0], "b": [1], "c": [2]}
    assigned, left = assignments.assign([*points(3, suspect=True), *points(4, 5)])
    assert placed(assigned) == {"a": [4, 5]}
    assert left == points(3, suspect=True)
    assignments.take_back("c", [2])
    assert placed(assignments.assign(left)[0]) == {"c": [3]}


@given(data=st.data())
def test_points_go_where_there_are_fewest_for_the_slots(data: st.DataObject) -> None:
    """But for as many of the least busy workers as there are suspects, which are left to those."""
    assignments = Assignments()
    for worker in [*WORKERS, "d", "e"]:
        assignments.set_slots(worker, data.draw(st.integers(0, 4)))
    for first in (0, 100):
        flags = data.draw(st.lists(st.booleans(), max_size=9))
        batch = [OutgoingPoint(first + i, 0.0, suspect) for i, suspect in enumerate(flags)]
        free = {w: (len(d.ids), d.slots) for w, d in assignments.loads.items() if d.slots and not d.has_suspect}
        by_share = sorted(free, key=lambda worker: (free[worker][0] / free[worker][1], worker))
        kept, open_to = by_share[: sum(flags)], {worker: free[worker] for worker in by_share[sum(flags) :]}

        assigned, left = assignments.assign(batch)
        where = {pid: worker for worker, ids in placed(assigned).items() for pid in ids}
        for_suspects = {where[point.pid] for point in batch if point.suspect and point not in left}
        assert for_suspects == {worker for worker in kept if free[worker][0] == 0}
        for point in batch:
            if point.suspect:
                continue
            if point in left:
                assert not open_to
                continue
            shares = {worker: ids / slots for worker, (ids, slots) in open_to.items()}
            worker = where[point.pid]
            assert shares[worker] == min(shares.values())
            open_to[worker] = (open_to[worker][0] + 1, open_to[worker][1])


# ---- what is reported


def test_take_back_answers_with_what_was_there() -> None:
    assignments = assignments_with(a=1, b=1)
    assigned = placed(assignments.assign(points(0, 1))[0])
    [on_a], [on_b] = assigned["a"], assigned["b"]
    assert assignments.take_back("a", [on_b, 99, on_a, on_a]) == [on_a]
    assert assignments.take_back("nobody", [on_b]) == []
    assert assignments.in_flight == 1


def test_drop_returns_points_as_they_were_sent_and_which_were_begun() -> None:
    assignments = assignments_with(a=2)
    assignments.assign(points(7, 3, 5, 1, 9))
    assignments.take_back("a", [3])
    assert assignments.drop("a") == ([7, 5, 1, 9], {7, 5})
    assert assignments.drop("a") == ([], set())
    assert assignments.slots == assignments.in_flight == 0
    assert assignments.loads == {}


def test_a_worker_with_nothing_is_forgotten() -> None:
    assignments = assignments_with(a=1)
    assignments.assign(points(0))
    assignments.set_slots("a", 0)
    assert assignments.drop("b") == ([], set())
    assert list(assignments.loads) == ["a"], "it still has a point"
    assignments.take_back("a", [0])
    assert assignments.loads == {}
    assignments.set_slots("b", 0)
    assert assignments.loads == {}


def test_a_point_that_is_sent_twice_to_a_worker_is_counted_once() -> None:
    assignments = assignments_with(a=2)
    assignments.assign(points(0))
    assignments.assign(points(0))
    assert assignments.in_flight == 1
    assignments.take_back("a", [0])
    assert assignments.in_flight == 0


class AnyReports(RuleBasedStateMachine):
    """Whatever is reported, the sums are those of the loads."""

    def __init__(self) -> None:
        super().__init__()
        self.assignments = Assignments()
        self.model: dict[str, list[int]] = {}
        self.slots: dict[str, int] = {}
        self.next_id = 0

    @rule(worker=st.sampled_from(WORKERS), slots=st.integers(0, 4))
    def set_slots(self, worker: str, slots: int) -> None:
        self.assignments.set_slots(worker, slots)
        self.slots[worker] = slots

    @rule(suspects=st.lists(st.booleans(), max_size=6))
    def assign(self, suspects: list[bool]) -> None:
        batch = [OutgoingPoint(self.next_id + i, 0.0, suspect) for i, suspect in enumerate(suspects)]
        self.next_id += len(batch)
        assigned, left = self.assignments.assign(batch)
        assert sorted([*chain(*assigned.values()), *left], key=lambda point: point.pid) == batch
        for worker, ids in placed(assigned).items():
            assert self.slots[worker] > 0
            self.model.setdefault(worker, []).extend(ids)

    @rule(worker=st.sampled_from(WORKERS), ids=st.lists(st.integers(0, 30), max_size=5))
    def take_back(self, worker: str, ids: list[int]) -> None:
        mine = self.model.get(worker, [])
        assert self.assignments.take_back(worker, ids) == [pid for pid in dict.fromkeys(ids) if pid in mine]
        self.model[worker] = [pid for pid in mine if pid not in ids]

    @rule(worker=st.sampled_from(WORKERS))
    def drop(self, worker: str) -> None:
        ids, begun = self.assignments.drop(worker)
        assert ids == self.model.pop(worker, [])
        assert begun == set(ids[: self.slots.pop(worker, 0)])

    @rule(durations=st.lists(st.floats(0, 10), max_size=4), round_trip=st.none() | st.floats(0, 5))
    def measure(self, durations: list[float], round_trip: float | None) -> None:
        self.assignments.measure(durations, round_trip)

    @rule(seconds=st.floats(0, 5))
    def measure_step(self, seconds: float) -> None:
        self.assignments.measure_step(seconds, seconds, 1)

    @invariant()
    def sums_hold(self) -> None:
        loads = self.assignments.loads
        assert self.assignments.in_flight == sum(len(load.ids) for load in loads.values())
        assert self.assignments.slots == sum(load.slots for load in loads.values())
        for worker in {*loads, *self.model, *self.slots}:
            load = loads.get(worker, WorkerLoad())
            assert list(load.ids) == self.model.get(worker, [])
            assert load.slots == self.slots.get(worker, 0)
        assert all(load.slots or load.ids for load in loads.values())
        assert all(len(load.ids) == 1 for load in loads.values() if load.has_suspect), "it is alone"

    @invariant()
    def the_heap_finds_the_worker_with_the_fewest_points(self) -> None:
        assignments = self.assignments
        loads = {worker: load for worker, load in assignments.loads.items() if load.places}
        suspects = [pid for load in assignments.loads.values() for pid, suspect in load.ids.items() if suspect]
        assert assignments._suspects == set(suspects)
        for worker, load in loads.items():
            entries = [noted for noted, _, name in assignments._fewest if name == worker]
            assert entries
            assert min(entries) <= len(load.ids) / load.places
        assert len(assignments._fewest) <= MAX_ENTRIES * (1 + len(assignments.loads)) + len(self.slots)

    @invariant()
    def room_is_bounded(self) -> None:
        assignments = self.assignments
        for npoints in (0, 1, 7, 600):
            room = assignments.room(npoints, None)
            assert room >= 0
            if room:
                assert assignments.in_flight + room <= assignments.slots + npoints * MOST_AHEAD
            for ntasks in (1, 3, 100):
                limited = assignments.room(npoints, ntasks)
                assert 0 <= limited <= max(0, ntasks - assignments.in_flight)
                assert limited <= room


TestAnyReports = AnyReports.TestCase
TestAnyReports.settings = settings(max_examples=100, stateful_step_count=30)


# ---- room


def test_at_first_there_is_room_for_the_slots() -> None:
    assignments = assignments_with(a=2, b=3)
    assert assignments.room(10**6, None) == 5, "nothing was measured"
    assignments.assign(points(0, 1))
    assert assignments.room(10**6, None) == 3
    assert assignments.room(10**6, 4) == 2
    assert assignments.room(10**6, 1) == 0
    assert assignments.room(10**6, 99) == 3


def test_slots_that_go_leave_no_negative_room() -> None:
    assignments = assignments_with(a=4)
    assignments.assign(points(*range(4)))
    assignments.set_slots("a", 1)
    assert assignments.room(0, None) == 0
    assert assignments.room(0, 2) == 0


def test_points_ahead_hide_the_round_trip() -> None:
    assignments = assignments_with(a=4)
    assignments.measure([0.01] * 50, 0.01)
    ahead = assignments.room(10**6, None) - 4
    assert ahead >= 4, "so many are finished while results become new points"
    assignments.measure_step(0.05, 0.05, 100)
    assert assignments.room(10**6, None) - 4 > ahead, "the learner's time counts too"


def test_few_points_are_ahead_of_a_learner_that_knows_little() -> None:
    assignments = assignments_with(a=4)
    assignments.measure([1e-6] * 50, 1.0)
    assert [assignments.room(n, None) - 4 for n in (0, 5, 6, 60, 6000)] == [0, 0, 1, 10, 1000]


def test_no_point_is_ahead_of_a_slow_function() -> None:
    assignments = assignments_with(a=8)
    assignments.measure([10.0], 0.01)
    assignments.measure_step(0.01, 0.01, 100)
    assert assignments.room(10**6, None) == 8


def test_in_a_crowd_points_are_ahead_for_results_to_be_gathered() -> None:
    assignments = assignments_with(a=1)
    assignments.is_crowded = True
    assert assignments.room(0, None) == 1 + MIN_AHEAD, "nothing was measured"
    assignments.is_crowded = False
    assignments.measure([0.01] * 50, 0.0)
    assert assignments.room(10**6, None) == 1
    assignments.is_crowded = True
    assert assignments.room(10**6, None) == 7
    assert assignments.room(24, None) == 5, "never more than a sixth of those known"
    assert assignments.room(0, None) == 1 + MIN_AHEAD, "unless next to nothing is"
    assignments.measure([10.0] * 500, 0.0)
    assert assignments.room(10**6, None) == 1, "a slow function has few results"


def test_results_can_wait_while_points_last() -> None:
    assignments = assignments_with(a=2)
    assert assignments.enough("a") is None, "nothing is known"
    assignments.measure([0.01] * 50, 0.015)
    assignments.assign(points(*range(20)))
    assert assignments.enough("a") == 1 + 3, "three are finished until new ones come"
    assignments.take_back("a", range(14))
    assert assignments.enough("a") == 3, "half of those that are there"
    assignments.measure([0.001] * 500, None)
    assert assignments.enough("a") is None, "results come together anyway"
    assignments.measure([1e-6] * 500, None)
    assert assignments.enough("a") == 3, "points come together, so results can do so"


def test_slots_are_limited_to_those_for_which_the_learner_can_make_points(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    assignments = assignments_with(a=2)
    assignments.measure_step(0.01, 0.01, 100)
    assert assignments.feedable_slots == math.inf, "the duration of a point is unknown"
    assignments.measure([1e-6] * 500, None)
    assert assignments.feedable_slots == MIN_SLOTS
    assignments.measure([0.1] * 500, None)
    assert 1_000 * SLOT_RESERVE <= assignments.feedable_slots < math.inf
    assignments.measure([1e-6] * 5_000, None)
    now += 10.0
    assert assignments.feedable_slots == pytest.approx(100_000 * SLOT_RESERVE), "all slots may have long points"
    assignments.measure([1e-6], None)
    assert assignments.feedable_slots == MIN_SLOTS


def test_with_ntasks_no_more_are_out() -> None:
    assignments = assignments_with(a=4)
    assignments.measure([1e-3] * 50, 1.0)
    without = assignments.room(10**6, None)
    assert without > 100
    assert assignments.room(10**6, 4) == 4
    assert assignments.room(10**6, 100) == 100
    assert assignments.room(10**6, 10**6) == without
    assert assignments.room(0, 100) == 4, "of a learner that knows nothing"
    assert assignments.room(None, 100) == 100, "if they are chosen already, that does not matter"


@given(st.lists(st.lists(st.floats(0, 100), min_size=1, max_size=5), min_size=1, max_size=20))
def test_measured_durations_stay_within_what_was_seen(batches: list[list[float]]) -> None:
    assignments = Assignments()
    for durations in batches:
        assignments.measure(durations, None)
    assert assignments.seconds_per_point is not None
    seen = list(chain(*batches))
    assert min(seen) - 1e-9 <= assignments.seconds_per_point <= max(seen) + 1e-9


def test_a_batch_weighs_as_much_as_its_measurements_one_by_one() -> None:
    together, apart = Assignments(), Assignments()
    for assignments in (together, apart):
        assignments.measure([1.0], None)
    together.measure([3.0] * 7, None)
    for _ in range(7):
        apart.measure([3.0], None)
    assert together.seconds_per_point == pytest.approx(apart.seconds_per_point)


@pytest.mark.parametrize("measured", [([], None), ([0.0], 0.0), ([0.0], 1.0), ([5e-324], 1e300)])
def test_odd_measurements_leave_room_a_whole_number(measured: Any) -> None:
    assignments = assignments_with(a=2)
    assignments.measure(*measured)
    assert 2 <= assignments.room(600, None) <= 102
    assert math.isfinite(assignments.round_trip)


def test_a_busy_machine_does_not_keep_the_points_ahead_few() -> None:
    assignments = Assignments()
    assignments.set_slots("w", 4)
    assignments.measure([1e-6], 0.007)
    assignments.measure_step(0.005, 0.0002, 4)  # nearly all of the time, the learner's thread waited for a core
    assert assignments.room(10**6, None) > 100
    assignments.measure_step(0.005, 0.005, 4)
    assert assignments.room(10**6, None) < 100


def test_a_worker_whose_evaluators_lack_the_function_gets_no_more_points() -> None:
    assignments = assignments_with(a=1, b=1)
    assignments.assign(points(0, 1))
    assignments.set_slots("b", 0, places=2)
    assert assignments.places == 1
    assert assignments.assign(points(2))[0].keys() == {"a"}
    assignments.take_back("b", [0, 1])
    assert "b" not in assignments.loads
    assert assignments.places == 1
