"""Settings that are given: in files and lists, and as grids."""

from __future__ import annotations

from pathlib import Path

import pytest
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

from orion.experiment import ArgumentError, Experiment, ExperimentMismatch, SpaceError
from orion.experiment.space.given_settings import grid, read_settings, spanned
from orion.experiment.space.search_space import SearchSpace

FILES = {
    "a.csv": "lr,depth,name,fast\n0.1,3,one,true\n\n0.01,4,two words,False\n",
    "a.jsonl": '{"lr": 0.1, "depth": 3, "name": "one", "fast": true}\n\n'
    '{"lr": 0.01, "depth": 4, "name": "two words", "fast": false}\n',
    "a.yaml": "- {lr: 0.1, depth: 3, name: one, fast: true}\n- {lr: 0.01, depth: 4, name: two words, fast: false}\n",
    "a.json": '[{"lr": 0.1, "depth": 3, "name": "one", "fast": true},'
    '{"name": "two words", "lr": 0.01, "depth": 4, "fast": false}]',
}
SETTINGS = [
    {"lr": 0.1, "depth": 3, "name": "one", "fast": True},
    {"lr": 0.01, "depth": 4, "name": "two words", "fast": False},
]


@pytest.mark.parametrize("name", FILES)
def test_files(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text(FILES[name])
    settings = read_settings(tmp_path / name)
    assert settings == SETTINGS
    assert [[type(value) for value in setting.values()] for setting in settings] == [[float, int, str, bool]] * 2


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("a.txt", "x\n1\n", "ends in .csv"),
        ("missing.csv", None, "No such file"),
        ("a.csv", "", "the first line names"),
        ("a.csv", "x,y\n1,2\n3\n", "line 3 has 1 values"),
        ("a.csv", "x,y\n", "give a list of settings"),
        ("a.jsonl", '{"x": 1}\n{"x": \n', "line 2 is no JSON"),
        ("a.jsonl", '{"x": 1}\n[3]\n', "setting 2 is no mapping"),
        ("a.json", '{"x": 1}', "give a list of settings"),
        ("a.yaml", "- {x: 1}\n- {y: 1}\n", "setting 2 has the parameters y, and the first x"),
        ("a.yaml", "- {x: [1]}\n", "setting 1: x is a text"),
        ("a.yaml", "- {x: 1", "no YAML"),
        ("a.yaml", "- !!python/object/apply:os.getcwd []\n", "no YAML"),
        ("a.csv", "x\nnan\n", "a finite number"),
    ],
)
def test_what_is_no_list_of_settings_is_refused(name: str, content: str | None, reason: str, tmp_path: Path) -> None:
    if content is not None:
        (tmp_path / name).write_text(content)
    with pytest.raises(ArgumentError) as caught:
        read_settings(tmp_path / name)
    assert reason in str(caught.value)
    assert "\n" not in str(caught.value)


def test_each_parameter_spans_its_values() -> None:
    assert spanned([*SETTINGS, {"lr": 1, "depth": 9, "name": None, "fast": True}]) == {
        "lr": FloatDistribution(0.01, 1),
        "depth": IntDistribution(3, 9),
        "name": CategoricalDistribution(["one", "two words", None]),
        "fast": CategoricalDistribution([True, False]),
    }


def test_a_sweep_runs_every_setting_once_and_goes_on(tmp_path: Path) -> None:
    settings = [{"x": 1, "k": "a"}, {"x": 5, "k": "b"}, {"x": 3, "k": "a"}]
    for count in (1, None):
        result = Experiment("e", settings, tmp_path / "e.db").run(lambda x, k: x, count, "single", progress=False)
    assert [trial.parameters for trial in result.trials] == settings
    assert result.counts == {"completed": 3}
    with pytest.raises(ExperimentMismatch, match="k was 3 given values"):
        Experiment("e", [*settings[:2], {"x": 3, "k": "b"}], tmp_path / "e.db").run(lambda x, k: x, 3, "single")


def test_a_grid_has_every_point_once(tmp_path: Path) -> None:
    space = {"n": "randint(1, 3)", "k": "choices(['a', 'b'])", "s": FloatDistribution(0, 1, step=0.5)}
    result = Experiment("e", space, tmp_path / "e.db", sampler="grid").run(
        lambda n, k, s: n, executor="single", progress=False
    )
    expected = [(n, k, s) for n in (1, 2) for k in "ab" for s in (0, 0.5, 1)]
    assert [tuple(trial.parameters.values()) for trial in result.trials] == expected


@pytest.mark.parametrize(
    ("space", "reason"),
    [({"x": "uniform(0, 1)"}, "x has not"), ({"x": "randint(0, 2000)", "y": "randint(0, 2000)"}, "4000000 points")],
)
def test_what_has_no_grid_is_refused(space: dict[str, str], reason: str) -> None:
    with pytest.raises(ArgumentError, match=reason):
        grid(SearchSpace.build(space).distributions)


@pytest.mark.parametrize("settings", [[{}], [3], [{"x": 1}, {}], [{1: 2}]])
def test_what_are_no_settings_is_refused(settings: object) -> None:
    with pytest.raises(SpaceError):
        Experiment("e", settings)  # type: ignore[arg-type]  # on purpose
