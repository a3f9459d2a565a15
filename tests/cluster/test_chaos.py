"""A run goes through a storm, and nothing is lost, told twice, wrong, or left over."""

from __future__ import annotations

import sys

import cloudpickle
import pytest

from . import chaos, neighbours

cloudpickle.register_pickle_by_value(chaos)


@pytest.mark.long
@pytest.mark.skipif(sys.platform != "linux", reason="forks processes, and looks at their open files in /proc")
def test_a_storm(tmp_path):
    deeds = {"kill": 5, "pause": 3, "add": 1, "retire": 2, "come": 2, "kill_client": 2}
    deeds |= dict.fromkeys(neighbours.KINDS, 1)
    figures = chaos.Storm(tmp_path, lives=2, deeds=deeds, seed=1).run()
    print(figures)
    assert figures.deeds["workers killed"] == 5
    assert figures.deeds["schedulers killed"] == 2
    assert figures.deeds["clients killed"] == 2
    assert (figures.lost, figures.doubled, figures.wrong, figures.forgotten) == (0, 0, 0, 0)
    assert figures.left == []
    before, after = figures.descriptors
    assert after <= before + 2
    assert figures.worker_descriptors <= 2
    assert figures.points > 100
