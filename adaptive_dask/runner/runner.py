"""AsyncRunner, also called Runner, and BlockingRunner: run a learner on a cluster or an executor."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Hashable, Iterable, Sequence
from typing import Any, Self, Unpack

from adaptive_dask import entry
from adaptive_dask.learner.checked import paired
from adaptive_dask.run.failures import FailedPoint
from adaptive_dask.run.goals import GoalFunction, make_goal
from adaptive_dask.run.options import RunArguments, RunOptions, with_arguments, with_arguments_of
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
    """Run a learner on a Dask cluster, or on an executor of this process, and return at once.

    On a cluster, the learner is sent to the scheduler, and evaluators on the workers get points from it. The run
    continues even if this process ends. With another executor, a copy of the learner works in a thread
    of this process. In both cases, the learner that you passed in is kept current with the results.

    Parameters
    ----------
    learner : BaseLearner
        The learner, with its data if it has any.
    goal : callable, optional
        Called with the learner, on the scheduler, after each batch of results; returns true to end the run. Without a
        goal, a run continues until the learner is done, or until you cancel it.
    loss_goal : float, optional
        End when ``learner.loss()`` is at most this value.
    npoints_goal : int, optional
        End with exactly this number of points. A BalancingLearner without ``one_budget`` ends when each child has this
        number or returns no more points.
    end_time_goal : datetime, optional
        End at this time.
    duration_goal : timedelta or float, optional
        End after this time; numbers are in seconds.
    executor : distributed.Client or Executor, optional
        A Dask client, an executor of `concurrent.futures` (threads or processes), `SequentialExecutor`, loky's
        executor, an ``ipyparallel.Client``, an ``MPIPoolExecutor``, or any other object with a method ``submit`` that
        returns futures. By default, the current Dask client, or a new local cluster. Unless a Dask client is passed, an
        ``async def`` function runs on the running event loop or `ioloop`, or on an event loop in a thread.
    ntasks : int, optional
        Maximum number of points in flight. On a cluster, the default is the number of threads, plus a few if
        evaluations are short; elsewhere, the number of workers or, for coroutines, of processors.
    log : bool, default: False
        Record the calls to the learner in `log`.
    shutdown_executor : bool, default: False
        Close the client, or shut the executor down, when the run has ended (the client after the last save of
        `start_periodic_saving`).
    ioloop : asyncio.AbstractEventLoop, optional
        The event loop for `task` and for coroutine functions; by default the running one. In a script without one,
        ``runner.ioloop.run_until_complete(runner.task)`` waits for the end.
    retries : int, default: 0
        Number of times that a failed point is evaluated again.
    raise_if_retries_exceeded : bool, default: True
        If False, the same as ``on_error="skip"``, for compatibility with python-adaptive.
    allow_running_forever : bool, default: True
        Whether the goal may be omitted.
    weight : float, default: 1
        The run's share of the cluster, relative to other active runs: a run with the weight 3 gets three times as many
        slots as a run with the weight 1. Must be 1 without a cluster.
    name : str, optional
        Name of the run on the scheduler, for `attach`. By default the learner's class and a few
        random characters.
    drain : bool, float or timedelta, default: True
        Whether to wait for evaluations that are in flight when the goal is reached, or the maximum wait; numbers are in
        seconds. In the meantime, ``info()["status"]`` is ``"draining"``, and ``info()["waits_for"]`` names the points.
        Evaluations that take longer are given up, as with `cancel`. With `ordered` there is no wait.
    allowed_failures : int, default: 3
        Number of times that a point may be lost with its worker before it counts as failed.
    on_error : "raise", "skip", "infeasible" or callable, optional
        Action for a point that failed for good, after all `retries`. ``"raise"``, the default: the run fails.
        ``"skip"``: the run continues; the point is listed in `failed`, and stays pending in the learner until the run
        ends; the run fails if none of the first 100 points has a value, or if failed points keep the loss infinite that
        `loss_goal` needs. ``"infeasible"``: the learner is told `Infeasible`, with the error as the reason. A function:
        the learner is told the value that ``on_error(point, error)`` returns; an exception in it, such as
        ``raise error``, fails the run. It is called on the scheduler, in the learner's thread. ``error`` is a
        `FunctionError` with the traceback, the worker, and if possible the exception, or for a point that exceeded
        `allowed_failures` a `WorkerLostError` (such a point does not end the run with ``"raise"``).
    point_timeout : float or timedelta, optional
        Time limit of an evaluation; numbers are in seconds. An evaluation that takes longer is given up and counts as a
        failure, with `retries` and `on_error`; its error is a `PointTimeoutError` with the location of the function. A
        coroutine is cancelled. A thread cannot be interrupted: it continues, its result is ignored, and its slot is
        returned to Dask for another evaluator; ``info()["hung"]`` counts such threads by worker. A thread or process of
        a local executor stays busy until it returns; `SequentialExecutor` supports no timeout.
    isolate : "process", optional
        Evaluate the function in separate processes, one for each slot, which are started once. Then `point_timeout`,
        `cancel`, `cancel_points` and the end of the run end an evaluation: its process and all processes that it has
        started get SIGTERM, and SIGKILL after 0.4 s. If a process crashes, one point fails with a `ProcessCrashError`.
        The function must be picklable, and cannot call Dask's ``get_worker``. Without a cluster, this needs a
        ThreadPoolExecutor or a SequentialExecutor, which then supports `point_timeout`.
    memory_limit : int or str, optional
        Maximum memory of an evaluation with `isolate`, in bytes or as in ``"2 GB"``. Beyond it, the function gets a
        MemoryError. Each program that the function starts has the same limit.
    vectorized : bool, default: False
        Whether the function accepts many points in one call: an array of shape (n,), or (n, dim) if points are tuples,
        for which it returns n values. Points are collected until a call takes about 50 ms. If a call raises an error,
        its points are evaluated one by one, as arrays of length 1.
    ordered : bool, default: False
        Tell the learner results in the order in which the points were asked for, with `ntasks` points in flight, so
        that the data depend neither on timing nor on the cluster. With `vectorized`, values must not depend on the
        other points of a batch, as the last bits of a matrix product do.
    checkpoint : str or path, optional
        A folder, or a URL for fsspec, to which every result is written within a second. After a crash of the whole
        cluster, the same call continues the run. The scheduler writes the checkpoint; a relative path is relative to
        the working folder of this process.
    on_results : callable, optional
        Called as ``on_results(learner, xs, ys)`` with each batch of results; see the method `on_results`.
    resources : dict, optional
        Worker resources that an evaluation needs, as in ``{"GPU": 1}``; they limit the number of concurrent
        evaluations. By default, the resources of a `Command`. This and the following arguments are those of Dask's
        `Client.submit`, with defaults from ``dask.annotate``.
    priority : float, default: 0
        Priority of the evaluators' tasks on the cluster; higher is earlier.
    workers : str, int, or collection of them, optional
        Addresses, names or hosts of the workers to evaluate on.
    allow_other_workers : bool, default: False
        Whether other workers may be used if none of `workers` exist.
    annotations : dict, optional
        Further annotations of the evaluators' tasks.

    Raises
    ------
    ValueError, TypeError
        If an argument is invalid, or if an object cannot be pickled.
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

    @with_arguments()
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
            check_callback(on_results)  # before the run is started
        options = RunOptions(goal=goal, **arguments)
        plan = make_plan(learner, options)
        self.shutdown_executor = shutdown_executor
        run, start = prepare(learner, plan, options, executor, ioloop, shutdown_executor, blocks=self._blocks)
        self._set_up(run, plan, loop=ioloop, on_results=on_results)
        start()

    @classmethod
    def _of(cls, run: Run, plan: Plan | None, **arguments: Any) -> Self:
        """Return a runner of a run that is started or joined elsewhere."""
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
        """The event loop of `task`: the running or passed one, or a new one that is closed with the runner."""
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
        """Start of the run, in seconds since the epoch."""
        return self._run.started

    @property
    def end_time(self) -> float | None:
        """End of the run, in seconds since the epoch; None before the end."""
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
        """Return running, paused, finished, cancelled or failed. After the end, the learner has all results."""
        return self._run.applied().status

    def done(self) -> bool:
        """Return True if the run has finished, failed or was cancelled."""
        return self._run.applied().done.done()

    def info(self) -> dict[str, Any]:
        """Return the present state of the run: status, npoints, loss, slots, in_flight, and more, as plain data."""
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
        """Wait for the end of the run; raises the error of a run that failed."""
        self.result()

    def cancel(self) -> Any:
        """End the run now. Evaluations in flight are not interrupted; their results are dropped."""
        return self._run.cancel()

    def pause(self) -> Any:
        """Stop starting evaluations until `resume`; results of evaluations in flight are told."""
        return self._run.do(self._run.control, "pause")

    def resume(self) -> Any:
        """Continue after `pause`."""
        return self._run.do(self._run.control, "resume")

    def forget(self) -> Any:
        """Remove a run that has ended from the scheduler, so that no client can attach to it.

        This frees the remote results of a `DataSaver`.
        """
        return self._run.do(self._run.control, "forget")

    def cancel_points(self, points: Iterable[Any] = (), *, ids: Iterable[int] = ()) -> Any:
        """Give up points in flight; points that have a result are not affected.

        The points stay pending in the learner until the run ends, so it does not return them again, and a goal in
        points is reached with other points. The call is cancelled if the function is asynchronous; otherwise, its
        result is ignored and its slot is returned as with `point_timeout`.

        Parameters
        ----------
        points : iterable, optional
            Points in the form that the learner uses.
        ids : iterable of int, optional
            Ids of points, see `pending_points`.

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
        pairs = paired(xs, ys)
        return self._run.do(self._run.tell, [x for x, _ in pairs], [y for _, y in pairs])

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
        """Return the duration of the run so far, in seconds."""
        return self._run.elapsed

    def overhead(self) -> float:
        """Return the share of the evaluators' time that was not spent in the function, in percent."""
        return overhead_of(self._run)

    def on_results(self, callback: Callback) -> Callback:
        """Call a function with each batch of results that arrives from now on.

        Parameters
        ----------
        callback : callable
            Called as ``callback(learner, xs, ys)`` after the learner that you passed in was told these results: on the
            event loop that was running when the runner was created, or in a thread that all runners share. Its errors
            are logged. A process that follows a run on a cluster too slowly gets some results as a copy of the learner;
            the function is not called for these.

        Returns
        -------
        callable
            The same function, so that you can use this method as a decorator.

        Raises
        ------
        TypeError
            If `callback` is not a function, or if it is ``async def``.
        """
        return self._run.add_callback(callback)

    def start_periodic_saving(
        self,
        save_kwargs: dict[str, Any] | None = None,
        interval: float = 30,
        method: Callable[[Any], Any] | None = None,
    ) -> PeriodicSaving:
        """Save the learner at once, at intervals, and when the run has ended.

        A copy of the learner is saved in a separate thread, even while this thread is busy. If the scheduler cannot be
        reached, for example because the client is closed, the results that have arrived here are saved. After the end
        of the run, these are all results.

        Parameters
        ----------
        save_kwargs : dict, optional
            Arguments of ``learner.save``, for example ``{"fname": "scan.pickle"}``.
        interval : float, default: 30
            In seconds.
        method : callable, optional
            Called with the learner to save it, instead of ``learner.save(**save_kwargs)``.

        Returns
        -------
        PeriodicSaving
            The same as `saving_task`. You can await it or ``cancel()`` it. Errors of saving are logged and do not end
            the run; the last one is the attribute ``error``.

        Raises
        ------
        ValueError
            If neither ``save_kwargs`` nor ``method`` is given, or if the interval is not positive.
        """
        self.saving_task = start_saving(self._run, save_kwargs, interval, method)
        return self.saving_task

    def live_info(self, *, update_interval: float = 0.5) -> None:
        """Show the status of the run in a notebook, with buttons to cancel, pause and resume it.

        The widget is updated even while a cell is running, but the buttons react only after the cell. If you show a run
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
            In seconds. The interval increases with time, to 18 s after an hour, and if drawing takes more than 30 % of
            the time (10 % if the learner works in the same process).
        name : hashable, optional
            Name of this plot in `adaptive_dask.active_plotting_tasks`. An earlier plot with the same name, or without a
            name, is not updated any more.
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
            In seconds. By default, 0.5 for a bar, and 60 if standard output is neither a terminal nor a notebook, for
            example in a log file.
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
        """The failed points, with their last traceback, their worker, and the location of its log.

        This includes points that are evaluated again or were replaced by ``on_error``; see ``status``.
        """
        return list(self._inspect("failures"))

    @property
    def tracebacks(self) -> list[tuple[Any, str]]:
        """The failed points, each with its last traceback."""
        return list(self._inspect("tracebacks"))

    @property
    def to_retry(self) -> list[tuple[Any, int]]:
        """The points that are evaluated again, each with the number of its failures so far."""
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
        """Return an entry of `Run.inspect`; with an asynchronous client, of the last `refresh` or the end."""
        details = self._run.details if self._run.asynchronous else self._run.do(self._run.inspect)
        return details.get(what, ())

    async def refresh(self) -> Self:
        """Update `log`, `failures`, `pending_points` and similar properties, with an asynchronous client."""
        if self._run.asynchronous:
            await self._run.do(self._run.inspect)
        return self

    def __repr__(self) -> str:
        return describe_run(self._run, type(self).__name__, self.dashboard_link)

    def _repr_html_(self) -> str:
        """Return the present status for a notebook; `live_info` keeps it up to date."""
        return str(entry("static_info")(self))


Runner = AsyncRunner


class BlockingRunner(AsyncRunner):
    """Run a learner, and return when the run has ended.

    The arguments are those of `AsyncRunner`; a goal is required. Ctrl-C cancels the run.

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
