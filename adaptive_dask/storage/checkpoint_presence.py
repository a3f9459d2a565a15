"""Notices that files of a checkpoint were deleted or moved while a run writes to it."""

from __future__ import annotations

import os

from adaptive_dask.storage.checkpoint_files import FUNCTIONS
from adaptive_dask.storage.checkpoint_folder import Folder, GrowingFile


class Presence:
    """The files that a checkpoint is made of, which should all be there.

    Parameters
    ----------
    folder : Folder
        Those that are there now are expected to stay, but for the lock.
    """

    def __init__(self, folder: Folder) -> None:
        self._folder = folder
        self._names: set[str] = set()
        self.look()

    def look(self) -> None:
        """Expect what is there now."""
        self._names = {name for name in self._folder.names() if name.startswith(("learner-", "log-", FUNCTIONS))}

    def add(self, name: str) -> None:
        """Expect another file."""
        self._names.add(name)

    def missing(self, growing: GrowingFile | None) -> str | None:
        """The name of a file that is not there any more, or not the same; None if there is none.

        Parameters
        ----------
        growing : GrowingFile or None
            The file that is open: another one may be in its place.
        """
        lost = sorted(self._names - set(self._folder.names()))
        # Where listings may be late, the file itself says.
        lost = lost if self._folder.can_append else [name for name in lost if self._folder.read(name) is None]
        if lost:
            return lost[0]
        return None if growing is None or growing.is_in_place() else os.path.basename(growing.path)
