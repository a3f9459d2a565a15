"""BalancingLearner: whose turn it is, and that the others are not held up."""

from __future__ import annotations

import functools
import itertools
import pickle
import random
from collections import Counter
from pathlib import Path
from typing import Any

import adaptive
import cloudpickle
import pytest

from adaptive_dask.errors import DataFileError, LearnerError
from adaptive_dask.learner.any_learner import nested
from adaptive_dask.learner.balancing_learner import BalancingLearner, named_product
from adaptive_dask.learner.child_queue import ChildQueue
from adaptive_dask.learner.data_saver import DataSaver
from adaptive_dask.learner.function_pickle import dumps_apart, loads_together
from adaptive_dask.learner.learner1D import Learner1D
from adaptive_dask.learner.learner2D import Learner2D
from adaptive_dask.learner.sequence_learner import SequenceLearner
from adaptive_dask.run.goals import Goal, make_goal
from adaptive_dask.run.session import Session
from adaptive_dask.runner.sequential import simple
from adaptive_dask.testing.functions import peak


def curves(kind: Any = Learner1D, n: int = 3) -> list[Any]:
    return [kind(functools.partial(peak, at=0.3 * i - 0.2, width=0.1 / (i + 1)), (-1, 1)) for i in range(n)]


def together(npoints: int) -> Any:
    return lambda learner: learner.npoints >= npoints


def counts(learner: BalancingLearner) -> list[int]:
    return [child.npoints for child in learner.learners]


# -- whose turn it is


@pytest.mark.parametrize("strategy", ["loss_improvements", "npoints", "cycle"])
@pytest.mark.parametrize("batch", [1, 3])
def test_points_are_those_of_python_adaptive(strategy: Any, batch: int) -> None:
    ours = BalancingLearner(curves(), strategy=strategy)
    theirs = adaptive.BalancingLearner(curves(adaptive.Learner1D), strategy=strategy)
    for _ in range(60 // batch):
        points, gains = ours.ask(batch)
        expected, expected_gains = theirs.ask(batch)
        assert points == expected
        assert gains == pytest.approx(expected_gains)
        for x in points:
            ours.tell(x, ours.function(x))
            theirs.tell(x, theirs.function(x))
        assert ours.loss() == pytest.approx(theirs.loss())
    assert dict(ours.data) == dict(theirs.data)
    assert ours.npoints == theirs.npoints == 60


@pytest.mark.parametrize(
    "strategy", ["loss_improvements", "loss", "npoints", "cycle", lambda child: child.loss(real=False)]
)
def test_the_next_is_the_first_by_the_strategy(strategy: Any) -> None:
    """Beside a search of all children each time."""
    learner = BalancingLearner(curves(n=5), strategy=strategy)
    rng, out = random.Random(7), []
    for turn in range(150):
        children = learner.learners
        totals = [child.npoints + len(child.pending_points) for child in children]
        keys = {
            "loss_improvements": [
                (-child.ask(1, tell_pending=False)[1][0], totals[i]) for i, child in enumerate(children)
            ],
            "npoints": totals,
            "cycle": [(i - turn) % 5 for i in range(5)],
        }.get(
            strategy if isinstance(strategy, str) else "",
            [(-c.loss(real=False), totals[i]) for i, c in enumerate(children)],
        )
        ((i, x),), _ = learner.ask(1)
        assert keys[i] == min(keys)
        out.append((i, x))
        if rng.random() < 0.8:
            point = out.pop(rng.randrange(len(out)))
            learner.tell(point, learner.function(point))
        assert learner.loss() == max(child.loss() for child in children)
        assert learner.loss(real=False) == max(child.loss(real=False) for child in children)
        assert learner.npoints == sum(child.npoints for child in children)


def test_a_strategy_can_be_changed_on_the_way() -> None:
    learner = BalancingLearner(curves())
    simple(learner, goal=together(20))
    learner.strategy = "npoints"
    simple(learner, goal=together(60))
    assert max(counts(learner)) - min(counts(learner)) <= 1
    learner.strategy = lambda child: child.npoints
    simple(learner, goal=together(100))
    assert max(counts(learner)) >= 50
    with pytest.raises(ValueError, match="loss_improvements"):
        learner.strategy = "best"  # type: ignore[assignment]
    assert callable(learner.strategy)


def test_children_queue_beside_a_search_of_all() -> None:
    rng = random.Random(3)
    keys: list[Any] = [(rng.randrange(5),) for _ in range(20)]
    queue = ChildQueue(20, lambda i: keys[i])
    for _ in range(3000):
        i = rng.randrange(20)
        keys[i] = None if rng.random() < 0.3 else (rng.randrange(5),)
        queue.touch(i)
        expected = min(((key, i) for i, key in enumerate(keys) if key is not None), default=None)
        assert queue.first() == (None if expected is None else expected[::-1])
        assert len(queue._heap) <= 2 * 20 + 64 + 1


# -- nobody is held up


class Finite(Learner1D):
    """Has a few points, and says when it is done."""

    def ask(self, n: int, tell_pending: bool = True) -> Any:
        room = 3 - self.npoints - len(self.pending_points)
        return super().ask(min(n, room), tell_pending) if room > 0 else ([], [])


class Done(Learner1D):
    def done(self) -> bool:
        return self.npoints >= 4


class Raises(Learner1D):
    """Raises when it is asked, until it was told something."""

    def ask(self, n: int, tell_pending: bool = True) -> Any:
        if self.function(0) == 0 and not self.npoints:
            raise RuntimeError("no way to improve")
        return super().ask(n, tell_pending)


STRATEGIES: list[Any] = ["loss_improvements", "loss", "npoints", "cycle", lambda child: child.loss()]


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_children_without_points_do_not_block_the_others(strategy: Any) -> None:
    learner = BalancingLearner([Finite(peak, (-1, 1)) for _ in range(3)], strategy=strategy)
    assert len(learner.ask(100)[0]) == 9
    assert learner.ask(5) == ([], [])
    learner.remove_unfinished()
    session = Session(learner, make_goal(learner))
    while not session.done:
        session.tell([(pid, learner.function(x)) for pid, x in session.take(2)])
    assert session.error is None
    assert counts(learner) == [3, 3, 3]


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_children_that_are_done_get_no_more_points(strategy: Any) -> None:
    learner = BalancingLearner([Done(peak, (-1, 1)) for _ in range(3)], strategy=strategy)
    simple(learner)  # its own goal
    assert counts(learner) == [4, 4, 4]
    assert learner.done()
    assert not hasattr(BalancingLearner(curves()), "done")


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_children_that_cannot_be_asked_do_not_block_the_others(strategy: Any) -> None:
    functions = [lambda x: 0.0, peak, peak]
    learner = BalancingLearner([Raises(f, (-1, 1)) for f in functions], strategy=strategy)
    simple(learner, goal=together(30))
    assert counts(learner)[0] == 0
    learner.tell((0, 0.5), 1.0)
    simple(learner, goal=together(60))
    assert counts(learner)[0] > 1


def test_when_none_can_be_asked_the_error_is_not_hidden() -> None:
    learner = BalancingLearner([Raises(lambda x: 0.0, (-1, 1)) for _ in range(2)])
    with pytest.raises(RuntimeError, match="no way"):
        learner.ask(1)
    session = Session(learner, Goal(npoints=5))
    session.take(1)
    assert isinstance(session.error, LearnerError)
    learner.tell_pending((0, 0.5))
    assert learner.ask(1) == ([], [])


@pytest.mark.parametrize("strategy", ["loss_improvements", "loss"])
def test_children_that_look_flat_do_not_starve(strategy: Any) -> None:
    """The peaks of two children lie between their first points."""
    hidden = [functools.partial(peak, at=0.7071, width=1e-2), lambda x: 1e-200 * x, lambda x: 0.0]
    learner = BalancingLearner([Learner1D(f, (-1, 1)) for f in [peak, *hidden]], strategy=strategy)
    for _ in range(1000):
        (x,), _ = learner.ask(1)
        learner.tell(x, learner.function(x))
        assert min(counts(learner)) >= int(0.1 * learner.npoints / 4) - 1
    assert min(counts(learner)) >= 24


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_a_goal_in_points_is_that_of_each_child(strategy: Any) -> None:
    learner = BalancingLearner([Learner1D(f, (-1, 1)) for f in (peak, lambda x: 0.0)], strategy=strategy)
    simple(learner, npoints_goal=12)
    assert min(counts(learner)) == 12
    saved = DataSaver(learner.new(), arg_picker=float)
    simple(saved, npoints_goal=12)
    assert min(counts(saved.learner)) == 12


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_children_without_more_points_have_reached_a_goal_in_points(strategy: Any) -> None:
    kinds = [[Raises(f, (-1, 1)) for f in (lambda x: 0.0, peak)], [SequenceLearner(abs, range(n)) for n in (2, 9)]]
    for children in kinds:
        learner = BalancingLearner(children, strategy=strategy)
        simple(learner, npoints_goal=5)
        assert counts(learner)[0] <= 2
        assert counts(learner)[1] >= 5
    learner.remove_unfinished()
    assert learner.each_has(5)
    assert not learner.each_has(8)
    for point in learner.ask(4)[0]:
        assert not learner.each_has(9)
        learner.tell(point, learner.function(point))
    assert learner.each_has(100)


def test_losses_that_are_no_number() -> None:
    learner = BalancingLearner([Learner1D(f, (-1, 1)) for f in (peak, lambda x: float("nan"))])
    simple(learner, goal=together(50))
    assert min(counts(learner)) >= 2


# -- asks that change nothing, points in flight


@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize("n", [0, 1, 2, 7, 40])
def test_asking_without_telling_pending_changes_nothing(strategy: Any, n: int) -> None:
    learner, twin = (BalancingLearner(curves(), strategy=strategy) for _ in range(2))
    for each in (learner, twin):
        simple(each, goal=together(10))
        each.ask(4)
    before = learner.pending_points
    asked = learner.ask(n, tell_pending=False)
    assert learner.pending_points == before
    assert learner.ask(n) == asked == twin.ask(n)


def test_pending_points_and_removal() -> None:
    learner = BalancingLearner(curves())
    points, _ = learner.ask(5)
    assert learner.pending_points == set(points)
    learner.tell_pending((1, 0.123))
    assert (1, 0.123) in learner.pending_points
    learner.remove_unfinished()
    assert learner.pending_points == set()
    assert learner.ask(5)[0] == points


def test_points_that_make_no_sense() -> None:
    learner = BalancingLearner(curves())
    for x, error in [(0.5, TypeError), ((3, 0.5), ValueError), ((-1, 0.5), ValueError), (("a", 0.5), TypeError)]:
        with pytest.raises(error, match=r"learner"):
            learner.tell(x, 1.0)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="0 or more, got -1"):
        learner.ask(-1)
    assert learner.npoints == 0
    assert (0, 0.5) not in learner.data
    assert 0.5 not in learner.data


def test_a_refused_value_does_not_lose_the_count() -> None:
    learner = BalancingLearner(curves())
    with pytest.raises(TypeError):
        learner.tell_many([(0, 0.1), (1, 0.1), (1, 0.2)], [1.0, 1.0, "text"])
    assert learner.npoints == sum(counts(learner))


def test_children_that_were_changed_directly_are_noticed_with_refresh() -> None:
    learner = BalancingLearner(curves())
    learner.learners[0].tell_many([-1, 0, 1], [1, 2, 3])
    learner.refresh()
    assert learner.npoints == 3
    assert BalancingLearner(learner.learners).npoints == 3


# -- making, copying, saving


def test_learners_must_be_of_one_type() -> None:
    with pytest.raises(TypeError, match="Learner1D, Learner2D"):
        BalancingLearner([Learner1D(peak, (0, 1)), Learner2D(peak, [(0, 1)] * 2)])
    with pytest.raises(ValueError, match="at least one"):
        BalancingLearner([])


def test_from_product() -> None:
    combos = {"at": [0.1, 0.2], "width": (0.1, 0.3, 0.5)}
    learner = BalancingLearner.from_product(peak, Learner1D, {"bounds": (-1, 1)}, combos, strategy="npoints")
    assert learner.cdims == named_product(**combos)
    assert [child.function.keywords for child in learner.learners] == learner.cdims
    assert learner.strategy == "npoints"
    theirs = adaptive.BalancingLearner.from_product(peak, adaptive.Learner1D, {"bounds": (-1, 1)}, combos)
    assert theirs._cdims_default == learner.cdims
    assert learner.function((4, 0.7)) == peak(0.7, 0.2, 0.3)


def test_cdims_in_each_form() -> None:
    rows = [{"A": a, "B": b} for a, b in itertools.product([True, False], [0, 1])]
    forms: list[Any] = [
        rows,
        (["A", "B"], itertools.product([True, False], [0, 1])),
        (["A", "B"], [(r["A"], r["B"]) for r in rows]),
    ]
    for cdims in forms:
        assert BalancingLearner(curves(n=4), cdims=cdims).cdims == rows
    with pytest.raises(ValueError, match="describe 3 learners, got 4"):
        BalancingLearner(curves(), cdims=rows)
    with pytest.raises(ValueError, match="same names"):
        BalancingLearner(curves(n=2), cdims=[{"a": 1}, {"b": 1}])


def test_copies() -> None:
    learner = BalancingLearner(curves(), cdims=[{"i": i} for i in range(3)], strategy="loss")
    simple(learner, goal=together(20))
    for copy in [pickle.loads(pickle.dumps(learner)), cloudpickle.loads(cloudpickle.dumps(learner))]:
        assert dict(copy.data) == dict(learner.data)
        assert (copy.npoints, copy.cdims, copy.strategy) == (20, learner.cdims, "loss")
        assert copy.ask(3) == learner.ask(3, tell_pending=False)
    new = learner.new()
    assert (new.npoints, new.cdims, new.strategy) == (0, learner.cdims, "loss")
    new.copy_from(learner)
    assert dict(new.data) == dict(learner.data)
    assert new.npoints == 20
    with pytest.raises(ValueError, match="got those of 2"):
        learner.copy_from(BalancingLearner(curves(n=2)))


def test_functions_travel_apart() -> None:
    learner = BalancingLearner([Learner1D(lambda x, i=i: x + i, (-1, 1)) for i in range(3)], strategy=lambda child: 1.0)
    packed, functions = dumps_apart(learner)
    hosted = loads_together(packed, None)
    points, _ = hosted.ask(4)
    with pytest.raises(TypeError, match="without its function"):
        hosted.function(points[0])
    function = cloudpickle.loads(cloudpickle.dumps(learner.function))
    hosted.tell_many(points, map(function, points))
    again = loads_together(dumps_apart(hosted)[0], functions)
    assert [again.function((i, 1.0)) for i in range(3)] == [1.0, 2.0, 3.0]
    assert dict(again.data) == dict(hosted.data)


def test_the_function_follows_the_childrens() -> None:
    learner = BalancingLearner(curves())
    learner.learners[1].function = lambda x: -7.0
    assert learner.function((1, 0.5)) == -7.0


def name_of(tmp_path: Path, child: Any) -> Path:
    return tmp_path / f"{child.function.keywords['at']:.1f}"


@pytest.mark.parametrize("way", ["function", "names", "fname", "one file", "own fname"])
def test_files(way: str, tmp_path: Path) -> None:
    learner, other = BalancingLearner(curves()), BalancingLearner(curves())
    simple(learner, goal=together(20))
    names: Any = {
        "function": functools.partial(name_of, tmp_path),
        "names": [str(tmp_path / f"{i}") for i in range(3)],
        "one file": tmp_path / "all",
        "own fname": tmp_path / "own",
        "fname": None,
    }[way]
    for each in (learner, other):
        if way == "own fname":
            each.fname, arguments = names, ()
        else:
            arguments = (names,)
        if way == "fname":
            for i, child in enumerate(each.learners):
                child.fname = tmp_path / f"{i}"
        (each.save if each is learner else each.load)(*arguments)
    assert dict(other.data) == dict(learner.data)
    assert other.npoints == 20
    assert len(list(tmp_path.iterdir())) == (1 if way in ("one file", "own fname") else 3)


def test_if_one_file_is_missing_no_child_is_loaded(tmp_path: Path) -> None:
    learner, other = BalancingLearner(curves()), BalancingLearner(curves())
    simple(learner, goal=together(20))
    names = [tmp_path / f"{i}" for i in range(3)]
    learner.save(names)
    names[2].unlink()
    with pytest.raises(DataFileError, match="2"):
        other.load(names)
    assert other.npoints == 0
    assert counts(other) == [0, 0, 0]
    for wrong, match in [(names[:2], "for each of 3 learners, got 2"), ([names[0]] * 3, "different for each learner")]:
        with pytest.raises(ValueError, match=match):
            other.save(wrong)


def test_points_are_spread_over_children_without_data() -> None:
    points, _ = BalancingLearner(curves(n=10)).ask(20)
    assert set(Counter(i for i, _ in points).values()) == {2}


@pytest.mark.long
def test_ten_thousand_children() -> None:
    learner = BalancingLearner([Learner1D(peak, (-1, 1)) for _ in range(10_000)])
    points, _ = learner.ask(10_000)
    assert len({i for i, _ in points}) == 10_000
    learner.tell_many(points, [1.0] * 10_000)
    assert learner.npoints == 10_000
    # One point costs two or three looks at one child, not at all of them.
    asked = Counter[int]()
    for i, child in enumerate(learner.learners):
        ask = child.ask
        child.ask = lambda *a, i=i, ask=ask, **k: asked.update([i]) or ask(*a, **k)
    learner.ask(1)
    asked.clear()
    for _ in range(100):
        (x,), _ = learner.ask(1)
        learner.tell(x, 2.0)
    assert asked.total() <= 300


def test_cdims_as_a_list_of_names_and_values():
    learners = [Learner1D(abs, (0, 1)) for _ in range(3)]
    names, values = ["a", "b"], [(1, "x"), (2, "y"), (3, "z")]
    expected = BalancingLearner(learners, cdims=(names, values)).cdims
    assert BalancingLearner(learners, cdims=[names, values]).cdims == expected
    two = BalancingLearner(learners[:2], cdims=[{"a": 1}, {"a": 2}])
    assert two.cdims == [{"a": 1}, {"a": 2}]
    assert BalancingLearner(learners[:2], cdims=[["a"], [[1], [2]]]).cdims == two.cdims


def test_children_may_mean_something_else_by_infeasible() -> None:
    class Child(SequenceLearner):
        infeasible = True

    learner = BalancingLearner([Child(abs, range(20)), Child(abs, range(20))])
    while not learner.done():
        for point in learner.ask(3)[0]:
            learner.tell(point, 1.0)
    assert learner.npoints == 40


def test_learners_inside_are_found_without_properties_of_the_user():
    class Odd(Learner1D):
        @property
        def learners(self) -> None:
            raise RuntimeError

    children = [DataSaver(Odd(abs, (-1, 1)), str) for _ in range(2)]
    whole = BalancingLearner(children)
    assert list(nested(whole)) == [whole, *(each for child in children for each in (child, child.learner))]
