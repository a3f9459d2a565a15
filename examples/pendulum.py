"""The period of a pendulum, from a program in C that reads an input file and writes a result.

The program integrates the equation of motion. Most solvers of physics are used in this way: write an input file, run
the program in a folder, read what it has written. `Command` does that for each point, and the learner chooses the
points. The period diverges at 180°, so most points are near there.

Run it with ``python examples/pendulum.py``. It needs a C compiler, ``cc``. Everything is written to the folder
``pendulum``: the program, a folder for each point, and a checkpoint. If you interrupt the script and start it again, it
continues, and no program that has finished runs again.
"""

import shutil
import subprocess
from math import radians, sin
from pathlib import Path

from dask.distributed import Client, LocalCluster
from scipy.special import ellipk

import adaptive_dask as adaptive

FOLDER = Path("pendulum")
BOUNDS = (1, 179.9)  # of the angle from which the pendulum starts, in degrees
POINTS = 60

SOURCE = r"""
#include <math.h>
#include <stdio.h>

static double step, angle, speed;

static void advance(void) {  /* the classical method of Runge and Kutta */
    double k[4], l[4], a = angle, s = speed;
    for (int i = 0; i < 4; i++) {
        k[i] = s;
        l[i] = -sin(a);
        double part = i == 2 ? step : step / 2;
        a = angle + part * k[i];
        s = speed + part * l[i];
    }
    angle += step / 6 * (k[0] + 2 * k[1] + 2 * k[2] + k[3]);
    speed += step / 6 * (l[0] + 2 * l[1] + 2 * l[2] + l[3]);
}

int main(void) {
    double degrees, before, time = 0;
    FILE *in = fopen("input.txt", "r");
    if (!in || fscanf(in, "angle = %lf\nstep = %lf", &degrees, &step) != 2) {
        fprintf(stderr, "input.txt cannot be read\n");
        return 2;
    }
    if (fabs(degrees) >= 180) return 3;  /* it does not swing */
    angle = degrees * acos(-1) / 180;
    do {
        before = angle;
        advance();
        time += step;
    } while (angle > 0);
    FILE *out = fopen("result.json", "w");
    fprintf(out, "{\"period\": %.12g, \"speed\": %.12g}\n", 4 * (time - step * angle / (angle - before)), speed);
    return fclose(out);
}
"""


def compile_program():
    """Compile the program, unless it is there: a program that has changed would be run again for all points."""
    program = FOLDER / "pendulum"
    if not program.exists():
        if shutil.which("cc") is None:
            raise SystemExit("This example needs a C compiler, cc; on Debian: apt install gcc libc6-dev")
        FOLDER.mkdir(exist_ok=True)
        program.with_suffix(".c").write_text(SOURCE)
        subprocess.run(["cc", "-O2", program.with_suffix(".c"), "-o", program, "-lm"], check=True)
    return program


def exact(degrees):
    """Return the period by an elliptic integral, for comparison."""
    return 4 * ellipk(sin(radians(degrees) / 2) ** 2)


def main():
    period = adaptive.Command(
        [compile_program()],
        inputs={"input.txt": "angle = {x}\nstep = {step}\n"},
        values={"step": 1e-4},
        parse=("json", "result.json", "period"),
        infeasible=[3],
        folder=FOLDER / "runs",
        keep="all",
    )
    learner = adaptive.Learner1D(period, bounds=BOUNDS)
    with LocalCluster(dashboard_address=":0", host="127.0.0.1") as cluster, Client(cluster) as client:
        adaptive.BlockingRunner(
            learner,
            executor=client,
            npoints_goal=POINTS,
            isolate="process",
            point_timeout=60,
            checkpoint=FOLDER / "checkpoint",
        )

    print(" angle    period     error")
    for angle, value in sorted(learner.data.items())[:: POINTS // 12]:
        print(f"{angle:6.2f}° {value:9.5f} {abs(value - exact(angle)):9.1e}")
    [folder] = period.find(BOUNDS[1])
    print(f"\n{len(learner.data)} points; the last one is in {folder.relative_to(Path.cwd())}:")
    print(", ".join(sorted(path.name for path in folder.iterdir())))


if __name__ == "__main__":
    main()
