"""A long storm over a cluster: nothing may be lost, told twice, wrong, or left over.

Run it with ``python -m tests.benchmarks.chaos``; it takes some minutes, with the numbers of the defaults about three.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import cloudpickle

from tests.cluster import chaos, neighbours


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--workers", type=int, default=50, help="to kill")
    parser.add_argument("--schedulers", type=int, default=20, help="to kill")
    parser.add_argument("--clients", type=int, default=20, help="to kill")
    parser.add_argument("--neighbours", type=int, default=5, help="runs that misbehave, of each kind")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    cloudpickle.register_pickle_by_value(chaos)
    deeds = {"kill": arguments.workers, "kill_client": arguments.clients}
    deeds |= {"pause": 15, "add": 5, "retire": 15, "come": 10}
    deeds |= dict.fromkeys(neighbours.KINDS, arguments.neighbours)
    with tempfile.TemporaryDirectory() as folder:
        storm = chaos.Storm(Path(folder), lives=arguments.schedulers, deeds=deeds, seed=arguments.seed)
        figures = storm.run()
    print(figures)
    longest = max(figures.delays, default=0.0)
    is_well = not (figures.lost or figures.doubled or figures.wrong or figures.forgotten or figures.left)
    is_well = is_well and longest <= 2.0
    print("ok" if is_well else "MISSED")


if __name__ == "__main__":
    main()
