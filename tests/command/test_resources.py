"""Resources that programs need."""

from __future__ import annotations

import functools
import pickle

import dask
import pytest

import adaptive_dask as adaptive
from adaptive_dask.run.options import RunOptions
from adaptive_dask.runner.arguments import make_plan

GPU = {"GPU": 1.0}
TWO = {"GPU": 2.0}


def line(function):
    return adaptive.Learner1D(function, (0, 1))


@pytest.fixture
def program(tmp_path):
    return functools.partial(adaptive.Command, "echo {x}", folder=tmp_path)


def tasks(learner, **options):
    return make_plan(learner, RunOptions(npoints_goal=3, **options)).tasks.get("resources", {})


def test_a_run_needs_what_its_program_needs(program):
    command = pickle.loads(pickle.dumps(program(resources={"GPU": 1})))
    saver = adaptive.DataSaver(line(command), arg_picker=abs)
    balancer = adaptive.BalancingLearner([line(command), line(functools.partial(command, gate=1))])
    for learner in (line(command), line(functools.partial(command, gate=1)), saver, balancer):
        assert tasks(learner) == GPU
    assert tasks(line(program())) == tasks(line(abs)) == {}


def test_arguments_of_the_run_come_first(program):
    learner = line(program(resources=GPU))
    assert tasks(learner, resources=TWO) == tasks(learner, annotations={"resources": TWO}) == TWO
    assert tasks(learner, resources={}) == {}
    with dask.annotate(resources=TWO):
        assert tasks(learner) == GPU
        assert tasks(line(program())) == TWO


def test_programs_of_one_run_need_the_same(program):
    for other in (program(resources=TWO), program(), abs):
        learner = adaptive.BalancingLearner([line(program(resources=GPU)), line(other)])
        with pytest.raises(ValueError, match="resources of the commands of one run must be the same"):
            tasks(learner)
        assert tasks(learner, resources=TWO) == TWO


@pytest.mark.parametrize("resources", [["GPU"], {"GPU": 0}, {"GPU": True}, {"GPU": "1"}, {"GPU": float("nan")}, 1])
def test_what_makes_no_sense_is_refused(program, resources):
    with pytest.raises(ValueError, match="resources must be amounts by name"):
        program(resources=resources)


def test_executors_ignore_them(program):
    learner = line(program(resources=GPU))
    adaptive.runner.simple(learner, npoints_goal=2)
    assert learner.npoints == 2
