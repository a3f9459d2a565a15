"""live_plot in a kernel: pictures that follow a run, and what is left afterwards. The browser's part is played here."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.long

RUN = "runner = adaptive.Runner(adaptive.Learner1D(slow, (-1, 1)), executor=ThreadPoolExecutor(2){}); "
SHOW = "display(runner.live_plot(update_interval=0.1));"
IDLE = "None"

# What is at work in the kernel for live plots and infos, and the names of the plots.
AT_WORK = """
import threading
from adaptive_dask.notebook import info, picture
for _ in range(600):
    names = [thread.name for thread in threading.enumerate() if thread.name.startswith("adaptive-live")]
    if not (names or info.clock.calls or picture.clock.calls or adaptive.active_plotting_tasks):
        break
    time.sleep(0.1)
print(names, info.clock.calls, picture.clock.calls, adaptive.active_plotting_tasks)
"""
NOTHING = "[] [] [] {}\n"


def test_a_picture_follows_the_run_to_its_end(kernel: Any) -> None:
    kernel.run(RUN.format("") + SHOW)
    kernel.open_pictures()
    kernel.until(lambda: len(kernel.titles) > 3)
    assert kernel.titles == sorted(kernel.titles, key=lambda title: (len(title), title))
    kernel.run("runner.cancel(); runner.wait()")
    last = kernel.run("print(runner.learner.npoints)").strip()
    kernel.until(lambda: kernel.titles[-1].replace(",", "") == f"{last} points")
    assert kernel.run(AT_WORK) == NOTHING


def test_failures_that_were_forgotten_leave_the_picture(kernel: Any) -> None:
    kernel.run("""
def broken(point):
    time.sleep(0.01)
    if point[0] < 0.5:
        raise adaptive.Infeasible("away")
    return point[1]

learner = adaptive.Learner2D(broken, [(-1, 1), (-1, 1)])
runner = adaptive.Runner(learner, executor=ThreadPoolExecutor(2), goal=lambda learner: False)
display(runner.live_plot(update_interval=0.1));
""")
    kernel.open_pictures()
    kernel.until(lambda: any("infeasible" in title for title in kernel.titles))
    kernel.run("""
import asyncio
runner.pause()
while runner.pending_points:  # they would be told afterwards
    await asyncio.sleep(0.01)
runner.call(lambda learner: learner.forget_failures())
""")
    kernel.until(lambda: "infeasible" not in kernel.titles[-1])
    kernel.run("runner.cancel()")


@pytest.mark.parametrize("sleep", ["time.sleep", "await asyncio.sleep"])
def test_pictures_change_while_a_cell_is_at_work(kernel: Any, sleep: str, tmp_path: Path) -> None:
    kernel.run(RUN.format("") + SHOW)
    kernel.open_pictures()
    kernel.until(lambda: kernel.titles)
    kernel.titles.clear()
    with kernel.at_work(tmp_path / "stop", sleep):
        kernel.until(lambda: len(set(kernel.titles)) > 4)
    kernel.run("runner.cancel(); runner.wait()")
    assert kernel.run(AT_WORK) == NOTHING


def test_a_cell_finds_its_learner_unchanged(kernel: Any) -> None:
    kernel.run(RUN.format("") + "learner = runner.learner; " + SHOW)
    kernel.open_pictures()
    kernel.until(lambda: kernel.titles)
    printed = kernel.run(
        "npoints = learner.npoints; time.sleep(3); print(npoints, learner.npoints, runner.learner.npoints)"
    )
    before, after, now = map(int, printed.split())
    assert before == after < now
    kernel.run("runner.cancel()")


def test_a_picture_that_the_browser_opens_after_the_end_is_complete(kernel: Any) -> None:
    kernel.run(RUN.format(", npoints_goal=60") + SHOW + "runner.wait()")
    assert kernel.run(AT_WORK) == NOTHING
    assert not kernel.titles
    kernel.open_pictures()
    kernel.until(lambda: "60 points" in kernel.titles)


def test_a_name_that_is_used_again_replaces_the_earlier_plot(kernel: Any) -> None:
    code = (
        RUN.format("")
        + """
a, b = runner.live_plot(name="a"), runner.live_plot(name="b")
first = adaptive.active_plotting_tasks["a"]
c = runner.live_plot(name="a")
print(first.done(), sorted(adaptive.active_plotting_tasks), len(picture.clock.calls))
adaptive.active_plotting_tasks["b"].cancel()
print(list(adaptive.active_plotting_tasks))
runner.cancel(); runner.wait()
"""
    )
    printed = kernel.run("from adaptive_dask.notebook import picture\n" + code)
    assert printed == "True ['a', 'b'] 2\n['a']\n"
    assert kernel.run(AT_WORK) == NOTHING


@pytest.mark.parametrize("plotter", ["None", "lambda learner: learner.plot(dynamic=False)"])
def test_a_balancing_learner_has_its_sliders(kernel: Any, plotter: str) -> None:
    code = f"""
from functools import partial
def f(x, n): return slow(x) * n
learners = [adaptive.Learner1D(partial(f, n=n), (-1, 1)) for n in range(3)]
learner = adaptive.BalancingLearner(learners, cdims=[dict(n=n) for n in range(3)])
runner = adaptive.Runner(learner, executor=ThreadPoolExecutor(2))
pictures = runner.live_plot(plotter={plotter}, update_interval=0.1)
display(pictures)
print([kdim.name for kdim in pictures.kdims], [int(value) for value in pictures.kdims[0].values])
"""
    assert kernel.run(code) == "['n'] [0, 1, 2]\n"
    kernel.open_pictures()
    kernel.until(lambda: len(kernel.titles) > 3)
    kernel.run("runner.cancel()")


def test_vectors_of_which_none_was_known_at_first(kernel: Any) -> None:
    code = """
import threading
go = threading.Event()
def pair(xy): go.wait(60); time.sleep(0.01); return [xy[0], xy[1]]
runner = adaptive.Runner(adaptive.Learner2D(pair, [(-1, 1), (-1, 1)]), executor=ThreadPoolExecutor(2))
display(runner.live_plot(update_interval=0.1))
go.set()
"""
    kernel.run(code)
    kernel.open_pictures()
    kernel.until(lambda: len([title for title in kernel.titles if "slider of component" in title]) > 2)
    assert kernel.run("print(adaptive.active_plotting_tasks[None].error)") == "None\n"
    kernel.run("runner.cancel(); runner.wait()")


def test_a_replaced_plot_leaves_nothing_once_it_is_drawn_no_more(kernel: Any) -> None:
    count = "import gc; from adaptive_dask.notebook.picture import LivePlot; gc.collect()\n"
    count += "print(sum(type(each) is LivePlot for each in gc.get_objects()))"
    kernel.run(RUN.format(""))
    before = int(kernel.run(count))  # of other tests, whose pictures are shown
    for _ in range(3):
        kernel.run(SHOW)
        kernel.open_pictures()
    assert int(kernel.run(count)) == before + 1
    kernel.run("adaptive.active_plotting_tasks[None].cancel()")
    assert int(kernel.run(count)) == before
    kernel.run("runner.cancel()")


@pytest.mark.parametrize("how", ["*", "+"])
def test_a_plot_beside_one_that_is_cancelled_goes_on(kernel: Any, how: str) -> None:
    plots = [f"runner.live_plot(name={name!r}, update_interval=0.1)" for name in "ab"]
    kernel.run(RUN.format("") + f"display({how.join(plots)})")
    kernel.open_pictures()
    grows = "b = adaptive.active_plotting_tasks['b']; before = b._drawn_at\n"
    grows += "while b._drawn_at <= before + 20: await asyncio.sleep(0.05)"
    kernel.run("import asyncio\n" + grows)
    kernel.run("adaptive.active_plotting_tasks['a'].cancel()\n" + grows)
    assert kernel.run("print(list(adaptive.active_plotting_tasks))") == "['b']\n"
    kernel.run("runner.cancel(); runner.wait()")
    assert kernel.run(AT_WORK) == NOTHING


def test_a_plotter_that_fails(kernel: Any) -> None:
    with pytest.raises(RuntimeError, match="mine"):
        kernel.run(
            RUN.format("") + "runner.live_plot(plotter=lambda learner: (_ for _ in ()).throw(ValueError('mine')))"
        )
    kernel.run("runner.cancel()")
    code = (
        RUN.format("")
        + """
def plot(learner):
    if fails: raise ValueError("mine")
    return learner.plot()
fails = False
display(runner.live_plot(plotter=plot, update_interval=0.1))
"""
    )
    kernel.run(code)
    kernel.open_pictures()
    kernel.until(lambda: kernel.titles)
    kernel.run("fails = True")
    task = "adaptive.active_plotting_tasks[None]"
    printed = kernel.run(f"import asyncio\nwhile not {task}.error: await asyncio.sleep(0.05)\nprint({task}.error)")
    assert printed.endswith("mine\n")
    kernel.run("fails = False")
    kernel.titles.clear()
    kernel.until(lambda: len(kernel.titles) > 1)
    kernel.run("runner.cancel()")


def test_a_picture_that_is_closed_is_drawn_no_more(kernel: Any) -> None:
    kernel.run(RUN.format("") + SHOW)
    kernel.open_pictures()
    kernel.until(lambda: kernel.titles)
    # As when the output of the cell is cleared.
    kernel.run("for plot in adaptive.active_plotting_tasks[None]._views._plots: plot.cleanup()")
    assert kernel.run("import asyncio\nawait asyncio.sleep(1)" + AT_WORK) == NOTHING
    kernel.run("runner.cancel()")


def test_a_run_that_has_ended_keeps_nothing(kernel: Any) -> None:
    code = """
import gc, weakref
def show():
    learner = adaptive.Learner1D(slow, (-1, 1))
    runner = adaptive.Runner(learner, executor=ThreadPoolExecutor(2), npoints_goal=30)
    runner.live_info()
    runner.live_plot()
    runner.wait()
    return weakref.ref(learner), weakref.ref(runner)
refs = show()
"""
    kernel.run(code)
    assert kernel.run(AT_WORK) == NOTHING
    assert (
        kernel.run("import asyncio\nawait asyncio.sleep(0.1)\ngc.collect(); print([ref() for ref in refs])")
        == "[None, None]\n"
    )


def test_bad_arguments(kernel: Any) -> None:
    kernel.run(RUN.format(", npoints_goal=5"))
    with pytest.raises(RuntimeError, match="positive number of seconds"):
        kernel.run("runner.live_plot(update_interval=0)")
    with pytest.raises(RuntimeError, match="function of the learner"):
        kernel.run("runner.live_plot(plotter=3)")
    kernel.until(lambda: kernel.run("print(runner.done())") == "True\n" or time.sleep(0.1))


def test_the_title_counts_points_that_failed(kernel: Any) -> None:
    code = """
def fails(x):
    if x == -1: raise ValueError("not there")
    return slow(x)
runner = adaptive.BlockingRunner(adaptive.Learner1D(fails, (-1, 1)), npoints_goal=20, on_error="skip",
    executor=ThreadPoolExecutor(2))
import holoviews
picture = runner.live_plot()[()]
print(holoviews.Store.lookup_options("bokeh", picture, "plot").kwargs["title"])
"""
    assert "20 points, 1 failed" in kernel.run(code)
