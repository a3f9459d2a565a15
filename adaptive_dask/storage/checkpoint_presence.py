"""Detects that files of a checkpoint were deleted or moved during a run."""

from __future__ import annotations

import os

from adaptive_dask.storage.checkpoint_files import FUNCTIONS
from adaptive_dask.storage.checkpoint_folder import Folder, GrowingFile


class Presence:
    """The expected files of a checkpoint.

    Parameters
    ----------
    folder : Folder
        Its current files are expected to stay, except for the lock.
    """

    def __init__(self, folder: Folder) -> None:
        self._folder = folder
        self._names: set[str] = set()
        self.look()

    def look(self) -> None:
        """Expect the files that exist now."""
        self._names = {name for name in self._folder.names() if name.startswith(("learner-", "log-", FUNCTIONS))}

    def add(self, name: str) -> None:
        """Expect another file."""
        self._names.add(name)

    def missing(self, growing: GrowingFile | None) -> str | None:
        """Return the name of a file that is missing or was replaced, or None.

        Parameters
        ----------
        growing : GrowingFile or None
            The open log, which may have been replaced by another file.
        """
        lost = sorted(self._names - set(self._folder.names()))
        # Listings of remote stores can be outdated, so the files are read.
        lost = lost if self._folder.can_append else [name for name in lost if self._folder.read(name) is None]
        if lost:
            return lost[0]
        return None if growing is None or growing.is_in_place() else os.path.basename(growing.path)
