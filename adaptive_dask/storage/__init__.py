"""Save and load the data of all learners: files, data frames, and checkpoints."""

from __future__ import annotations

from adaptive_dask.storage.learner_files import load, load_children, save, save_children

__all__ = ["load", "load_children", "save", "save_children"]
