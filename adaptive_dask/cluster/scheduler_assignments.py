"""Where the points of a run are: which worker has which, and how many more it could use."""

from __future__ import annotations

import heapq
import math
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from adaptive_dask.cluster.scheduler_lifetimes import Lifetimes
from adaptive_dask.run.batching import BATCH_SECONDS, MOST_AHEAD, batch_size
from adaptive_dask.run.pickling import PackedValue

# A slot that waits for its next point for less than this share of the time is not worth a point that
# is chosen earlier, and so worse, than it could be.
NEGLIGIBLE_WAIT = 0.005


# However fast evaluations are: as many points as the learner deals with in so long (seconds) are enough
# on their way, for results that all come at once keep the learner, and others on the scheduler, so long.
MAX_BACKLOG_S = 0.01

# Of functions that take so long (seconds), results are held back on a worker as long as enough points wait there; of
# faster ones several go in a message anyway.
MIN_BATCHED_S = 0.002

# With many runs on the scheduler, each has points for so long ahead (seconds), for results to be gathered; and so many
# from the beginning, or a slot would wait for each of the first points, which a learner spreads evenly anyway.
BATCHING_S = 0.06
MIN_AHEAD = 3

SMOOTHING = 0.1  # the weight of the newest measurement in a running mean

DEVIATIONS = 2.0  # a point is expected to take no longer than the mean and so many mean deviations


@dataclass(frozen=True)
class OutgoingPoint:
    """A point on its way to a worker."""

    pid: int
    packed: PackedValue
    suspect: bool


@dataclass
class WorkerLoad:
    """What a run has on one worker.

    Attributes
    ----------
    slots : int
        How many evaluators are at work there.
    places : int
        How many points those are at, at once: more than one each if the function is asynchronous.
    ids : dict of int to bool
        The points that it was sent and has not reported, oldest first, and whether each is suspected
        to kill workers.
    """

    slots: int = 0
    places: int = 0
    ids: dict[int, bool] = field(default_factory=dict)

    @property
    def has_suspect(self) -> bool:
        return any(self.ids.values())


class Assignments:
    """The points of a run on the cluster's workers; pure bookkeeping on the event loop.

    Parameters
    ----------
    vectorized : bool, default: False
        Whether the function takes many points in one call.
    """

    def __init__(self, vectorized: bool = False) -> None:
        self._vectorized = vectorized
        self.loads: dict[str, WorkerLoad] = {}
        self.slots = 0
        self.places = 0
        self.in_flight = 0
        self.seconds_per_point: float | None = None
        self.round_trip = 0.0
        self.seconds_per_step = 0.0
        self.learner_seconds: float | None = None  # of computing, per point
        self.lifetimes = Lifetimes()
        self.is_crowded = False  # results are gathered, for the scheduler has many runs to think of
        self._deviation = 0.0
        self._slot_seconds = 0.0
        self._slots_since = time.monotonic()

    @property
    def workers(self) -> int:
        """How many workers have evaluators of the run."""
        return sum(load.slots > 0 for load in self.loads.values())

    @property
    def busy_slots(self) -> int:
        """How many evaluators have a point, as far as is known here."""
        return sum(min(load.slots, len(load.ids)) for load in self.loads.values())

    @property
    def slot_seconds(self) -> float:
        """The time that evaluators held slots so far, summed over the slots."""
        return self._slot_seconds + self.slots * (time.monotonic() - self._slots_since)

    def has_points_on(self, worker: str) -> bool:
        load = self.loads.get(worker)
        return load is not None and bool(load.ids)

    # ---- what is reported

    def set_slots(
        self,
        worker: str,
        slots: int,
        lifetime: tuple[float, float] | None = None,
        places: int | None = None,
    ) -> None:
        """A worker says how many evaluators of the run it has, and how many points they are at, at once.

        It says also how long it lives; see `Lifetimes.note`.
        """
        load = self.loads.setdefault(worker, WorkerLoad())
        self.lifetimes.note(worker, lifetime)
        places = slots if places is None else places
        self._change(slots - load.slots, places - load.places)
        load.slots, load.places = slots, places
        self._clear_if_empty(worker, load)

    def take_back(self, worker: str, ids: Iterable[int]) -> list[int]:
        """Points are no longer on a worker; those that were not there are left out of the answer."""
        load = self.loads.get(worker)
        if load is None:
            return []
        taken = [pid for pid in ids if load.ids.pop(pid, None) is not None]
        self.in_flight -= len(taken)
        self._clear_if_empty(worker, load)
        return taken

    def drop(self, worker: str) -> tuple[list[int], set[int]]:
        """A worker is gone.

        Returns
        -------
        ids : list of int
            The points that it had.
        begun : set of int
            Those that it is likely to have begun: points are begun in the order in which they were sent.
        """
        load = self.loads.pop(worker, None)
        if load is None:
            return [], set()
        self._change(-load.slots, -load.places)
        self.in_flight -= len(load.ids)
        ids = list(load.ids)
        begun = set(ids[: load.places * self._batch])
        if self.lifetimes.is_over(worker):
            self.lifetimes.cut_off(begun)
        self.lifetimes.forget(worker)
        return ids, begun

    def clear(self) -> None:
        """Forget all workers and points, but not `slot_seconds`."""
        for worker in list(self.loads):
            self.drop(worker)

    def measure(self, durations: Sequence[float], round_trip: float | None) -> None:
        """Learn how long evaluations (seconds each) and a message there and back (seconds) take."""
        if durations:
            weight = 1 - (1 - SMOOTHING) ** len(durations)
            mean = _running(self.seconds_per_point, sum(durations) / len(durations), weight)
            deviation = sum(abs(seconds - mean) for seconds in durations) / len(durations)
            self.seconds_per_point = mean
            self._deviation = _running(self._deviation, deviation, weight)
            self.lifetimes.expected = mean + DEVIATIONS * self._deviation
        if round_trip is not None:
            self.round_trip = _running(self.round_trip or None, round_trip, SMOOTHING)

    def measure_step(self, seconds: float, cpu_seconds: float, points: int) -> None:
        """Learn how long the learner takes between results and new points.

        Parameters
        ----------
        seconds : float
            As a clock on the wall shows it: that is what the workers wait for.
        cpu_seconds : float
            For which the learner's thread computed. On a busy machine, steps of few points would seem so
            expensive that there could never be more.
        points : int
            How many new points there were.
        """
        self.seconds_per_step = _running(self.seconds_per_step or None, seconds, SMOOTHING)
        self.learner_seconds = _running(self.learner_seconds, cpu_seconds / points, SMOOTHING)

    def begun(self) -> list[int]:
        """The points that are likely to be under way: they are begun in the order in which they were sent."""
        return [pid for load in self.loads.values() for pid in list(load.ids)[: load.places * self._batch]]

    # ---- what to do

    def room(self, npoints: int | None, ntasks: int | None) -> int:
        """How many more points the workers could use now.

        Parameters
        ----------
        npoints : int or None
            The number of points that the learner knows; None if it does not matter, for the points are chosen already.
        ntasks : int or None
            How many points may be out at the same time.
        """
        leaving = [self.loads[worker] for worker in self._leaving()]
        places = self.places - sum(load.places for load in leaving)
        in_flight = self.in_flight - sum(len(load.ids) for load in leaving)
        room = places + self._ahead(npoints) - in_flight
        if ntasks is not None:
            room = min(room, ntasks - self.in_flight)
        return max(0, room)

    def enough(self, worker: str) -> int | None:
        """While more points than so many wait on a worker, its results need not be reported one by one.

        The points that wait last until new ones come; or, where there are too few of them for that, half of them are
        left: several results in a message are worth it. None if there is nothing to be gained.
        """
        if not self.seconds_per_point or self.seconds_per_point < MIN_BATCHED_S:
            return None
        load = self.loads[worker]
        finished = load.places * self._wait / self.seconds_per_point
        return min(1 + math.ceil(finished), len(load.ids) // 2)

    @property
    def points_per_slot(self) -> float:
        """How many points an evaluator is at, at once."""
        return max(1.0, self._batch * self.places / self.slots if self.slots else 1.0)

    @property
    def useful_slots(self) -> int:
        """How many evaluators are on workers that have the time for a point."""
        return self.slots - sum(self.loads[worker].slots for worker in self._leaving())

    def most_slots(self, count: int) -> dict[str, int]:
        """Choose so many slots, from the workers that have most of them; how many from each."""
        chosen: dict[str, int] = {}
        heap = [(-load.slots, worker) for worker, load in self.loads.items() if load.slots]
        heapq.heapify(heap)
        while heap and count > 0:
            slots, worker = heap[0]
            chosen[worker] = chosen.get(worker, 0) + 1
            count -= 1
            if slots + 1:
                heapq.heapreplace(heap, (slots + 1, worker))
            else:
                heapq.heappop(heap)
        return chosen

    def assign(self, points: Iterable[OutgoingPoint]) -> tuple[dict[str, list[OutgoingPoint]], list[OutgoingPoint]]:
        """Choose workers for points: the one with the fewest points for its slots first.

        A point that is suspected to kill workers has a worker for itself, so that no other point is lost
        with it, or blamed. For that workers are emptied, those with the fewest points first. No point goes to
        a worker whose lifetime is too short for it.

        Returns
        -------
        assigned : dict of worker to list of OutgoingPoint
        left : list of OutgoingPoint
            Those that no worker can take now.
        """
        assigned: dict[str, list[OutgoingPoint]] = {}
        left: list[OutgoingPoint] = []
        waiting: list[OutgoingPoint] = []
        for point in points:
            if not self.lifetimes.was_cut_off(point.pid):
                waiting.append(point)
            elif loads := self._open_workers(self.lifetimes.longest_need):
                # It is suspected to be slow, not to be deadly.
                self._put(replace(point, suspect=False), loads[0][1], assigned)
            else:
                left.append(point)
        suspects = [point for point in waiting if point.suspect]
        loads = self._open_workers(self.lifetimes.need)
        for point, (_, worker) in zip(suspects, loads, strict=False):
            if not self.loads[worker].ids:
                self._put(point, worker, assigned)
            else:
                left.append(point)
        left += suspects[len(loads) :]
        loads = loads[len(suspects) :]  # still sorted, and so a heap
        for point in waiting:
            if point.suspect:
                continue
            if not loads:
                left.append(point)
                continue
            _, worker = loads[0]
            self._put(point, worker, assigned)
            load = self.loads[worker]
            heapq.heapreplace(loads, (len(load.ids) / load.places, worker))
        return assigned, left

    def _open_workers(self, need: float) -> list[tuple[float, str]]:
        """The workers that may get points which need so long, those with the fewest for their slots first."""
        return sorted(
            (len(load.ids) / load.places, worker)
            for worker, load in self.loads.items()
            if load.places > 0 and not load.has_suspect and self.lifetimes.allow(worker, need)
        )

    def _leaving(self) -> list[str]:
        """The workers that will be gone before a point which they begin now is expected to be finished."""
        if not self.lifetimes:
            return []
        need = self.lifetimes.need
        return [worker for worker in self.loads if not self.lifetimes.allow(worker, need)]

    def _put(self, point: OutgoingPoint, worker: str, assigned: dict[str, list[OutgoingPoint]]) -> None:
        ids = self.loads[worker].ids
        self.in_flight += point.pid not in ids  # a late failure may have it sent where it is already
        ids[point.pid] = point.suspect
        assigned.setdefault(worker, []).append(point)

    def _ahead(self, npoints: int | None) -> int:
        """How many points beyond one in each place: for batches, and to hide the time until new points come."""
        least = MIN_AHEAD if self.is_crowded else 0
        if not self.seconds_per_point or self.places == 0:
            return least if self.places else 0
        finished = self.places * self._wait / self.seconds_per_point  # while the new points are under way
        ahead = 1.5 * finished + 2 * math.sqrt(finished)
        if self._wait < NEGLIGIBLE_WAIT * self.seconds_per_point * self._batch:
            ahead = 0.0
        if self.is_crowded:
            ahead = max(ahead, self.places * round(BATCHING_S / max(self.seconds_per_point, MIN_BATCHED_S)))
        ahead += self.places * (self._batch - 1)
        seconds = BATCH_SECONDS if self._vectorized else MAX_BACKLOG_S
        backlog = seconds / self.learner_seconds if self.learner_seconds else math.inf
        bearable = math.inf if npoints is None else max(least, int(npoints * MOST_AHEAD))
        return math.ceil(min(ahead, max(backlog, 2 * self.places), bearable))

    @property
    def _wait(self) -> float:
        """How long it takes from a result to the point that it leads to (seconds)."""
        return self.round_trip + self.seconds_per_step

    @property
    def _batch(self) -> int:
        """How many points are evaluated in one call."""
        return batch_size(self.seconds_per_point) if self._vectorized else 1

    def _change(self, slots: int, places: int) -> None:
        self._slot_seconds = self.slot_seconds
        self._slots_since = time.monotonic()
        self.slots += slots
        self.places += places

    def _clear_if_empty(self, worker: str, load: WorkerLoad) -> None:
        if load.slots == 0 and not load.ids:
            self.loads.pop(worker, None)
            self.lifetimes.forget(worker)


def _running(mean: float | None, value: float, weight: float) -> float:
    return value if mean is None else mean + weight * (value - mean)
