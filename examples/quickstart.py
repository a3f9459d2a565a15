"""Resonant tunnelling through three barriers, learned from some forty evaluations on a Dask cluster.

An electron in GaAs meets three barriers of AlGaAs with two wells between them. If its energy matches a level of the
wells, it passes with certainty. Because the wells are coupled, the levels come in pairs. Those of the lower pair are
1.2 and 1.4 µeV wide in a range of 280,000 µeV. `RationalLearner1D` learns the complex amplitude of the transmitted
wave: its poles are the resonances. `Learner1D` and a uniform grid are measured beside it.

Run it with ``python examples/quickstart.py``. It prints tables and writes quickstart.png.
"""

import matplotlib.pyplot as plt
import numpy as np
from dask.distributed import Client, LocalCluster

import adaptive_dask as adaptive
from adaptive_dask.learner.learner1D import interpolation_loss_function

MASS = 0.067  # of an electron in GaAs, in free electron masses
HBAR2_2M = 0.0380998  # ħ² / 2mₑ in eV nm²
BARRIERS = [(0, 8), (15, 20), (27, 35)]  # from, to in nm
HEIGHT, EDGE = 0.3, 0.3  # of the barriers: height in eV, width of their edges in nm
SLICE = 0.05  # in nm; the potential is constant on each slice
BOUNDS = (0.01, 0.29)  # in eV
TARGET = 1e-3  # the error of log₁₀ T at which the numbers of points are compared


def potential(x):
    """Return the potential in eV at x in nm."""
    return HEIGHT / 2 * sum(np.tanh((x - a) / EDGE) - np.tanh((x - b) / EDGE) for a, b in BARRIERS)


def amplitude(energy):
    """Return the complex amplitude t(E) of the transmitted wave at an energy in eV.

    The outgoing wave exp(ikx) on the right is propagated to the left, slice by slice, with 2 × 2 transfer matrices for
    ψ and ψ'. In this direction, the wave grows inside the barriers, and rounding errors do not grow faster than it.
    """
    k_outside = np.sqrt(MASS * energy / HBAR2_2M)
    psi, slope = 1, 1j * k_outside
    for v in potential(np.arange(-2, 37, SLICE)):
        k = np.sqrt(MASS * (energy - v) / HBAR2_2M + 0j)
        cos, sin = np.cos(k * SLICE), np.sin(k * SLICE)
        psi, slope = cos * psi - sin / k * slope, sin * k * psi + cos * slope
    return 2 / (psi + slope / (1j * k_outside))


def log10_transmission(energy):
    """Return log₁₀ T(E), the logarithm of the transmission probability |t(E)|²; smoother for straight lines than T."""
    return 2 * np.log10(abs(amplitude(energy)))


def main():
    rational = adaptive.RationalLearner1D(amplitude, bounds=BOUNDS)
    loss = interpolation_loss_function(norm="max")  # the largest error of linear interpolation
    linear = adaptive.Learner1D(log10_transmission, bounds=BOUNDS, loss_per_interval=loss)
    with LocalCluster(threads_per_worker=1, dashboard_address="127.0.0.1:0") as cluster, Client(cluster):
        runner = adaptive.Runner(rational, goal=lambda learner: learner.done(), name="tunnelling")
        print("Dashboard:", runner.dashboard_link)
        runner.live_info_terminal().join()
        runner.result()
        adaptive.BlockingRunner(linear, npoints_goal=1500)

    poles = rational.poles()
    print(f"\n{'resonance':>14}{'width':>14}")
    for pole in poles:
        print(f"{1e3 * pole.real:10.4f} meV{-2e6 * pole.imag:10.4f} µeV")

    energies = check_energies(poles)
    exact = log10_transmission(energies)
    sides = {
        "RationalLearner1D": rational_errors(rational, energies, exact),
        "Learner1D": linear_errors(linear, energies, exact),
        "uniform grid": uniform_errors(energies, exact),
    }
    print(f"\n{'':18}{f'points to {TARGET:g}':>16}{'points':>12}{'largest error of log₁₀ T':>28}")
    for name, (points, errors) in sides.items():
        below = np.flatnonzero(errors > TARGET)[-1] + 1  # from here on
        needed = f"{points[below]:,}" if below < len(points) else f"> {points[-1]:,}"
        print(f"{name:18}{needed:>16}{points[-1]:12,}{errors[-1]:28.1e}")

    draw(rational, energies, exact, sides)


def check_energies(poles):
    """Return energies that resolve every resonance."""
    away = np.geomspace(1e-9, 0.01, 200)
    around = [[pole.real, *(pole.real - away), *(pole.real + away)] for pole in poles]
    energies = np.concatenate([np.linspace(*BOUNDS, 2001), *around])
    return np.unique(np.clip(energies, *BOUNDS))


def rational_errors(learner, energies, exact):
    """Return numbers of points, in the order in which they were told, and the largest errors of the fits to these."""
    points = np.arange(8, learner.npoints + 1)
    data, errors = list(learner.data.items()), []
    for n in points:
        first = learner.new()
        first.tell_many(*zip(*data[:n], strict=True))
        errors.append(abs(2 * np.log10(abs(first.interpolator()(energies))) - exact).max())
    return points, np.array(errors)


def linear_errors(learner, energies, exact):
    """Return numbers of points, and the largest errors of linear interpolation between these."""
    points = np.unique(np.geomspace(8, learner.npoints, 60).astype(int))
    data = np.array(list(learner.data.items()))
    first = (data[:n][np.argsort(data[:n, 0])].T for n in points)
    return points, np.array([abs(np.interp(energies, *each) - exact).max() for each in first])


def uniform_errors(energies, exact):
    """Return sizes of uniform grids, and the errors of linear interpolation at the peaks, where they are largest."""
    near = np.flatnonzero(exact > np.log10(0.5))
    points, errors = np.geomspace(8, 1e7, 60).astype(int), []
    for n in points:
        step = np.ptp(BOUNDS) / (n - 1)
        cell = np.minimum((energies[near] - BOUNDS[0]) // step, n - 2)
        left = BOUNDS[0] + cell * step
        share = (energies[near] - left) / step
        line = (1 - share) * log10_transmission(left) + share * log10_transmission(left + step)
        errors.append(abs(line - exact[near]).max())
    return points, np.array(errors)


def draw(learner, energies, exact, sides):
    """Draw the whole range, the narrowest resonance, and the errors over the number of points."""
    figure, (whole, single, decay) = plt.subplots(1, 3, figsize=(11, 3.6), layout="constrained")
    fit = learner.interpolator()
    narrow = max(learner.poles(), key=lambda pole: pole.imag)
    x, y = np.array(list(learner.data)), np.array(list(learner.data.values()))
    for axes, height in ((whole, lambda t: 2 * np.log10(abs(t))), (single, lambda t: abs(t) ** 2)):
        scale, origin = (1e3, 0) if axes is whole else (1e6, narrow.real)
        axes.plot(scale * (energies - origin), exact if axes is whole else 10**exact, color="0.8", lw=6, label="exact")
        axes.plot(scale * (energies - origin), height(fit(energies)), color="#0072B2", lw=1, label="learned")
        axes.plot(scale * (x - origin), height(y), ".", color="#0072B2", ms=8, label=f"{learner.npoints} points")
    whole.set(xlabel="energy (meV)", ylabel="log₁₀ transmission", title="Electrons through three barriers")
    whole.legend(loc="lower right")
    single.set(xlim=(-4, 4), xlabel=f"energy − {1e3 * narrow.real:.3f} meV (µeV)", ylabel="transmission")
    single.set_title("… and their narrowest resonance")
    for (name, (points, errors)), color in zip(sides.items(), ("#0072B2", "#009E73", "#D55E00"), strict=True):
        decay.loglog(points, errors, ".-", color=color, ms=4, label=name)
    decay.set(xlabel="points", ylabel="largest error of log₁₀ T", title="… and the points that this takes")
    decay.legend()
    figure.savefig("quickstart.png", dpi=100)
    print("\nThe figure is in quickstart.png.")


if __name__ == "__main__":
    main()
