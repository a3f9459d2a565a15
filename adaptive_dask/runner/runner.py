"""AsyncRunner, also called Runner, and BlockingRunner: run a learner on a cluster or an executor."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Hashable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, Self, Unpack

from adaptive_dask import entry
from adaptive_dask.run.failures import FailedPoint
from adaptive_dask.run.goals import GoalFunction, make_goal
from adaptive_dask.run.options import RunArguments, RunOptions, with_arguments_of, with_run_arguments
from adaptive_dask.runner.actor import Actor
from adaptive_dask.runner.arguments import Plan, make_plan
from adaptive_dask.runner.dashboard_link import make_link
from adaptive_dask.runner.replica import Callback, check_callback
from adaptive_dask.runner.saving import PeriodicSaving, start_saving
from adaptive_dask.runner.starting import prepare
from adaptive_dask.runner.terminal import TerminalInfo, print_run

if TYPE_CHECKING:
    from adaptive_dask.runner.run import Run


class AsyncRunner:
    """Runs a learner on a Dask cluster, or on an executor of this process, and returns at once.

    On a cluster the learner goes to the scheduler, and evaluators on the workers get points from it. Nothing
    here has to stay alive for the run to go on. With another executor a copy of the learner works in a thread
    of this process. In both cases the learner that was passed in is kept current with the results.

    Parameters
    ----------
    learner : BaseLearner
        What to run. The run starts from its data.
    goal : callable, optional
        Takes the learner; true ends the run. It is called on the scheduler, after each batch of results.
        Without a goal, a run goes on until the learner is done, or until it is cancelled.
    loss_goal : float, optional
        End when ``learner.loss()`` is this or less.
    npoints_goal : int, optional
        End with exactly this many points; with a BalancingLearner, when each child has as many or has no more to
        give.
    end_time_goal : datetime, optional
        End at this time.
    duration_goal : timedelta or float, optional
        End after this time; a number is in seconds.
    executor : distributed.Client or Executor, optional
        A Dask client, an executor of `concurrent.futures` (threads or processes), `SequentialExecutor`, loky's
        executor, an ``ipyparallel.Client``, an ``MPIPoolExecutor``, or anything else with a method ``submit`` that
        returns futures. Without one, the current Dask client is used; if there is none, a local cluster is
        started. A function that is ``async def`` runs on the event loop, unless a Dask client is passed: on the
        one that is running here or is passed as `ioloop`, else on one in a thread.
    ntasks : int, optional
        How many points may be out for evaluation at the same time. Without it, on a cluster as many as there are
        threads, and a few more on their way when evaluations are short; elsewhere as many as there are workers,
        and for coroutines as many as there are processors.
    log : bool, default: False
        Keep the calls to the learner in `log`.
    shutdown_executor : bool, default: False
        Close the client, or shut the executor down, when the run has ended (the client after the last save of
        `start_periodic_saving`).
    ioloop : asyncio.AbstractEventLoop, optional
        The event loop for `task` and for coroutine functions; by default the running one. In a script without one,
        ``runner.ioloop.run_until_complete(runner.task)`` waits for the end.
    retries : int, default: 0
        How often a point that failed is tried again.
    raise_if_retries_exceeded : bool, default: True
        Whether a point that failed for good ends the run; False is python-adaptive's way to say
        ``on_error="skip"``.
    allow_running_forever : bool, default: True
        Whether there may be no goal at all.
    weight : float, default: 1
        The run's part of the cluster, compared with other runs that go on at the same time: of two runs
        with the weights 1 and 3, the second gets three times as many slots. Only a cluster takes another than 1.
    name : str, optional
        Under which the scheduler knows the run, for `attach`. By default the learner's class and a few
        random characters.
    drain : bool, float or timedelta, default: True
        Whether evaluations that are under way when the goal is reached are waited for and told, or for how long; a
        number is in seconds. Meanwhile ``info()["status"]`` is draining and ``info()["waits_for"]`` says which they
        are. Those that take longer are given up, as with `cancel`. With `ordered` none is waited for.
    allowed_failures : int, default: 3
        How often a point may be lost with its worker before it counts as failed.
    on_error : "raise", "skip" or callable, optional
        What happens to a point whose evaluation failed for good, thus after `retries`. ``"raise"``, the
        default: the run fails. ``"skip"``: the run goes on, the point is listed in `failed` and, to the
        learner, pending until the run ends; the run fails if none of the first 100 points has a value. A
        function: the learner is told what ``on_error(point, error)`` returns; what it raises, ``raise error``
        for example, is the run's failure. It is called on the scheduler, in the learner's thread; ``error``
        is a `FunctionError` with the traceback, the worker, and where possible the exception, or a
        `WorkerLostError` for a point that used up `allowed_failures`
        (such a point ends no run with ``"raise"``).
    point_timeout : float or timedelta, optional
        How long an evaluation may take; a number is in seconds. One that takes longer is given up and counts as
        a failure, with `retries` and `on_error` as for any other; its error is a `PointTimeoutError` that
        says where the function was. A coroutine is cancelled. A thread cannot be interrupted: it goes on, its
        result is ignored, and its slot is given back to Dask, so that another evaluator can come;
        ``info()["hung"]`` counts such threads by worker. A thread or process of an executor of this process
        stays busy until it returns; `SequentialExecutor` takes no timeout.
    isolate : "process", optional
        Evaluate the function in processes of its own, one for each slot, which are started once. Then `point_timeout`,
        `cancel`, `cancel_points` and the end of the run end an evaluation: its process and everything that it has
        started get SIGTERM, and SIGKILL 0.4 s later. A process that crashes costs one point, whose error is a
        `ProcessCrashError`. The function must be picklable; it is not on a Dask worker, and has no ``get_worker``.
        On this machine, it needs a ThreadPoolExecutor or a SequentialExecutor, which then takes `point_timeout`, too.
    memory_limit : int or str, optional
        How many bytes an evaluation in such a process may allocate, as in ``"2 GB"``; more raises a MemoryError in the
        function. Each program that the function starts has the same limit.
    vectorized : bool, default: False
        Whether the function takes many points in one call: an array of shape (n,), or (n, dim) where points
        are tuples, for which it returns n values. The points that are there are gathered until a call takes
        about 50 ms. If a call raises, its points are evaluated each by itself, as arrays of length 1.
    ordered : bool, default: False
        Tell the learner results in the order in which the points were asked for, with `ntasks` points
        out, so that the data depend neither on timing nor on the cluster. With `vectorized` this holds if a value does
        not depend on which points are evaluated along with it; that of a matrix product does, in its last bits.
    checkpoint : str or path, optional
        A folder, or a URL that fsspec can open, to which every result is written within a second. When
        everything has died, the same call goes on from there. The scheduler writes; a relative name is one of
        this process's working folder.
    on_results : callable, optional
        Called as ``on_results(learner, xs, ys)`` with each batch of results; see the method of that name.
    resources : dict, optional
        What an evaluation needs of its worker, as in ``{"GPU": 1}``: at most as many go on at once on a worker as it
        has. This and the following are what Dask's `Client.submit` has under these names; where they are left
        out, those of ``dask.annotate`` hold.
    priority : float, default: 0
        Of the evaluators' tasks, compared with others of the cluster; higher is earlier.
    workers : str, int, or collection of them, optional
        Addresses, names or hosts of the workers to evaluate on.
    allow_other_workers : bool, default: False
        Whether others may help when there are none of `workers`.
    annotations : dict, optional
        Further annotations of the evaluators' tasks.

    Raises
    ------
    ValueError, TypeError
        If an argument makes no sense, or if something cannot be pickled.
    RunExistsError
        If a run of that name is going on.
    ModuleMissingError
        If the scheduler lacks a module.
    CheckpointError
        If the checkpoint cannot be written, is used by another run, or is that of another learner.
    """

    _blocks = False

    _goal: GoalFunction | None = None
    retries: int | None = None
    raise_if_retries_exceeded: bool | None = None
    shutdown_executor = False
    saving_task: PeriodicSaving | None = None

    @with_run_arguments
    def __init__(
        self,
        learner: Any,
        goal: GoalFunction | None = None,
        *,
        executor: Any = None,
        shutdown_executor: bool = False,
        ioloop: asyncio.AbstractEventLoop | None = None,
        on_results: Callback | None = None,
        **arguments: Unpack[RunArguments],
    ) -> None:
        if on_results is not None:
            check_callback(on_results)  # before anything is started
        options = RunOptions(goal=goal, **arguments)
        plan = make_plan(learner, options)
        self.shutdown_executor = shutdown_executor
        run, start = prepare(learner, plan, options, executor, ioloop, shutdown_executor, blocks=self._blocks)
        self._set_up(run, plan, loop=ioloop, on_results=on_results)
        start()

    @classmethod
    def _of(cls, run: Run, plan: Plan | None, **arguments: Any) -> Self:
        """A runner of a run that is started or joined elsewhere."""
        runner = cls.__new__(cls)
        runner._set_up(run, plan, **arguments)
        return runner

    def _set_up(
        self,
        run: Run,
        plan: Plan | None,
        *,
        loop: asyncio.AbstractEventLoop | None = None,
        on_results: Callback | None = None,
        goal: GoalFunction | None = None,
    ) -> None:
        self._run = run
        self._goal, self._has_log = goal, True
        if plan is not None:
            self._goal, self._has_log = plan.goal.is_reached, plan.session.log
            self.retries = plan.session.retries
            self.raise_if_retries_exceeded = plan.on_error == "raise"
        if on_results is not None:
            run.add_callback(on_results)
        self.task = run.make_task(loop)

    # ---- the run

    @property
    def ioloop(self) -> asyncio.AbstractEventLoop:
        """The event loop for `task`; where none was running or passed, one to wait with, closed with the runner."""
        return self.task.get_loop()

    @property
    def goal(self) -> GoalFunction | None:
        """The function of the learner that ends the run; assign another one, or None, while it goes on.

        On a cluster the new goal is sent to the scheduler. Goals in time or points given before are replaced, too.

        Raises
        ------
        TypeError
            If it is no function, or cannot be pickled.
        AdaptiveError
            If the run is at its end.
        """
        return self._goal

    @goal.setter
    def goal(self, goal: GoalFunction | None) -> None:
        self._run.do(self._run.set_goal, make_goal(self._run.replica.learner, goal))
        self._goal = goal

    @property
    def function(self) -> Callable[..., Any]:
        """The learner's function."""
        function: Callable[..., Any] = self._run.replica.learner.function
        return function

    @property
    def do_log(self) -> bool:
        """Whether the calls to the learner are kept in `log`."""
        return self._has_log

    @property
    def start_time(self) -> float:
        """When the run started, in seconds since the epoch."""
        return self._run.started

    @property
    def end_time(self) -> float | None:
        """When it ended; None while it goes on."""
        return self._run.summary.get("ended")

    @property
    def name(self) -> str:
        """The name under which the scheduler knows the run."""
        return self._run.name

    @property
    def executor(self) -> Any:
        """The client, or the executor."""
        return self._run.executor

    @property
    def dashboard_link(self) -> str | None:
        """The address of the page about this run on Dask's dashboard; None if there is none."""
        return make_link(self._run.executor, self.name, self._run.summary)

    @property
    def learner(self) -> Any:
        """The learner that was passed in, with all results that have arrived."""
        return self._run.learner()

    def status(self) -> str:
        """running, paused, finished, cancelled or failed; after an end, the learner has all results."""
        return self._run.applied().status

    def done(self) -> bool:
        """Whether the run has ended, in whichever way."""
        return self._run.applied().done.done()

    def info(self) -> dict[str, Any]:
        """How the run stands on the scheduler: status, npoints, loss, slots, in_flight, and more; plain data."""
        return dict(self._run.summary)

    def wait(self, timeout: float | None = None) -> Any:
        """Wait for the end of the run, and raise nothing of it.

        Parameters
        ----------
        timeout : float, optional
            For how long, in seconds.

        Returns
        -------
        bool
            Whether the run has ended. With an asynchronous client, an awaitable of it.
        """
        return self._run.wait(timeout)

    def result(self, timeout: float | None = None) -> Any:
        """Wait for the end of the run and return the learner.

        Parameters
        ----------
        timeout : float, optional
            For how long to wait, in seconds.

        Returns
        -------
        BaseLearner
            With an asynchronous client, an awaitable of it.

        Raises
        ------
        TimeoutError
            If the run goes on.
        concurrent.futures.CancelledError
            If it was cancelled.
        AdaptiveError
            If it failed.
        """
        return self._run.result(timeout)

    def block_until_done(self) -> None:
        """Wait for the end of the run; raises the error of one that failed."""
        self.result()

    def cancel(self) -> Any:
        """End the run now. Evaluations under way cannot be interrupted; their results are dropped."""
        return self._run.cancel()

    def pause(self) -> Any:
        """Begin no more evaluations until `resume`; those under way are finished and told."""
        return self._run.do(self._run.control, "pause")

    def resume(self) -> Any:
        """Go on after `pause`."""
        return self._run.do(self._run.control, "resume")

    def forget(self) -> Any:
        """Let the scheduler forget a run that has ended; nobody can attach to it then.

        Results that a `DataSaver` has kept in the workers' memory are freed.
        """
        return self._run.do(self._run.control, "forget")

    def cancel_points(self, points: Iterable[Any] = (), *, ids: Iterable[int] = ()) -> Any:
        """Give up points that are out for evaluation; those that have their result already are left alone.

        The learner is told nothing: to it they are pending until the run ends, so it does not ask for them
        again, and a goal in points is reached with others. A call that is under way is cancelled if the
        function is asynchronous; else its result is ignored and its slot is given up as with
        `point_timeout`.

        Parameters
        ----------
        points : iterable, optional
            Points as the learner has them.
        ids : iterable of int, optional
            Their numbers in the run, as `pending_points` gives them.

        Returns
        -------
        list of (int, point)
            What was given up, or an awaitable of it with an asynchronous client.
        """
        return self._run.do(self._run.drop, list(points), [int(pid) for pid in ids])

    def tell(self, x: Any, y: Any) -> Any:
        """Tell the hosted learner a result that comes from elsewhere."""
        return self._run.do(self._run.tell, [x], [y])

    def tell_many(self, xs: Sequence[Any], ys: Sequence[Any]) -> Any:
        """Tell the hosted learner results that come from elsewhere."""
        return self._run.do(self._run.tell, list(xs), list(ys))

    @property
    def actor(self) -> Actor:
        """The hosted learner: ``runner.actor.loss()`` is computed there, in its thread."""
        return Actor(self._run)

    def call(self, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """Call ``function(learner, *args, **kwargs)`` with the hosted learner, in its thread.

        Returns
        -------
        object
            What it returned, or an awaitable of it with an asynchronous client.
        """
        return self._run.do(self._run.call, function, *args, **kwargs)

    # ---- how it goes

    def elapsed_time(self) -> float:
        """For how long the run has been going on, or went on, in seconds."""
        return self._run.elapsed

    def overhead(self) -> float:
        """The share of the evaluators' time that was not spent in the function, in percent."""
        return self._run.overhead

    def on_results(self, callback: Callback) -> Callback:
        """Have a function called with each batch of results that arrives from now on.

        Parameters
        ----------
        callback : callable
            Called as ``callback(learner, xs, ys)``, when the learner that was passed in has been told these
            results: on the event loop that runs where the runner was made, if there is one, else in a thread
            that all runners share. What it raises is logged. Of a run on a cluster that was followed too
            slowly, some results come as a copy of the learner, for which it is not called.

        Returns
        -------
        callable
            The same, so that this can be a decorator.

        Raises
        ------
        TypeError
            If it is no function, or an ``async def`` one, which nobody would await.
        """
        return self._run.add_callback(callback)

    def start_periodic_saving(
        self,
        save_kwargs: dict[str, Any] | None = None,
        interval: float = 30,
        method: Callable[[Any], Any] | None = None,
    ) -> PeriodicSaving:
        """Save the learner at once, at intervals, and when the run has ended.

        A copy of the learner with the data of the moment is saved, in a thread, also while this thread is busy. If the
        scheduler cannot be asked for it any more, for its client is closed or the scheduler is gone, what had
        arrived here is saved; of a run that has ended that is everything.

        Parameters
        ----------
        save_kwargs : dict, optional
            Arguments of ``learner.save``, ``{"fname": "scan.pickle"}`` for instance.
        interval : float, default: 30
            In seconds.
        method : callable, optional
            Takes the learner and saves it, instead of ``learner.save(**save_kwargs)``.

        Returns
        -------
        PeriodicSaving
            Also `saving_task`. It has ``cancel()``, and can be awaited. Errors of saving are logged, the last
            one is its ``error``; they do not end the run.

        Raises
        ------
        ValueError
            If there is neither ``save_kwargs`` nor ``method``, or an interval that is not positive.
        """
        self.saving_task = start_saving(self._run, save_kwargs, interval, method)
        return self.saving_task

    def live_info(self, *, update_interval: float = 0.5) -> None:
        """Show in a notebook how the run goes, with buttons to have it cancelled, paused and resumed.

        It goes on while a cell keeps the notebook busy; buttons have to wait for that. A run that is shown twice
        is shown by the same widget.

        Parameters
        ----------
        update_interval : float, default: 0.5
            In seconds. Updates become fewer the longer it is shown: after an hour, one in 0.7 s.

        Raises
        ------
        RuntimeError
            If this is not a notebook.
        ImportError
            If ipywidgets is not installed.
        """
        entry("live_info")(self, update_interval=update_interval)

    def live_plot(
        self,
        *,
        plotter: Callable[[Any], Any] | None = None,
        update_interval: float = 2.0,
        name: Hashable = None,
        normalize: bool = True,
    ) -> Any:
        """Draw the learner in a notebook, and again and again until the run ends, also while a cell is busy.

        Parameters
        ----------
        plotter : callable, optional
            Takes the learner and returns a HoloViews object; ``learner.plot()`` if not given. While a cell keeps
            the notebook busy it gets a copy of the learner, and is called in a thread.
        update_interval : float, default: 2
            In seconds. Updates become fewer when drawing takes more than three tenths of the time, or a tenth where
            the learner works in the same process; and the longer the plot goes on: after an hour, one in 18 s.
        name : hashable, optional
            Of this plot in `adaptive_dask.active_plotting_tasks`. An earlier plot with the name, or without one
            if none is given, is not kept up to date any more.
        normalize : bool, default: True
            Whether the axes fit the data at each update.

        Returns
        -------
        holoviews.DynamicMap
            With the sliders that the picture has, those of a `BalancingLearner` for example.

        Raises
        ------
        RuntimeError
            If this is not a notebook.
        ImportError
            If HoloViews or Bokeh is not installed.
        """
        return entry("live_plot")(
            self, plotter=plotter, update_interval=update_interval, name=name, normalize=normalize
        )

    def live_info_terminal(
        self, *, update_interval: float | None = None, overwrite_previous: bool = True
    ) -> TerminalInfo:
        """Print how the run goes until it ends.

        Parameters
        ----------
        update_interval : float, optional
            In seconds. By default 0.5 on a terminal; where standard output is none, as in a log file, 60.
        overwrite_previous : bool, default: True
            Whether a line replaces the one before it, on a terminal.

        Returns
        -------
        TerminalInfo
            Has ``cancel()`` to stop printing.
        """
        return print_run(self, update_interval, overwrite_previous)

    @property
    def failed(self) -> set[int]:
        """The ids of the points that failed for good."""
        return set(self._inspect("failed"))

    @property
    def failures(self) -> list[FailedPoint]:
        """Each point that failed, with its last traceback, its worker, and where that worker's log is.

        Points that are tried again or were replaced by ``on_error`` are among them; see their ``status``.
        """
        return list(self._inspect("failures"))

    @property
    def tracebacks(self) -> list[tuple[Any, str]]:
        """Each point that failed, with its last traceback."""
        return list(self._inspect("tracebacks"))

    @property
    def to_retry(self) -> list[tuple[Any, int]]:
        """Each point that is tried again, with the number of its failures so far."""
        return list(self._inspect("to_retry"))

    @property
    def pending_points(self) -> list[tuple[int, Any]]:
        """The points that are out for evaluation, each with its id."""
        return list(self._inspect("pending_points"))

    @property
    def log(self) -> list[tuple[Any, ...]] | None:
        """The calls that were made to the learner, ``(method, *args)``; None without ``log=True``."""
        return self._inspect("log") if self._has_log else None

    def _inspect(self, what: str) -> Any:
        """With an asynchronous client, what was known when the run ended or `refresh` was awaited last."""
        details = self._run.details if self._run.asynchronous else self._run.do(self._run.inspect)
        return details.get(what, ())

    async def refresh(self) -> Self:
        """With an asynchronous client: fetch `log`, `failures` and what else says how points fare."""
        if self._run.asynchronous:
            await self._run.do(self._run.inspect)
        return self

    def __repr__(self) -> str:
        return self._run.described(type(self).__name__, self.dashboard_link)

    def _repr_html_(self) -> str:
        """The present status for a notebook; `live_info` keeps it up to date."""
        return str(entry("static_info")(self))


Runner = AsyncRunner


class BlockingRunner(AsyncRunner):
    """Runs a learner, and returns when the run has ended.

    Takes the arguments of `AsyncRunner`, and needs a goal. Ctrl-C cancels the run.

    Raises
    ------
    AdaptiveError
        If the run failed.
    """

    _blocks = True

    @with_arguments_of(AsyncRunner.__init__, allow_running_forever=False)
    def __init__(self, learner: Any, goal: GoalFunction | None = None, **kwargs: Any) -> None:
        try:
            super().__init__(learner, goal, **{"allow_running_forever": False, **kwargs})
            self.result()
        except BaseException:
            run = getattr(self, "_run", None)
            if run is not None and not run.done.done():  # Ctrl-C, or an exception of another signal handler
                with contextlib.suppress(Exception):  # the interrupt is raised
                    self.cancel()
            raise
