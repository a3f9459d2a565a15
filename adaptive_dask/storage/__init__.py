"""Data that come and go: files and data frames, once for all learners. pandas is imported for frames only."""

from __future__ import annotations

from adaptive_dask.storage.learner_files import load, load_children, save, save_children

__all__ = ["load", "load_children", "save", "save_children"]
