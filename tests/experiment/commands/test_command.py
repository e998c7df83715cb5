"""Commands as objectives, from start to end."""

from __future__ import annotations

import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

import psutil
import pytest

from orion.experiment import ArgumentError, Command, Experiment, ExperimentError, ExperimentResult, ObjectiveError
from orion.experiment.objectives.commands.process import CommandProcess
from tests.experiment.drivers import Start

SCRIPT = """
import json, os, sys
sys.stderr.write("to stderr\\n")
print("started")
"""


def run(
    folder: Path, body: str, *arguments: str, trials: int = 1, metric: str | None = None, **options: Any
) -> ExperimentResult:
    """Run a script as a command, with x as its first argument."""
    script = folder / "script.py"
    script.write_text(SCRIPT + body)
    command = Command([sys.executable, str(script), "x~uniform(0, 1)", *arguments], metric=metric)
    experiment = Experiment("e", command.space, folder / "e.db", seed=1)
    options = {"executor": "process", "n_workers": 1, "progress": False, **options}
    return experiment.run(command, trials, **options)


def attempt(folder: Path, number: int = 0, attempt: int = 1) -> Path:
    return folder / "e.trials" / "e" / str(number) / f"attempt-{attempt}"


def test_a_script_that_knows_nothing_of_us(tmp_path: Path) -> None:
    body = "print(json.dumps({'objective': float(sys.argv[1]) * 2, 'rest': sys.argv[2:]}))"
    arguments = ["it's", 'a "b"', "$HOME", "two words", ""]
    result = run(tmp_path, body, *arguments, trials=3, n_workers=2)
    assert result.counts == {"completed": 3}
    for trial in result.trials:
        assert trial.value == 2 * trial.parameters["x"]
        assert trial.attributes == {"rest": arguments}
        assert trial.attempts[0]["peak_memory_gb"] > 0
        assert (attempt(tmp_path, trial.number) / "stdout").read_text().startswith("started\n")
        assert (attempt(tmp_path, trial.number) / "stderr").read_text() == "to stderr\n"


def test_what_it_is_told(tmp_path: Path) -> None:
    body = (
        "open(os.environ['ORION_RESULTS_PATH'], 'w').write(json.dumps({'objective': 1, **"
        "{k: v for k, v in os.environ.items() if k.startswith('ORION_')}}))"
    )
    (trial,) = run(tmp_path, body).trials
    told = trial.attributes
    assert told["ORION_EXPERIMENT_NAME"] == "e"
    assert (told["ORION_TRIAL_NUMBER"], told["ORION_TRIAL_ATTEMPT"]) == ("0", "1")
    assert told["ORION_TRIAL_SEED"] == str(trial.attempts[0]["seed"])
    assert told["ORION_TRIAL_FOLDER"] == str(attempt(tmp_path))


def test_the_results_file_counts_more_than_the_output(tmp_path: Path) -> None:
    body = "print('{\"objective\": 1}'); open(os.environ['ORION_RESULTS_PATH'], 'w').write('2')"
    assert run(tmp_path, body).trials[0].value == 2


FAILURES = [
    ("sys.exit('what went wrong')", "exception", "exited with code 1: what went wrong"),
    ("os.kill(os.getpid(), 9)", "lost", "was killed by SIGKILL"),
    ("os.kill(os.getpid(), 15)", "preempted", "was ended by SIGTERM"),
    ("os.kill(os.getpid(), 6)", "exception", "was ended by SIGABRT"),
    ("print('no result')", "exception", "the command left no result"),
    ("print(json.dumps({'objective': None}))", "exception", "under the key 'objective', None"),
    ("print(json.dumps({'objective': float('nan')}))", "exception", "nan, which cannot be compared"),
    ("print(json.dumps({'accuracy': 1}))", "exception", "a mapping without the key 'objective'"),
]


@pytest.mark.parametrize(("body", "cause", "message"), FAILURES)
def test_how_it_fails(body: str, cause: str, message: str, tmp_path: Path) -> None:
    result = run(tmp_path, body, retries={"lost": 0, "preempted": 0})
    failure = result.trials[0].failure
    assert failure is not None
    assert failure["cause"] == cause
    assert message in failure["message"]
    assert "to stderr" in failure["log"]


def test_a_results_file_that_is_no_json_ends_the_run_if_no_trial_has_completed(tmp_path: Path) -> None:
    body = "open(os.environ['ORION_RESULTS_PATH'], 'w').write('loss=1')"
    with pytest.raises(ExperimentError, match="trial 0: .* is no JSON"):
        run(tmp_path, body, trials=5)
    result = Experiment("e", {"x": "uniform(0, 1)"}, tmp_path / "e.db").result()
    assert result.counts == {"failed": 1}


def test_a_bad_results_file_now_and_then_is_a_failed_trial(tmp_path: Path) -> None:
    body = (
        "text = 'junk' if os.environ['ORION_TRIAL_NUMBER'] == '1' else '1'\n"
        "open(os.environ['ORION_RESULTS_PATH'], 'w').write(text)"
    )
    assert run(tmp_path, body, trials=3).counts == {"completed": 2, "failed": 1}


def test_a_command_is_pruned_by_what_it_prints_with_all_its_processes(tmp_path: Path) -> None:
    """From its third trial on it starts a child, prints one value and would wait for ever."""
    body = f"""
import subprocess, time
if int(os.environ["ORION_TRIAL_NUMBER"]) < 2:
    print("loss=1")
else:
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], start_new_session=True)
    open({str(tmp_path / "pid")!r}, "w").write(str(child.pid))
    print("loss=5")
    time.sleep(600)
"""
    from optuna.pruners import MedianPruner

    result = run(tmp_path, body, trials=3, metric="loss", pruner=MedianPruner(n_startup_trials=2))
    assert [trial.state for trial in result.trials] == ["completed", "completed", "pruned"]
    assert result.trials[2].intermediate == {0: 5.0}
    assert not psutil.pid_exists(int((tmp_path / "pid").read_text()))


def test_a_command_that_runs_too_long_is_stopped_with_all_its_processes(tmp_path: Path) -> None:
    body = f"""
import subprocess, time
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], start_new_session=True)
open({str(tmp_path / "pid")!r}, "w").write(str(child.pid))
time.sleep(600)
"""
    result = run(tmp_path, body, trial_timeout=2.0)
    assert result.trials[0].failure is not None
    assert result.trials[0].failure["cause"] == "timeout"
    assert not psutil.pid_exists(int((tmp_path / "pid").read_text()))


def test_what_a_command_leaves_running_ends_with_it(tmp_path: Path) -> None:
    body = f"""
import subprocess
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], start_new_session=True)
open({str(tmp_path / "pid")!r}, "w").write(str(child.pid))
print(1)
"""
    assert run(tmp_path, body).counts == {"completed": 1}
    assert not psutil.pid_exists(int((tmp_path / "pid").read_text()))


def test_commands_need_an_engine_that_can_stop_them(tmp_path: Path) -> None:
    with pytest.raises(ArgumentError, match="a command needs an engine that can stop it"):
        run(tmp_path, "print(1)", executor="thread")
    assert run(tmp_path, "print(1)", executor="single").counts == {"completed": 1}


def test_the_space_is_the_commands(tmp_path: Path) -> None:
    command = Command(["true", "--x~uniform(0, 1)"])
    with pytest.raises(ObjectiveError, match=r"command\.space"):
        Experiment("e", {"y": "uniform(0, 1)"}, tmp_path / "e.db").run(command, 1, progress=False)


def test_on_the_command_line(start: Start, tmp_path: Path) -> None:
    (tmp_path / "train.py").write_text("import sys\nprint('lr', sys.argv, 'loss:', float(sys.argv[2]) + 1)")
    driver = start(
        "run", "-n", "mlp", "--metric", "loss", "--max-trials", "4", "--n-workers", "2",
        "--", sys.executable, "train.py", "--lr~loguniform(1e-5, 1)", "two words",
    )  # fmt: skip
    output, log = driver.communicate()
    assert driver.returncode == 0, log
    assert output.startswith("mlp: 4 completed (minimize)\n")
    parameters = json.loads((tmp_path / "experiments.trials" / "mlp" / "0" / "parameters.json").read_text())
    assert 1e-5 <= parameters["lr"] <= 1
    assert "'two words'" in (tmp_path / "experiments.trials" / "mlp" / "0" / "attempt-1" / "stdout").read_text()


def test_ctrl_c_ends_the_command_on_the_single_engine_too(start: Start, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "up")
    (tmp_path / "train.py").write_text(
        "import os, time\nwith open('up', 'w') as up:\n    up.write(str(os.getpid()))\ntime.sleep(600)"
    )
    driver = start("run", "-n", "e", "--executor", "single", "--", sys.executable, "train.py", "--lr~uniform(0, 1)")
    command = psutil.Process(int((tmp_path / "up").read_text()))
    driver.send_signal(signal.SIGINT)
    _, log = driver.communicate()
    assert driver.returncode == 130, log
    assert not command.is_running()
    assert "1 running ones were stopped and queued again" in log


def test_ctrl_c_at_any_moment_of_its_start_loses_no_process(tmp_path: Path) -> None:
    others = set(psutil.Process().children())  # of tests before this one
    before = signal.signal(signal.SIGALRM, signal.default_int_handler)
    try:
        for step in range(40):
            command = CommandProcess(["sleep", "600"], os.environ, tmp_path / "out", tmp_path / "err", alone=False)
            with pytest.raises(KeyboardInterrupt):
                signal.setitimer(signal.ITIMER_REAL, 0.0002 + step * 0.0005)
                with command:
                    command.read(print)
            assert set(psutil.Process().children()) <= others
    finally:
        signal.signal(signal.SIGALRM, before)


def test_it_does_not_read_what_the_user_types(tmp_path: Path) -> None:
    assert run(tmp_path, "print(len(sys.stdin.read()))").trials[0].value == 0


def test_output_without_end_of_line_and_very_long_lines(tmp_path: Path) -> None:
    body = "print('x' * 3_000_000); sys.stdout.write('\\r50%\\r100%\\r{\"objective\": 2}')"
    assert run(tmp_path, body).trials[0].value == 2
    assert (attempt(tmp_path) / "stdout").stat().st_size > 3_000_000


def test_nothing_is_evaluated_by_a_shell(tmp_path: Path) -> None:
    marker = tmp_path / "marker"
    run(tmp_path, "print(1)", f"; touch {marker}", f"$(touch {marker})", f"`touch {marker}`")
    assert not marker.exists()
