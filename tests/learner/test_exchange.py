"""Spaces from and to VOCS of gest-api and the distributions of Optuna."""

from __future__ import annotations

import math
import os
import subprocess
import sys
from typing import Any

import gest_api.vocs as gest
import numpy as np
import optuna.distributions as dist
import pytest

import adaptive_dask as adaptive
from adaptive_dask import Categories, Fixed, Int, Linear, Log, Periodic, Space
from adaptive_dask.learner.axes import exchange
from adaptive_dask.learner.axes.axis import UnsupportedAxisError

SPACES = {
    "linear": Space(x=(0.1, 0.3), y=(-1e300, 1e300)),
    "logarithmic": Space(x=Log(1e-300, 3.3)),
    "whole": Space(n=Int(-7, 12), m=Int(0, 1)),
    "categories": Space(x=(0, 1), material=["GaAs", "Si"], on=[False, True], size=[1, 2, 4], mixed=[1.5, "a"]),
    "fixed": Space(x=(0, 1), t=4.2, n=3, name="A", on=True, none=None),
}


@pytest.mark.parametrize("name", SPACES)
def test_there_and_back(name: str) -> None:
    space = SPACES[name]
    again = Space.from_optuna(space.to_optuna())
    assert again == space
    assert repr(again) == repr(space)
    vocs = space.to_vocs(objectives={"gap": "EXPLORE"})
    assert vocs.objective_names == ["gap"]
    expected = space if name != "logarithmic" else Space(x=(1e-300, 3.3))
    assert Space.from_vocs(vocs) == expected
    assert Space.from_vocs(gest.VOCS(**vocs.model_dump())) == expected


def test_optuna() -> None:
    found = {
        "x": dist.FloatDistribution(0.5, 2),
        "energy": dist.FloatDistribution(1e-3, 10, log=True),
        "layers": dist.IntDistribution(1, 9),
        "material": dist.CategoricalDistribution(["Si", None, 3]),
        "t": dist.FloatDistribution(4, 4),
        "n": dist.IntDistribution(3, 3, step=7),
    }
    space = Space.from_optuna(found)
    assert repr(space) == (
        "Space(x=(0.5, 2.0), energy=Log(0.001, 10.0), layers=Int(1, 9), material=['Si', None, 3], t=4.0, n=3)"
    )
    assert {
        name: each for name, each in space.to_optuna().items() if name in ("x", "energy", "layers", "material")
    } == {name: found[name] for name in ("x", "energy", "layers", "material")}


def test_vocs() -> None:
    vocs = gest.VOCS(
        variables={
            "x": [0.5, 2],
            "material": {"Si", "GaAs", "Ge"},
            "layers": {3, 1, 2},
            "size": {1, 2, 4},
            "n": gest.ContinuousVariable(domain=[1, 9], dtype=int),
            "f": gest.ContinuousVariable(domain=[1, 9], dtype="float64", default_value=2),
        },
        objectives={"gap": "MINIMIZE"},
        constants={"t": 4.2, "axis": (0, 0, 1)},
    )
    space = Space.from_vocs(vocs)
    assert repr(space) == (
        "Space(x=(0.5, 2.0), material=['GaAs', 'Ge', 'Si'], layers=Int(1, 3), size=[1, 2, 4], n=Int(1, 9), "
        "f=(1.0, 9.0), t=4.2, axis=Fixed((0, 0, 1)))"
    )
    # What learners do with it.
    learner = adaptive.DataSaver(
        adaptive.Learner1D(lambda x, material: {"gap": x * len(material)}, Space.from_vocs(_two_variables())),
        learn=vocs.objective_names,
    )
    adaptive.simple(learner, npoints_goal=20)
    assert learner.npoints == 20


def _two_variables() -> gest.VOCS:
    return gest.VOCS(variables={"x": [0, 1], "material": {"Si", "GaAs"}})


def test_sets_have_the_same_order_in_all_processes() -> None:
    program = (
        "import gest_api.vocs as g, adaptive_dask as a;"
        "print(a.Space.from_vocs(g.VOCS(variables={'x': [0, 1], 'm': {'a', 'b', 'c', 2, None, (1, 'd'), True}})))"
    )
    texts = {
        subprocess.run(
            [sys.executable, "-c", program],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(texts) == 1


@pytest.mark.parametrize(
    ("variable", "kind", "message"),
    [
        ("CONTEXTUAL", UnsupportedAxisError, "Make it a constant"),
        (
            gest.BaseVariable(),
            UnsupportedAxisError,
            "x must be a continuous or a discrete variable, got a BaseVariable",
        ),
        ([-math.inf, 1], ValueError, "x: "),
        (gest.ContinuousVariable(domain=[0.5, 2], dtype=int), TypeError, "whole number"),
    ],
)
def test_variables_that_no_axis_is(variable: Any, kind: type[Exception], message: str) -> None:
    with pytest.raises(kind, match=message):
        Space.from_vocs(gest.VOCS(variables={"x": variable}))


@pytest.mark.parametrize(
    "distribution",
    [dist.FloatDistribution(0, 1, step=0.25), dist.IntDistribution(0, 8, step=2), dist.IntDistribution(1, 8, log=True)],
)
def test_distributions_that_no_axis_is(distribution: Any) -> None:
    with pytest.raises(UnsupportedAxisError, match="x must be a distribution of all numbers"):
        Space.from_optuna({"x": distribution})


def test_axes_that_others_do_not_have(monkeypatch: pytest.MonkeyPatch) -> None:
    space = Space(angle=Periodic(0, 360), x=(0, 1))
    for convert in (space.to_vocs, space.to_optuna):
        with pytest.raises(UnsupportedAxisError, match=r"Use space\.replaced\(angle=\(0\.0, 360\.0\)\)"):
            convert()
    assert space.replaced(angle=(0.0, 360.0)).to_optuna()["angle"] == dist.FloatDistribution(0, 360)
    with pytest.raises(UnsupportedAxisError, match="hashable"):
        Space(x=(0, 1), a=Categories([[1], [2]])).to_vocs()
    with pytest.raises(UnsupportedAxisError, match="at most 100,000 whole numbers"):
        Space(n=Int(0, 2**50)).to_vocs()
    assert Space(n=Int(0, 2**50)).to_optuna()["n"].high == 2**50

    class Other(Linear):
        pass

    with pytest.raises(UnsupportedAxisError):
        Space(x=Other(0, 1)).to_vocs()
    assert exchange._MAX_LISTED == 100_000


@pytest.mark.parametrize("wrong", [None, {"x": [0, 1]}, 3])
def test_what_is_no_vocs(wrong: Any) -> None:
    with pytest.raises(TypeError, match=r"must be a gest_api\.vocs\.VOCS"):
        Space.from_vocs(wrong)
    with pytest.raises(TypeError, match=r"(a mapping of names to distributions|a distribution of Optuna)"):
        Space.from_optuna(wrong)


def test_names_and_further_fields() -> None:
    with pytest.raises(TypeError, match="BPM:x"):
        Space.from_vocs(gest.VOCS(variables={"BPM:x": [0, 1]}))
    with pytest.raises(ValueError, match="must have an axis that varies"):
        Space.from_optuna({"x": dist.IntDistribution(1, 1)})
    with pytest.raises(TypeError, match="those of the space"):
        Space(x=(0, 1)).to_vocs(constants={"a": 1})
    vocs = Space(x=Linear(0, 1, unit="eV"), matrix=Fixed(np.eye(2))).to_vocs(
        objectives={"y": "MINIMIZE"}, constraints={"c": ["LESS_THAN", 0]}, observables=["o"]
    )
    assert vocs.output_names == ["y", "c", "o"]
    assert (vocs.constants["matrix"].value == np.eye(2)).all()


def test_without_the_packages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "gest_api", None)
    monkeypatch.setitem(sys.modules, "gest_api.vocs", None)
    monkeypatch.setitem(sys.modules, "optuna", None)
    monkeypatch.setitem(sys.modules, "optuna.distributions", None)
    space = Space(x=(0, 1))
    for convert, package in ((space.to_vocs, "gest-api"), (space.to_optuna, "optuna")):
        with pytest.raises(ImportError, match=f"pip install {package}"):
            convert()
    with pytest.raises(ImportError, match="pip install gest-api"):
        Space.from_vocs(None)
    with pytest.raises(ImportError, match="pip install optuna"):
        Space.from_optuna({})
