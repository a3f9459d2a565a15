"""Resonant tunnelling through three barriers, resolved on a Dask cluster.

An electron in GaAs meets three barriers of AlGaAs with two wells between them. If its energy matches a level of the
wells, it passes with certainty. Because the wells are coupled, the levels come in pairs. Those of the lower pair are
1.2 and 1.4 µeV wide in a range of 280,000 µeV, so a uniform grid of reasonable size misses them. The learner starts
with the two ends of the range and finds them.

Run it with ``python examples/quickstart.py``. It prints a table and writes quickstart.png.
"""

import matplotlib.pyplot as plt
import numpy as np
from dask.distributed import Client, LocalCluster
from scipy.optimize import minimize_scalar
from scipy.signal import argrelmax

import adaptive_dask as adaptive
from adaptive_dask.learner.learner1D import interpolation_loss_function

MASS = 0.067  # of an electron in GaAs, in free electron masses
HBAR2_2M = 0.0380998  # ħ² / 2mₑ in eV nm²
BARRIERS = [(0, 8), (15, 20), (27, 35)]  # from, to in nm
HEIGHT, EDGE = 0.3, 0.3  # of the barriers: height in eV, width of their edges in nm
SLICE = 0.05  # in nm; the potential is constant on each slice
BOUNDS = (0.01, 0.29)  # in eV


def potential(x):
    """Return the potential in eV at x in nm."""
    return HEIGHT / 2 * sum(np.tanh((x - a) / EDGE) - np.tanh((x - b) / EDGE) for a, b in BARRIERS)


def log10_transmission(energy):
    """Return log₁₀ T(E), the logarithm of the transmission probability at an energy in eV.

    The outgoing wave exp(ikx) on the right is propagated to the left, slice by slice, with 2 × 2 transfer matrices for
    ψ and ψ'. In this direction, the wave grows inside the barriers, and rounding errors do not grow faster than it.
    """
    k_outside = np.sqrt(MASS * energy / HBAR2_2M)
    psi, slope = 1, 1j * k_outside
    for v in potential(np.arange(-2, 37, SLICE)):
        k = np.sqrt(MASS * (energy - v) / HBAR2_2M + 0j)
        cos, sin = np.cos(k * SLICE), np.sin(k * SLICE)
        psi, slope = cos * psi - sin / k * slope, sin * k * psi + cos * slope
    return -2 * np.log10(abs(psi + slope / (1j * k_outside)) / 2)


def reference():
    """Return energies that resolve every resonance, log₁₀ T there, and each resonance with its width."""
    grid = np.linspace(*BOUNDS, 2001)
    away = np.geomspace(1e-9, 0.01, 200)
    energies, resonances = [grid], []
    for i in argrelmax(log10_transmission(grid))[0]:
        bracket = (grid[i - 1], grid[i + 1])
        options = {"xatol": 1e-12}
        peak = minimize_scalar(lambda e: -log10_transmission(e), bounds=bracket, method="bounded", options=options).x
        half_width = np.interp(np.log10(2), -log10_transmission(peak + away), away)
        resonances.append((peak, 2 * half_width))
        energies += [[peak], peak - away, peak + away]
    energies = np.unique(np.clip(np.concatenate(energies), *BOUNDS))
    return energies, log10_transmission(energies), resonances


def main():
    with LocalCluster(threads_per_worker=1, dashboard_address="127.0.0.1:0") as cluster, Client(cluster):
        loss = interpolation_loss_function(norm="max")  # the largest error of linear interpolation
        learner = adaptive.Learner1D(log10_transmission, bounds=BOUNDS, loss_per_interval=loss)
        runner = adaptive.Runner(learner, npoints_goal=1000, name="tunnelling")
        print("Dashboard:", runner.dashboard_link)
        runner.live_info_terminal().join()
        runner.result()

    uniform = learner.new()
    grid = np.linspace(*BOUNDS, learner.npoints)
    uniform.tell_many(grid, log10_transmission(grid))
    compare(learner, uniform, runner.elapsed_time())


def compare(learner, uniform, seconds):
    """Print the errors of linear interpolation between the points, and draw both."""
    energies, exact, resonances = reference()
    sides = {"adaptive": learner.to_numpy().T, "uniform": uniform.to_numpy().T}

    print(f"\n{'log₁₀ T(E)':12}{'points':>8}{'loss':>10}{'elapsed':>10}{'mean error':>12}{'largest':>10}")
    for name, one, elapsed in (("adaptive", learner, f"{seconds:.1f} s"), ("uniform", uniform, "–")):
        error = abs(np.interp(energies, *sides[name]) - exact)
        mean = np.trapezoid(error, energies) / np.ptp(BOUNDS)
        print(f"{name:12}{one.npoints:8,}{one.loss():10.2g}{elapsed:>10}{mean:12.2g}{error.max():10.2g}")

    print(f"\n{'resonance':12}{'width':>12}{'highest T seen: adaptive':>28}{'uniform':>10}")
    for peak, width in resonances:
        seen = [10 ** y[abs(x - peak) < max(width, 2e-4)].max() for x, y in sides.values()]
        print(f"{1e3 * peak:8.3f} meV{1e6 * width:8.1f} µeV{seen[0]:28.3f}{seen[1]:10.3f}")

    draw(sides, energies, exact, *resonances[0])


def draw(sides, energies, exact, peak, width):
    """Draw the whole range, the lower pair of levels, and the first level of this pair."""
    figure, (whole, pair, single) = plt.subplots(1, 3, figsize=(11, 3.6), layout="constrained")
    for axes, scale, origin in ((whole, 1e3, 0), (pair, 1e3, 0), (single, 1e6, peak)):
        height = (lambda y: 10**y) if axes is single else (lambda y: y)
        axes.plot(scale * (energies - origin), height(exact), color="0.8", lw=6, label="exact")
        for name, color, style in (("uniform", "#D55E00", "o"), ("adaptive", "#0072B2", ".")):
            x, y = sides[name]
            line = np.union1d(energies, x)
            axes.plot(scale * (line - origin), height(np.interp(line, x, y)), color=color, lw=1)
            points = {
                "color": color,
                "ms": 5,
                "mfc": color if style == "." else "none",
                "label": f"{name}, {len(x)} points",
            }
            axes.plot(scale * (x - origin), height(y), style, **points)
    whole.set(xlabel="energy (meV)", ylabel="log₁₀ transmission", title="Electrons through three barriers")
    whole.legend(loc="lower right")
    pair.set(xlim=(56.5, 61.5), ylim=(-10, 0.5), xlabel="energy (meV)", title="… their lower pair of levels, × 56")
    single.set(xlim=(-4e6 * width, 4e6 * width), ylabel="transmission", title="… and the first of these, × 30,000")
    single.set(xlabel=f"energy − {1e3 * peak:.3f} meV (µeV)")
    figure.savefig("quickstart.png", dpi=100)
    print("\nThe figure is in quickstart.png.")


if __name__ == "__main__":
    main()
