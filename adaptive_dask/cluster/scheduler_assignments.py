"""Assignment of the points of a run to workers."""

from __future__ import annotations

import heapq
import itertools
import math
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from adaptive_dask.cluster.scheduler_lifetimes import Lifetimes
from adaptive_dask.run.batching import BATCH_SECONDS, MOST_AHEAD, batch_size
from adaptive_dask.run.pickling import PackedValue

# No points are kept ahead if slots wait less than this share of the time, because points that are chosen earlier are
# chosen with less information.
NEGLIGIBLE_WAIT = 0.005

# The number of points in flight is at most what the learner processes in this time (seconds), because all results may
# arrive at once and block the learner and other runs.
MAX_BACKLOG_S = 0.01

# Workers hold results back only if a point takes at least this time (seconds), or if they get several points at a time;
# messages of faster functions contain several results anyway.
MIN_BATCHED_S = 0.002

# With many runs, each run keeps points for this time ahead (seconds), so that results can be batched, and this number
# of points from the beginning, so that its slots do not wait for their first points.
BATCHING_S = 0.06
MIN_AHEAD = 3

# The scheduler's time for a message with points and for the reports about them (seconds), and the largest number of
# points that a worker gets at a time, also by the time that its slots take for them (seconds).
MESSAGE_S = 1e-4
MAX_PORTION = 100
MAX_PORTION_S = 0.01

# A run that is limited by its learner holds slots for this multiple of the points that the learner can make, and at
# least this number of slots. More evaluators would wait, end, and be replaced.
SLOT_RESERVE = 4
MIN_SLOTS = 128

# If no result has arrived for this time (seconds), points probably take at least as long.
SILENCE_S = 1.0

# The heap of workers is made again if it has more entries for each worker.
MAX_ENTRIES = 8

SMOOTHING = 0.1  # the weight of the newest measurement in a running mean

DEVIATIONS = 2.0  # the number of mean deviations above the mean in the expected duration of a point


class OutgoingPoint(NamedTuple):
    """A point to be sent to a worker; a suspect may have killed workers."""

    pid: int
    packed: PackedValue
    suspect: bool


@dataclass
class WorkerLoad:
    """The evaluators and points of a run on one worker.

    Attributes
    ----------
    slots : int
        The number of evaluators.
    places : int
        The number of points that these evaluate concurrently, several each if the function is asynchronous.
    ids : dict of int to bool
        The points that were sent and not reported, oldest first; True for suspects.
    """

    slots: int = 0
    places: int = 0
    ids: dict[int, bool] = field(default_factory=dict)

    @property
    def has_suspect(self) -> bool:
        return any(self.ids.values())


class Assignments:
    """The points of a run on the workers; a data structure of the event loop.

    Parameters
    ----------
    vectorized : bool, default: False
        True if the function accepts many points in one call.
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
        self.learner_seconds: float | None = None  # CPU time per point
        self.lifetimes = Lifetimes()
        self.is_crowded = False  # there are enough runs for results to be batched
        self._deviation = 0.0
        self._last_result = 0.0
        self._slot_seconds = 0.0
        self._slots_since = time.monotonic()
        self._suspects: set[int] = set()  # in flight
        # A heap of workers by their points for each slot; of equal ones, the one that has waited longest is first. A
        # worker may have several entries. The smallest is never too large, and is corrected when it is used. Sorting
        # all workers for each point would take longer.
        self._fewest: list[tuple[float, int, str]] = []
        self._turns = itertools.count()

    @property
    def workers(self) -> int:
        """The number of workers that have evaluators of the run."""
        return sum(load.slots > 0 for load in self.loads.values())

    @property
    def busy_slots(self) -> int:
        """The number of evaluators that are known to have a point."""
        return sum(min(load.slots, len(load.ids)) for load in self.loads.values())

    @property
    def slot_seconds(self) -> float:
        """The time that evaluators held slots so far, summed over the slots."""
        return self._slot_seconds + self.slots * (time.monotonic() - self._slots_since)

    def has_points_on(self, worker: str) -> bool:
        load = self.loads.get(worker)
        return load is not None and bool(load.ids)

    # ---- reports

    def set_slots(
        self,
        worker: str,
        slots: int,
        lifetime: tuple[float, float] | None = None,
        places: int | None = None,
    ) -> None:
        """Record the evaluators of a worker, its lifetime, and the number of points that they evaluate concurrently."""
        load = self.loads.setdefault(worker, WorkerLoad())
        self.lifetimes.note(worker, lifetime)
        places = slots if places is None or not slots else places  # evaluators without the function take no points
        if (slots, places) != (load.slots, load.places):
            self._change(slots - load.slots, places - load.places)
            load.slots, load.places = slots, places
            self._note_load(worker, load)
        self._clear_if_empty(worker, load)

    def take_back(self, worker: str, ids: Iterable[int]) -> list[int]:
        """Take points back from a worker; return the points that it had."""
        load = self.loads.get(worker)
        if load is None:
            return []
        taken = [pid for pid in ids if load.ids.pop(pid, None) is not None]
        self.in_flight -= len(taken)
        self._suspects.difference_update(taken)
        if taken:
            self._note_load(worker, load)
        self._clear_if_empty(worker, load)
        return taken

    def drop(self, worker: str) -> tuple[list[int], set[int]]:
        """Take all points back from a worker that left.

        Returns
        -------
        ids : list of int
            The points that it had.
        begun : set of int
            The points that it has probably started, because workers start points in the order in which they were sent.
        """
        load = self.loads.pop(worker, None)
        if load is None:
            return [], set()
        self._change(-load.slots, -load.places)
        self.in_flight -= len(load.ids)
        ids = list(load.ids)
        self._suspects.difference_update(ids)
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
        """Update the mean duration of an evaluation, and of a round trip of a message (seconds)."""
        if durations:
            self._last_result = time.monotonic()
            weight = 1 - (1 - SMOOTHING) ** len(durations)
            mean = _running(self.seconds_per_point, sum(durations) / len(durations), weight)
            deviation = sum(abs(seconds - mean) for seconds in durations) / len(durations)
            self.seconds_per_point = mean
            self._deviation = _running(self._deviation, deviation, weight)
            self.lifetimes.expected = mean + DEVIATIONS * self._deviation
        if round_trip is not None:
            self.round_trip = _running(self.round_trip or None, round_trip, SMOOTHING)

    def measure_step(self, seconds: float, cpu_seconds: float, points: int) -> None:
        """Update the mean duration of a step of the learner, from results to new points.

        Parameters
        ----------
        seconds : float
            Wall time, for which the workers wait.
        cpu_seconds : float
            CPU time of the learner's thread. Wall time would overstate the cost of a point under load, and limit the
            number of points in flight.
        points : int
            The number of new points.
        """
        self.seconds_per_step = _running(self.seconds_per_step or None, seconds, SMOOTHING)
        self.learner_seconds = _running(self.learner_seconds, cpu_seconds / points, SMOOTHING)

    def begun(self) -> list[int]:
        """Return the points that are probably being evaluated: on each worker, those that were sent first."""
        return [pid for load in self.loads.values() for pid in list(load.ids)[: load.places * self._batch]]

    # ---- decisions

    def room(self, npoints: int | None, ntasks: int | None) -> int:
        """Return the number of further points that the workers can use now.

        Parameters
        ----------
        npoints : int or None
            The number of points that the learner knows; None if the points are already chosen.
        ntasks : int or None
            Maximum number of points in flight.
        """
        room = self.places + self._ahead(npoints) - self.in_flight
        for worker in self._leaving():
            room += len(self.loads[worker].ids) - self.loads[worker].places
        if ntasks is not None:
            room = min(room, ntasks - self.in_flight)
        return max(0, room)

    def enough(self, worker: str) -> int | None:
        """Return the number of waiting points on a worker above which it can hold results back.

        These points suffice until new ones arrive; they are at most half of the points on the worker. None if holding
        results back has no benefit.
        """
        if not self.seconds_per_point or (self.seconds_per_point < MIN_BATCHED_S and self._portion == 1):
            return None
        load = self.loads[worker]
        finished = load.places * self._wait / self.seconds_per_point
        return min(1 + math.ceil(finished), len(load.ids) // 2)

    @property
    def points_per_slot(self) -> float:
        """The number of points that an evaluator evaluates concurrently."""
        return max(1.0, self._batch * self.places / self.slots if self.slots else 1.0)

    @property
    def feedable_slots(self) -> float:
        """The number of slots for which the learner can make points, with a reserve; infinite while it is unknown."""
        if self.seconds_per_point is None or not self.learner_seconds:
            return math.inf
        silence = time.monotonic() - self._last_result
        # All slots may have points that take much longer than the previous ones.
        seconds = max(self.lifetimes.expected, silence if silence > SILENCE_S else 0.0)
        return max(MIN_SLOTS, SLOT_RESERVE * seconds / self.learner_seconds)

    @property
    def useful_slots(self) -> int:
        """The number of evaluators on workers whose lifetime suffices for another point."""
        return self.slots - sum(self.loads[worker].slots for worker in self._leaving())

    def most_slots(self, count: int) -> dict[str, int]:
        """Choose `count` slots, on the workers with the most slots first; return their number by worker."""
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
        """Choose workers for points; each portion goes to the worker with the fewest points for its slots.

        A portion is one point, or several if the scheduler cannot keep all slots busy.

        A suspect gets a worker without other points, so that no other point is lost or blamed. If necessary, the
        workers with the fewest points are emptied first. No point is assigned to a worker whose lifetime is too short.

        Returns
        -------
        assigned : dict of worker to list of OutgoingPoint
        left : list of OutgoingPoint
            The points that no worker can take now.
        """
        points = list(points)
        assigned: dict[str, list[OutgoingPoint]] = {}
        if not (self._suspects or self.lifetimes.matter or any(point.suspect for point in points)):
            return assigned, self._assign_to_fewest(points, assigned)
        left: list[OutgoingPoint] = []
        waiting: list[OutgoingPoint] = []
        for point in points:
            if not self.lifetimes.was_cut_off(point.pid):
                waiting.append(point)
            elif loads := self._open_workers(self.lifetimes.longest_need):
                # This point is suspected to be slow, not to kill workers.
                self._put([point._replace(suspect=False)], loads[0][1], assigned)
            else:
                left.append(point)
        suspects = [point for point in waiting if point.suspect]
        loads = self._open_workers(self.lifetimes.need)
        for point, (_, worker) in zip(suspects, loads, strict=False):
            if not self.loads[worker].ids:
                self._put([point], worker, assigned)
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
            self._put([point], worker, assigned)
            load = self.loads[worker]
            heapq.heapreplace(loads, (len(load.ids) / load.places, worker))
        return assigned, left

    def _assign_to_fewest(
        self, points: list[OutgoingPoint], assigned: dict[str, list[OutgoingPoint]]
    ) -> list[OutgoingPoint]:
        """Assign points if all workers can take them; return those that are left, because there are no workers."""
        heap = self._fewest
        portion = self._portion
        for first in range(0, len(points), portion):
            while heap:
                noted, _, worker = heap[0]
                load = self.loads.get(worker)
                if load is None or not load.places:
                    heapq.heappop(heap)
                elif (true := len(load.ids) / load.places) != noted:
                    heapq.heapreplace(heap, (true, next(self._turns), worker))
                else:
                    break
            else:
                return points[first:]
            self._put(points[first : first + portion], worker, assigned)
            # At once, because otherwise a worker that is soon done would be the first again.
            heapq.heapreplace(heap, (len(load.ids) / load.places, next(self._turns), worker))
        return []

    @property
    def _portion(self) -> int:
        """The number of points that a worker gets at a time.

        While the scheduler makes and sends one point for each slot, in separate messages, a slot can evaluate this
        number of points. If it is more than one, not all slots can be busy, and larger messages help. But a run that
        has few points yet must not have them all on one worker, where they would wait for each other.
        """
        if not self.seconds_per_point:
            return 1
        seconds = (self.learner_seconds or 0.0) + MESSAGE_S
        seconds_of_slots = self.places * min(seconds, MAX_PORTION_S / max(1, len(self.loads)))
        return min(MAX_PORTION, max(1, int(seconds_of_slots / self.seconds_per_point)))

    def _note_load(self, worker: str, load: WorkerLoad) -> None:
        """Note that a worker has fewer points, or more slots."""
        if load.places:
            heapq.heappush(self._fewest, (len(load.ids) / load.places, next(self._turns), worker))
        if len(self._fewest) > MAX_ENTRIES * len(self.loads) + MAX_ENTRIES:
            self._fewest = [
                (len(each.ids) / each.places, next(self._turns), name)
                for name, each in self.loads.items()
                if each.places
            ]
            heapq.heapify(self._fewest)

    def _open_workers(self, need: float) -> list[tuple[float, str]]:
        """Return the workers that have `need` seconds left, in ascending order of points per slot."""
        return sorted(
            (len(load.ids) / load.places, worker)
            for worker, load in self.loads.items()
            if load.places > 0 and not load.has_suspect and self.lifetimes.allow(worker, need)
        )

    def _leaving(self) -> list[str]:
        """Return the workers whose lifetime is too short for a point that is started now."""
        if not self.lifetimes:
            return []
        need = self.lifetimes.need
        return [worker for worker in self.loads if not self.lifetimes.allow(worker, need)]

    def _put(self, points: list[OutgoingPoint], worker: str, assigned: dict[str, list[OutgoingPoint]]) -> None:
        ids = self.loads[worker].ids
        before = len(ids)
        ids.update((point.pid, point.suspect) for point in points)
        self.in_flight += len(ids) - before  # after a late failure, the worker may have a point already
        self._suspects.update(point.pid for point in points if point.suspect)
        assigned.setdefault(worker, []).extend(points)

    def _ahead(self, npoints: int | None) -> int:
        """Return the number of points beyond one per place: for batches, and to hide the latency of new points."""
        least = MIN_AHEAD if self.is_crowded else 0
        if not self.seconds_per_point or self.places == 0:
            return least if self.places else 0
        finished = self.places * self._wait / self.seconds_per_point  # while new points are in flight
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
        """The time from a result to the arrival of the next point (seconds)."""
        return self.round_trip + self.seconds_per_step

    @property
    def _batch(self) -> int:
        """The number of points in one call."""
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
