"""Adaptive sampling of expensive functions on a Dask cluster.

>>> import adaptive_dask as adaptive
>>> learner = adaptive.Learner1D(f, bounds=(-1, 1))
>>> runner = adaptive.Runner(learner, loss_goal=0.01)

Names are imported when they are first used, so that ``import adaptive_dask`` is cheap. ``__init__.pyi`` lists them for
type checkers and editors.
"""

from __future__ import annotations

import importlib
import importlib.util
import os
import pkgutil
from collections.abc import Callable
from types import ModuleType
from typing import Any

__version__ = "0.1.0"  # also read by pyproject.toml

if os.name != "posix":
    raise ImportError(
        f"adaptive_dask needs a POSIX system, such as Linux or macOS, got os.name = {os.name!r}. On Windows, install "
        "it in the Windows Subsystem for Linux (https://learn.microsoft.com/windows/wsl/install)."
    )

# The parts of higher layers for each kind of learner; see `adaptive_dask.learner.kinds`.
KINDS = {
    "learner.learner1D:Learner1D": {
        "draw": "plotting.learner1D:draw",
        "follower": "dashboard.samples.line:LineFollower",
        "layout": "storage.frame_layouts:LINE",
    },
    "learner.learner2D:Learner2D": {
        "draw": "plotting.learner2D:draw",
        "follower": "dashboard.samples.plane:PlaneFollower",
        "layout": "storage.frame_layouts:PLANE",
    },
    "learner.learnerND:LearnerND": {
        "draw": "plotting.learnerND:draw",
        "follower": "dashboard.samples.kinds:make_space_follower",
        "layout": "storage.frame_layouts:SPACE",
        "reader": "storage.adaptive_files:read_state",
    },
    "learner.sparse_grid_learner:SparseGridLearner": {
        "draw": "plotting.sparse_grid_learner:draw",
        "follower": "dashboard.samples.kinds:make_space_follower",
        "layout": "storage.frame_layouts:SPACE",
    },
    "learner.average_learner:AverageLearner": {
        "draw": "plotting.average_learner:draw",
        "follower": "dashboard.samples.average:MeanFollower",
        "layout": "storage.frame_layouts:SEEDS",
        "reader": "storage.adaptive_files:read_seeds",
    },
    "learner.average_learner1D:AverageLearner1D": {
        "draw": "plotting.average_learner1D:draw",
        "follower": "dashboard.samples.line:MeansFollower",
        "layout": "storage.frame_layouts:SAMPLES",
        "reader": "storage.adaptive_files:read_samples",
    },
    "learner.rational_learner1D:RationalLearner1D": {
        "draw": "plotting.rational_learner1D:draw",
        "follower": "dashboard.samples.line:RationalFollower",
        "layout": "storage.frame_layouts:LINE",
    },
    "learner.integrator_learner:IntegratorLearner": {
        "draw": "plotting.integrator_learner:draw",
        "follower": "dashboard.samples.intervals:IntegralFollower",
        "layout": "storage.frame_layouts:LINE",
        "reader": "storage.adaptive_files:read_integrator",
    },
    "learner.sequence_learner:SequenceLearner": {
        "draw": "plotting.sequence_learner:draw",
        "follower": "dashboard.samples.sequence:SequenceFollower",
        "layout": "storage.frame_layouts:SEQUENCE",
        "reader": "storage.adaptive_files:read_sequence",
    },
    "learner.balancing_learner:BalancingLearner": {
        "draw": "plotting.balancing_learner:draw",
        "follower": "dashboard.samples.children:ChildrenFollower",
    },
    "learner.data_saver:DataSaver": {
        "draw": "plotting.data_saver:draw",
        "layout": "storage.data_saver_layout:DATA_SAVER",
        "reader": "storage.adaptive_files:read_data_saver",
        "inside": "learner.data_saver:learner_inside",
    },
    "learner.axes_learner:AxesLearner": {
        "draw": "plotting.axes_learner:draw",
        "follower": "dashboard.samples.axes:AxesFollower",
        "layout": "storage.axes_layout:AXES",
    },
    "learner.skopt_learner:SKOptLearner": {
        "draw": "plotting.skopt_learner:draw",
        "follower": "dashboard.samples.values:BestFollower",
    },
}

# The functions of higher layers that lower ones call, for example because users call ``learner.save()``.
ENTRIES = {
    "draw": "plotting:draw",
    "draw_isolines": "plotting.learnerND:draw_isolines",
    "draw_isosurface": "plotting.learnerND_space:draw_isosurface",
    "draw_points": "plotting.learnerND_space:draw_points",
    "draw_slice": "plotting.learnerND:draw_slice",
    "drawing_over_space": "plotting.axes_learner:drawing",
    "load": "storage.learner_files:load",
    "load_children": "storage.learner_files:load_children",
    "extended_over_space": "learner.axes.door:extended",
    "learner_over_space": "learner.axes.door:make",
    "live_info": "notebook:live_info",
    "live_plot": "notebook:live_plot",
    "live_table": "notebook:live_table",
    "load_dataframe": "storage.frames:load_dataframe",
    "load_pages": "dashboard:load_pages",
    "remote_result": "cluster.remote_result:RemoteResult",
    "note_target": "storage.extra_files:note_target",
    "save": "storage.learner_files:save",
    "save_children": "storage.learner_files:save_children",
    "serve_pages": "dashboard:serve_pages",
    "static_info": "notebook:static_info",
    "to_dataframe": "storage.frames:to_dataframe",
    "to_parquet": "storage.parquet:to_parquet",
    "to_xarray": "storage.grids:to_xarray",
    "to_zarr": "storage.zarr_store:to_zarr",
    "write_to_target": "storage.extra_files:ExtraFolder",
}

_HOME = {
    "AsyncRunner": "runner",
    "BaseLearner": "learner.base_learner",
    "BlockingRunner": "runner",
    "Command": "command",
    "Categories": "learner.axes.axis",
    "Fixed": "learner.axes.axis",
    "Infeasible": "errors",
    "Int": "learner.axes.axis",
    "Linear": "learner.axes.axis",
    "Log": "learner.axes.axis",
    "Periodic": "learner.axes.axis",
    "Runner": "runner",
    "Space": "learner.axes.space",
    "active_plotting_tasks": "notebook",
    "attach": "runner",
    "live_info": "notebook",
    "live_plot": "notebook",
    "load": "storage.checkpoint",
    "make_datasaver": "learner.data_saver",
    "notebook_extension": "notebook",
    "run_many": "runner",
    "runs": "runner",
    "simple": "runner",
    "uses_nth_neighbors": "learner.base_learner",
    **{name: home for home, _, name in (kind.partition(":") for kind in KINDS)},
}

__all__ = [  # noqa: RUF022  the most used names come first
    "Learner1D",
    "Learner2D",
    "LearnerND",
    "SparseGridLearner",
    "AverageLearner",
    "AverageLearner1D",
    "RationalLearner1D",
    "IntegratorLearner",
    "SequenceLearner",
    "BalancingLearner",
    "DataSaver",
    "make_datasaver",
    "SKOptLearner",
    "Space",
    "Int",
    "Linear",
    "Log",
    "Periodic",
    "Fixed",
    "Categories",
    "Runner",
    "AsyncRunner",
    "BlockingRunner",
    "run_many",
    "attach",
    "runs",
    "simple",
    "Command",
    "Infeasible",
    "load",
    "notebook_extension",
    "live_plot",
    "active_plotting_tasks",
    "BaseLearner",
    "uses_nth_neighbors",
    "learner",
    "runner",
    "__version__",
]


# Modules that users access, besides those of `__all__`.
PUBLIC_MODULES = ("errors", "notebook_integration", "plotting", "testing", "types", "utils")


def entry(name: str) -> Callable[..., Any]:
    """Import a function of `ENTRIES`, for lower layers, which do not import higher ones."""
    function: Callable[..., Any] = pkgutil.resolve_name(f"{__name__}.{ENTRIES[name]}")
    return function


def submodule(package: str, name: str) -> ModuleType:
    """Import a module of a package when it is first used as an attribute.

    Raises
    ------
    AttributeError
        If the package has no such module.
    """
    full_name = f"{package}.{name}"
    if name.startswith("_") or importlib.util.find_spec(full_name) is None:
        raise AttributeError(f"module {package!r} has no attribute {name!r}")
    return importlib.import_module(full_name)


def __getattr__(name: str) -> Any:
    if name in _HOME:
        value = getattr(importlib.import_module(f"{__name__}.{_HOME[name]}"), name)
        globals()[name] = value
        return value
    return submodule(__name__, name)


def __dir__() -> list[str]:
    return sorted({*__all__, *PUBLIC_MODULES})
