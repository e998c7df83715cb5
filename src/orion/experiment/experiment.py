"""An experiment: a search space, where it is recorded, and running trials of an objective."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, suppress
from html import escape
from typing import TYPE_CHECKING, Any, Literal

from orion.executor import BaseExecutor
from orion.experiment.errors import ArgumentError, ExperimentError, ExperimentInterrupted, StorageError
from orion.experiment.line.desk import Desk
from orion.experiment.objectives.functions import DefineByRun, as_objective
from orion.experiment.recording.bookkeeping import Bookkeeping
from orion.experiment.recording.folders import TrialFolders, default_root
from orion.experiment.recording.provenance import fingerprint, provenance
from orion.experiment.recording.records import load_result
from orion.experiment.recording.result import Direction, ExperimentResult
from orion.experiment.recording.terms import changes, make_terms
from orion.experiment.recording.trials import Trials
from orion.experiment.running.engine import Engine
from orion.experiment.running.interrupts import Interrupts
from orion.experiment.running.limits import Limits
from orion.experiment.running.patience import Patience
from orion.experiment.running.retries import Retries
from orion.experiment.running.runner import Runner
from orion.experiment.sampling.pruners import make_pruner
from orion.experiment.sampling.samplers import Samplers
from orion.experiment.space.search_space import SearchSpace
from orion.experiment.storage import DEFAULT_STORAGE, open_database
from orion.experiment.trial.attempt import Objective
from orion.experiment.views.progress import Progress, make_reporter

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution
    from optuna.pruners import BasePruner
    from optuna.samplers import BaseSampler

    from orion.experiment.space.given_settings import Settings

__all__ = ["Experiment"]


class Experiment:
    """A search for the parameters with which an objective is smallest or largest.

    Everything is recorded under the experiment's name; running an experiment of that name again goes
    on where the last run ended, however it ended.

    Parameters
    ----------
    name
        The experiment's name in the database.
    space
        For each parameter its prior: Oríon's notation, such as ``"loguniform(1e-5, 1)"``, or an Optuna distribution.
        Or a list of settings to run, each with a value for every parameter. ``None`` for an objective that defines the
        space as it runs: a function of an Optuna trial.
    storage
        Where it is recorded: a path, ``sqlite:///FILE``, ``journal:///FILE``, ``postgresql://…`` or ``mysql://…``.
        A file is made if need be.
    sampler
        ``"tpe"``, ``"random"``, ``"grid"``, ``"cmaes"``, ``"qmc"``, ``"gp"``, ``"nsgaii"``, or an Optuna sampler.
    seed
        Makes the suggestions reproducible: those of trial n depend on the seed, on n and on the earlier results only.
    direction
        ``"minimize"`` or ``"maximize"``; of several objectives, one for each.
    branch_of
        An experiment of the same storage, whose trials this one starts from when it is run first. Those outside of the
        space are left out; none of them counts as a trial of this one.

    Raises
    ------
    SpaceError
        If a prior cannot be understood; the message points at the character.
    ArgumentError
        If another argument cannot be honoured.
    """

    def __init__(
        self,
        name: str,
        space: Mapping[str, str | BaseDistribution] | Settings | None,
        storage: str | os.PathLike[str] = DEFAULT_STORAGE,
        *,
        sampler: str | BaseSampler = "tpe",
        seed: int | None = None,
        direction: Direction | Sequence[Direction] = "minimize",
        branch_of: str | None = None,
    ) -> None:
        if not isinstance(name, str) or not name.strip():
            raise ArgumentError(f"an experiment needs a name, not {name!r}")
        directions = (direction,) if isinstance(direction, str) else tuple(direction)
        if not directions or any(one not in ("minimize", "maximize") for one in directions):
            raise ArgumentError(f"the direction is minimize or maximize, not {direction!r}")
        if branch_of == name:
            raise ArgumentError(f"{name!r} cannot start from itself: give the new experiment another name")
        self.name = name
        self.storage = storage
        self.directions: tuple[Direction, ...] = directions
        self._branch_of = branch_of
        self._seed = seed
        self._space = SearchSpace.of(space)
        self._samplers = Samplers(sampler, seed, self._space)

    def run(
        self,
        objective: Callable[..., Any],
        max_trials: int | None = None,
        executor: str | BaseExecutor = "process",
        n_workers: int = -1,
        *,
        timeout: float | None = None,
        trial_timeout: float | None = None,
        patience: int | None = None,
        max_broken: int | None = None,
        retries: Mapping[str, int] | None = None,
        pruner: str | BasePruner | None = None,
        drain: bool = False,
        gpus_per_trial: float | None = None,
        gpus: Sequence[int | str] | None = None,
        folder: str | os.PathLike[str] | None = None,
        address: str | None = None,
        progress: bool | Literal["json"] = True,
        on_change: Callable[[list[str]], object] | None = None,
    ) -> ExperimentResult:
        """Run trials until the experiment has ``max_trials`` finished ones, those of earlier runs included.

        Each trial is recorded when it ends, before the next one is asked for. A trial fails, and the others go on, if
        the objective raises, loses its worker, or returns no finite number; failed trials count as finished.

        On Ctrl-C or SIGTERM nothing new starts, results that have arrived are recorded, running trials are
        stopped and queued for the next run.

        Parameters
        ----------
        objective
            Called with the parameters by name, and with the trial's ``seed`` if it takes one; or with an Optuna trial,
            if the experiment has no space. Returns a number, or a mapping with one under ``"objective"``,
            the rest of which is recorded as the trial's attributes.
        max_trials
            How many finished trials, completed, pruned and failed ones together, there are to be in the end. Given
            settings and grids need none: each is run once.
        executor
            The name of an engine, or an executor, which is left open.
        n_workers
            How many trials run at a time; ``-1`` means one for every CPU. An executor that is given brings its own
            number.
        timeout
            Seconds after which this run ends: what runs is stopped and queued for the next run.
        trial_timeout
            Seconds after which a trial is stopped and fails.
        patience
            After how many finished trials without a better one no more are started.
        max_broken
            How many trials of this run may fail before it ends with an error.
        retries
            How often a trial is tried again, by the cause of its failure: ``"exception"``, ``"timeout"``,
            ``"memory"``, ``"lost"``, ``"preempted"``. By default once after the last three.
        pruner
            What judges the values that :func:`orion.experiment.report` reports: a name, such as ``"median"``, or an
            Optuna pruner. By default none does; for a function of an Optuna trial Optuna's own default, and if
            there is a fidelity, successive halving.
        drain
            Let running trials finish on Ctrl-C or SIGTERM; only the second one stops them.
        gpus_per_trial
            How many GPUs each trial has for itself, or which part of one: 1, 2 or 0.5, say. Several drivers on a
            machine never give out the same.
        gpus
            Which GPUs there are, by the names that ``CUDA_VISIBLE_DEVICES`` takes; by default all that are visible.
        folder
            Where the trials' folders are; by default beside the database: ``experiments.trials``.
        address
            Where to listen for what trials report and ask, ``HOST`` or ``HOST:PORT``: an address of this machine that
            the workers reach. By default the engine says whether they may be elsewhere, and where to listen then.
        progress
            Whether to show the progress: a bar on a terminal and in a notebook, plain lines elsewhere, on standard
            error. ``"json"`` prints events on standard output, one JSON object a line.
        on_change
            Called, before anything runs, if the objective or the limits are others than in the last run, with a
            sentence for each. It may raise.

        Raises
        ------
        ArgumentError, ObjectiveError, ExperimentMismatch
            If what is asked cannot be done; nothing has run.
        StorageError
            If the database or the folder cannot be used.
        TooManyFailures
            After ``max_broken`` failures.
        ExperimentInterrupted
            After Ctrl-C or SIGTERM. It is a ``KeyboardInterrupt``.
        """
        task = as_objective(objective, self._space.distributions)
        max_trials = self._samplers.limit(max_trials)
        limits = Limits(max_trials, timeout, trial_timeout, patience, max_broken)
        budget = Retries(retries)
        if pruner is None:
            by_fidelity = "halving" if self._space.fidelity is not None else "none"
            pruner = "median" if isinstance(task, DefineByRun) else by_fidelity
        judge = make_pruner(pruner, self._space.fidelity)
        with Interrupts.taken(drain=drain) as interrupts, ExitStack() as stack:
            with interrupts.held():
                engine = Engine(
                    executor, n_workers, task, trial_timeout=trial_timeout, gpus_per_trial=gpus_per_trial, gpus=gpus
                )
                stack.callback(engine.close)
                database = open_database(self.storage, create=True)
                stack.callback(database.close)
                desk = Desk(address or engine.executor.driver_host, interrupts.held)
                stack.callback(desk.close)
                # Before the database: while our mark of life stands, no other driver takes our trials.
                stack.callback(engine.close)
            trials = Trials(
                database,
                self.name,
                self._space,
                self._samplers,
                self.directions,
                seed=self._seed,
                pruner=judge,
                branch_of=self._branch_of,
            )
            terms = make_terms(task.describe(), trial_timeout=trial_timeout, patience=patience, max_broken=max_broken)
            changed = changes(trials.known_terms(), terms)
            if changed and on_change is not None:
                on_change(changed)
            trials.note_terms(terms)
            interrupted = trials.take_back()
            reporter = make_reporter(progress)
            stack.callback(reporter.close)
            found = trials.result()
            standing = Progress(found, max_trials, reporter)
            standing.started(trials.tally, interrupted)
            if trials.inherited:
                standing.noted(f"it started from {trials.inherited} trials of another experiment")
            for change in changed:
                standing.noted(change)
            runner = Runner(
                trials,
                engine,
                task,
                limits=limits,
                retries=budget,
                patience=Patience(patience, found.trials, self.directions[0]),
                books=self._books(trials, folder, engine.name, task),
                desk=desk,
                progress=standing,
                interrupts=interrupts,
            )
            stack.callback(runner.give_back)
            stack.callback(engine.close)  # before: the GPUs are given back when nothing has them any more
            try:
                runner.run()
            except KeyboardInterrupt:
                with interrupts.held():
                    requeued = runner.stop(engine.close if engine.owned else None)
                raise ExperimentInterrupted(trials.tally.done, max_trials, requeued) from None
            except ExperimentError:
                with interrupts.held(), suppress(StorageError):  # the database may be what has failed
                    runner.stop(engine.close if engine.owned else None)
                raise
            except BaseException:
                runner.abandon()
                raise
            return trials.result()

    def _books(
        self, trials: Trials, folder: str | os.PathLike[str] | None, engine: str, objective: Objective
    ) -> Bookkeeping:
        """Return what writes down attempts, after recording what code they run."""
        code = {**provenance(), "objective": objective.describe()}
        name = fingerprint(code)
        trials.note_code(name, code, engine)
        folders = TrialFolders(default_root(self.storage) if folder is None else folder, self.name)
        books = Bookkeeping(folders, engine, name)
        books.taken_back(trials.taken_back)
        return books

    def _repr_html_(self) -> str:
        """Return a table of the best trials, for notebooks."""
        try:
            return self.result()._repr_html_()
        except StorageError:
            return f"<p>{escape(self.name)} has not been run yet</p>"

    def result(self) -> ExperimentResult:
        """Return what is recorded of this experiment.

        Raises
        ------
        StorageError
            If there is no such experiment yet, or the database cannot be read.
        """
        database = open_database(self.storage, create=False, read_only=True)
        try:
            return load_result(database, self.name)
        finally:
            database.close()
