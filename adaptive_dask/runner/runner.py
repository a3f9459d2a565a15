"""AsyncRunner, also called Runner, and BlockingRunner: run a learner on a cluster or an executor."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Hashable, Iterable, Sequence
from typing import Any, Self, Unpack

from adaptive_dask import entry
from adaptive_dask.run.failures import FailedPoint
from adaptive_dask.run.goals import GoalFunction, make_goal
from adaptive_dask.run.options import RunArguments, RunOptions, with_arguments_of, with_run_arguments
from adaptive_dask.runner.actor import Actor
from adaptive_dask.runner.arguments import Plan, make_plan
from adaptive_dask.runner.dashboard_link import make_link
from adaptive_dask.runner.replica import Callback, check_callback
from adaptive_dask.runner.run import Run, describe_run, overhead_of
from adaptive_dask.runner.saving import PeriodicSaving, start_saving
from adaptive_dask.runner.starting import prepare
from adaptive_dask.runner.task import make_task
from adaptive_dask.runner.terminal import TerminalInfo, print_run


class AsyncRunner:
    """Runs a learner on a Dask cluster, or on an executor of this process, and returns at once.

    On a cluster, the learner is sent to the scheduler, and evaluators on the workers get points from it. The run
    continues even if this process ends. With another executor, a copy of the learner works in a thread
    of this process. In both cases, the learner that you passed in is kept current with the results.

    Parameters
    ----------
    learner : BaseLearner
        The run starts from its data.
    goal : callable, optional
        Called with the learner; the run ends when it returns true. It is called on the scheduler, after each batch
        of results. Without a goal, a run continues until the learner is done, or until you cancel it.
    loss_goal : float, optional
        End when ``learner.loss()`` is this or less.
    npoints_goal : int, optional
        End with exactly this many points; with a BalancingLearner, when each child has as many or has no more to
        give, unless it has ``one_budget``.
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
        Maximal number of points in flight. By default, on a cluster the number of threads, and a few more if
        evaluations are short; elsewhere the number of workers, or for coroutines of processors.
    log : bool, default: False
        Record the calls to the learner in `log`.
    shutdown_executor : bool, default: False
        Close the client, or shut the executor down, when the run has ended (the client after the last save of
        `start_periodic_saving`).
    ioloop : asyncio.AbstractEventLoop, optional
        The event loop for `task` and for coroutine functions; by default the running one. In a script without one,
        ``runner.ioloop.run_until_complete(runner.task)`` waits for the end.
    retries : int, default: 0
        How often a point that failed is evaluated again.
    raise_if_retries_exceeded : bool, default: True
        Whether a point that failed for good ends the run; False is python-adaptive's way to say
        ``on_error="skip"``.
    allow_running_forever : bool, default: True
        Whether the goal may be left out.
    weight : float, default: 1
        The run's share of the cluster, relative to other runs at the same time: of two runs
        with the weights 1 and 3, the second gets three times as many slots. Must be 1 without a cluster.
    name : str, optional
        Name of the run on the scheduler, for `attach`. By default the learner's class and a few
        random characters.
    drain : bool, float or timedelta, default: True
        Whether to wait for evaluations that are in flight when the goal is reached, or for how long; a number is in
        seconds. In the meantime, ``info()["status"]`` is draining, and ``info()["waits_for"]`` names the points.
        Evaluations that take longer are given up, as with `cancel`. With `ordered` there is no wait.
    allowed_failures : int, default: 3
        How often a point may be lost with its worker before it counts as failed.
    on_error : "raise", "skip", "infeasible" or callable, optional
        What happens to a point whose evaluation failed for good, that is, after all `retries`. ``"raise"``, the
        default: the run fails. ``"skip"``: the run continues; the point is listed in `failed`, and stays pending
        in the learner until the run ends; the run fails if none of the first 100 points has a value, or if failed
        points keep the loss infinite that `loss_goal` needs. ``"infeasible"``: the learner is told `Infeasible`, with
        the error as the reason. A function: the learner is told the value that
        ``on_error(point, error)`` returns; an exception in it, such as ``raise error``, fails the run. It is called
        on the scheduler, in the learner's thread. ``error`` is a `FunctionError` with the traceback, the worker, and
        if possible the exception, or for a point that exceeded `allowed_failures` a `WorkerLostError` (such a point
        does not end the run with ``"raise"``).
    point_timeout : float or timedelta, optional
        How long an evaluation may take; a number is in seconds. One that takes longer is given up and counts as
        a failure, with `retries` and `on_error` as for any other; its error is a `PointTimeoutError` that
        says where the function was. A coroutine is cancelled. A thread cannot be interrupted: it continues, its
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
        Whether the function accepts many points in one call: an array of shape (n,), or (n, dim) where points
        are tuples, for which it returns n values. Points are gathered until a call takes
        about 50 ms. If a call raises an error, its points are evaluated one by one, as arrays of length 1.
    ordered : bool, default: False
        Tell the learner results in the order in which the points were asked for, with `ntasks` points
        in flight, so that the data depend neither on timing nor on the cluster. With `vectorized`, this requires that
        a value does not depend on the other points of a batch; the last bits of a matrix product do.
    checkpoint : str or path, optional
        A folder, or a URL that fsspec can open, to which every result is written within a second. After a crash of
        the whole cluster, the same call continues from there. The scheduler writes it; a relative name is relative
        to the working folder of this process.
    on_results : callable, optional
        Called as ``on_results(learner, xs, ys)`` with each batch of results; see the method with this name.
    resources : dict, optional
        Resources of the worker that an evaluation needs, as in ``{"GPU": 1}``; they limit the number of simultaneous
        evaluations. By default, those of a `Command`. This and the following arguments are those of Dask's
        `Client.submit`; by default, those of ``dask.annotate`` are used.
    priority : float, default: 0
        Of the evaluators' tasks, compared with others of the cluster; higher is earlier.
    workers : str, int, or collection of them, optional
        Addresses, names or hosts of the workers to evaluate on.
    allow_other_workers : bool, default: False
        Whether other workers may be used if there are none of `workers`.
    annotations : dict, optional
        Further annotations of the evaluators' tasks.

    Raises
    ------
    ValueError, TypeError
        If an argument makes no sense, or if an object cannot be pickled.
    RunExistsError
        If a run with this name has not ended.
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
        self.task = run.task = make_task(run.done, run.ask_to_cancel, run.name, loop)

    # ---- the run

    @property
    def ioloop(self) -> asyncio.AbstractEventLoop:
        """The event loop for `task`; where none was running or passed, one to wait with, closed with the runner."""
        return self.task.get_loop()

    @property
    def goal(self) -> GoalFunction | None:
        """The function of the learner that ends the run. You can assign another one, or None, before the end.

        On a cluster, the new goal is sent to the scheduler. It also replaces goals in time or points.

        Raises
        ------
        TypeError
            If it is not a function, or cannot be pickled.
        AdaptiveError
            If the run has ended.
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
        """True if the calls to the learner are recorded in `log`."""
        return self._has_log

    @property
    def start_time(self) -> float:
        """When the run started, in seconds since the epoch."""
        return self._run.started

    @property
    def end_time(self) -> float | None:
        """When the run ended, in seconds since the epoch; None before the end."""
        return self._run.summary.get("ended")

    @property
    def name(self) -> str:
        """Name of the run on the scheduler."""
        return self._run.name

    @property
    def executor(self) -> Any:
        """The Dask client, or the executor."""
        return self._run.executor

    @property
    def dashboard_link(self) -> str | None:
        """Address of the page about this run on Dask's dashboard; None if there is none."""
        return make_link(self._run.executor, self.name, self._run.summary)

    @property
    def learner(self) -> Any:
        """The learner that you passed in, with all results that have arrived."""
        return self._run.learner()

    def status(self) -> str:
        """State: running, paused, finished, cancelled or failed; after the end, the learner has all results."""
        return self._run.applied().status

    def done(self) -> bool:
        """True if the run has finished, failed or was cancelled."""
        return self._run.applied().done.done()

    def info(self) -> dict[str, Any]:
        """Present state of the run: status, npoints, loss, slots, in_flight, and more, as plain data."""
        return dict(self._run.summary)

    def wait(self, timeout: float | None = None) -> Any:
        """Wait for the end of the run, without raising its error.

        Parameters
        ----------
        timeout : float, optional
            In seconds.

        Returns
        -------
        bool
            True if the run has ended. With an asynchronous client, an awaitable of it.
        """
        return self._run.wait(timeout)

    def result(self, timeout: float | None = None) -> Any:
        """Wait for the end of the run and return the learner.

        Parameters
        ----------
        timeout : float, optional
            In seconds.

        Returns
        -------
        BaseLearner
            With an asynchronous client, an awaitable of it.

        Raises
        ------
        TimeoutError
            If the run has not ended.
        concurrent.futures.CancelledError
            If the run was cancelled.
        AdaptiveError
            If the run failed.
        """
        return self._run.result(timeout)

    def block_until_done(self) -> None:
        """Wait for the end of the run; raises the error of one that failed."""
        self.result()

    def cancel(self) -> Any:
        """End the run now. Evaluations in flight cannot be interrupted; their results are dropped."""
        return self._run.cancel()

    def pause(self) -> Any:
        """Start no more evaluations until `resume`; results of those in flight are told."""
        return self._run.do(self._run.control, "pause")

    def resume(self) -> Any:
        """Continue after `pause`."""
        return self._run.do(self._run.control, "resume")

    def forget(self) -> Any:
        """Remove a run that has ended from the scheduler, so that no client can attach to it.

        This frees results that a `DataSaver` has kept in the memory of the workers.
        """
        return self._run.do(self._run.control, "forget")

    def cancel_points(self, points: Iterable[Any] = (), *, ids: Iterable[int] = ()) -> Any:
        """Give up points in flight; points that have a result are not affected.

        The points stay pending in the learner until the run ends, so it does not ask for them
        again, and a goal in points is reached with others. The call is cancelled if the
        function is asynchronous; otherwise its result is ignored and its slot is given up as with
        `point_timeout`.

        Parameters
        ----------
        points : iterable, optional
            Points in the form that the learner uses.
        ids : iterable of int, optional
            Their numbers in the run, see `pending_points`.

        Returns
        -------
        list of (int, point)
            The points that were given up, or an awaitable of them with an asynchronous client.
        """
        return self._run.do(self._run.drop, list(points), [int(pid) for pid in ids])

    def tell(self, x: Any, y: Any) -> Any:
        """Tell the run's learner a result that the run did not ask for."""
        return self._run.do(self._run.tell, [x], [y])

    def tell_many(self, xs: Sequence[Any], ys: Sequence[Any]) -> Any:
        """Tell the run's learner results that the run did not ask for."""
        return self._run.do(self._run.tell, list(xs), list(ys))

    @property
    def actor(self) -> Actor:
        """A proxy of the hosted learner: ``runner.actor.loss()`` is computed in its process and thread."""
        return Actor(self._run)

    def call(self, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """Call ``function(learner, *args, **kwargs)`` with the hosted learner, in its thread.

        Returns
        -------
        object
            The result, or an awaitable of it with an asynchronous client.
        """
        return self._run.do(self._run.call, function, *args, **kwargs)

    # ---- progress

    def elapsed_time(self) -> float:
        """Duration of the run so far, in seconds."""
        return self._run.elapsed

    def overhead(self) -> float:
        """Share of the evaluators' time that was not spent in the function, in percent."""
        return overhead_of(self._run)

    def on_results(self, callback: Callback) -> Callback:
        """Call a function with each batch of results that arrives from now on.

        Parameters
        ----------
        callback : callable
            Called as ``callback(learner, xs, ys)`` after the learner that you passed in has been told these
            results: on the event loop that was running when the runner was made, or without one in a thread
            that all runners share. Its errors are logged. If this process follows a run on a cluster too
            slowly, it gets some results as a copy of the learner, and the function is not called for these.

        Returns
        -------
        callable
            The same function, so that you can use this as a decorator.

        Raises
        ------
        TypeError
            If it is not a function, or if it is ``async def``.
        """
        return self._run.add_callback(callback)

    def start_periodic_saving(
        self,
        save_kwargs: dict[str, Any] | None = None,
        interval: float = 30,
        method: Callable[[Any], Any] | None = None,
    ) -> PeriodicSaving:
        """Save the learner at once, at intervals, and when the run has ended.

        A copy of the learner is saved in a separate thread, even while this thread is busy. If the
        scheduler cannot be reached, for example because the client is closed, the results that have arrived here
        are saved; for a run that has ended these are all.

        Parameters
        ----------
        save_kwargs : dict, optional
            Arguments of ``learner.save``, ``{"fname": "scan.pickle"}`` for instance.
        interval : float, default: 30
            In seconds.
        method : callable, optional
            Called with the learner to save it, instead of ``learner.save(**save_kwargs)``.

        Returns
        -------
        PeriodicSaving
            Also `saving_task`. You can await or ``cancel()`` it. Errors of saving are logged, and the last
            one is its ``error``; they do not end the run.

        Raises
        ------
        ValueError
            If there is neither ``save_kwargs`` nor ``method``, or if the interval is not positive.
        """
        self.saving_task = start_saving(self._run, save_kwargs, interval, method)
        return self.saving_task

    def live_info(self, *, update_interval: float = 0.5) -> None:
        """Show the status of the run in a notebook, with buttons to cancel, pause and resume it.

        It is updated even while a cell is running, but the buttons react only after the cell. If you show a run
        twice, the same widget is used.

        Parameters
        ----------
        update_interval : float, default: 0.5
            In seconds. The interval increases with time: to 0.7 s after an hour.

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
        """Draw the learner in a notebook, and update the picture until the run ends, even while a cell is running.

        Parameters
        ----------
        plotter : callable, optional
            Called with the learner; returns a HoloViews object. By default ``learner.plot()``. While a cell is
            running, it is called in a thread, with a copy of the learner.
        update_interval : float, default: 2
            In seconds. The interval increases if drawing takes more than 30 % of the time, or 10 % if
            the learner works in the same process; and with time, to 18 s after an hour.
        name : hashable, optional
            Name of this plot in `adaptive_dask.active_plotting_tasks`. An earlier plot with the same name, or
            without a name if none is given, is not updated any more.
        normalize : bool, default: True
            Whether the axes fit the data at each update.

        Returns
        -------
        holoviews.DynamicMap
            With the sliders of the picture, for example those of a `BalancingLearner`.

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
        """Show the progress of the run until it ends: a bar of tqdm on a terminal and in a notebook, lines in a file.

        Parameters
        ----------
        update_interval : float, optional
            In seconds. By default 0.5 for a bar, and 60 if standard output is neither a terminal nor a notebook, as in
            a log file.
        overwrite_previous : bool, default: True
            Pass False to print lines instead of a bar.

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
        """Each point that failed, with its last traceback, its worker, and the place of the worker's log.

        This includes points that are evaluated again or were replaced by ``on_error``; see their ``status``.
        """
        return list(self._inspect("failures"))

    @property
    def tracebacks(self) -> list[tuple[Any, str]]:
        """Each point that failed, with its last traceback."""
        return list(self._inspect("tracebacks"))

    @property
    def to_retry(self) -> list[tuple[Any, int]]:
        """Each point that is evaluated again, with the number of its failures so far."""
        return list(self._inspect("to_retry"))

    @property
    def pending_points(self) -> list[tuple[int, Any]]:
        """The points in flight, each with its id."""
        return list(self._inspect("pending_points"))

    @property
    def log(self) -> list[tuple[Any, ...]] | None:
        """The calls to the learner, ``(method, *args)``; None without ``log=True``."""
        return self._inspect("log") if self._has_log else None

    def _inspect(self, what: str) -> Any:
        """With an asynchronous client, the state at the last `refresh` or at the end of the run."""
        details = self._run.details if self._run.asynchronous else self._run.do(self._run.inspect)
        return details.get(what, ())

    async def refresh(self) -> Self:
        """With an asynchronous client: update `log`, `failures`, `pending_points` and similar properties."""
        if self._run.asynchronous:
            await self._run.do(self._run.inspect)
        return self

    def __repr__(self) -> str:
        return describe_run(self._run, type(self).__name__, self.dashboard_link)

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
            run: Run | None = vars(self).get("_run")
            if run is not None and not run.done.done():  # Ctrl-C, or an exception of another signal handler
                with contextlib.suppress(Exception):  # the interrupt is raised
                    self.cancel()
            raise
