"""Commands with places for parameters."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import tomlkit
import yaml

from orion.experiment import Command, ObjectiveError, SpaceError
from orion.experiment.space.search_space import SearchSpace

TRUE = "true"  # a command that is on every system


def test_priors_in_arguments(tmp_path: Path) -> None:
    command = Command(
        [TRUE, "--lr~loguniform(1e-5, 1)", "-n~randint(1, 5)", "--seed=~choices([1, 2])", "size~uniform(0, 1)", "a b"]
    )
    assert command.space == {
        "lr": "loguniform(1e-5, 1)",
        "n": "randint(1, 5)",
        "seed": "choices([1, 2])",
        "size": "uniform(0, 1)",
    }
    SearchSpace.build(command.space)
    values = {"lr": 1e-05, "n": 3, "seed": 2, "size": 0.1 + 0.2}
    assert command.render(values, tmp_path) == [
        TRUE, "--lr", "1e-05", "-n", "3", "--seed=2", "0.30000000000000004", "a b",
    ]  # fmt: skip


AS_THEY_ARE = ["it's", 'a "b"', "$HOME", "`ls`", "{unknown}", '{"lr": 1}', "~/data", "a~b", "", "--x=~y", "*", "é\n"]


def test_other_arguments_arrive_as_they_are(tmp_path: Path) -> None:
    command = Command([TRUE, *AS_THEY_ARE, "{lr}"], {"lr": "uniform(0, 1)"})
    assert command.render({"lr": 0.5}, tmp_path) == [TRUE, *AS_THEY_ARE, "0.5"]


def test_places_for_parameters_and_facts(tmp_path: Path) -> None:
    command = Command([TRUE, "out={trial.folder}/{kind}-{kind}.txt", "{trial.seed}"], {"kind": "choices(['a b', 'c'])"})
    values = {"kind": "a b", "trial.folder": "/f", "trial.seed": 7}
    assert command.render(values, tmp_path) == [TRUE, "out=/f/a b-a b.txt", "7"]


CONFIGS = {
    "c.yaml": """# training
optimizer:
  lr: orion~loguniform(1e-5, 1)
  name: adam
layers: [1, 'orion~randint(1, 9)']
log: '{trial.folder}/x'
""",
    "c.json": """{
  "optimizer": {"lr": "orion~loguniform(1e-5, 1)", "name": "adam"},
  "layers": [1, "orion~randint(1, 9)"],
  "log": "{trial.folder}/x"
}""",
    "c.toml": """layers = [1, 'orion~randint(1, 9)']
log = '{trial.folder}/x'
# training
[optimizer]
lr = 'orion~loguniform(1e-5, 1)' # rate
name = 'adam'
""",
}
LOADERS = {"c.yaml": yaml.safe_load, "c.json": json.loads, "c.toml": tomlkit.loads}


@pytest.mark.parametrize("name", CONFIGS)
@pytest.mark.parametrize("option", ["", "--config="])
def test_priors_in_a_configuration_file(name: str, option: str, tmp_path: Path) -> None:
    source = tmp_path / name
    source.write_text(CONFIGS[name])
    command = Command([TRUE, f"{option}{source}"])
    assert command.space == {"optimizer.lr": "loguniform(1e-5, 1)", "layers.1": "randint(1, 9)"}
    folder = tmp_path / "attempt"
    folder.mkdir()
    values = {"optimizer.lr": 1e-05, "layers.1": 4, "trial.folder": str(folder)}
    argument = command.render(values, folder)[1]
    assert argument.startswith(option)
    written = Path(argument.removeprefix(option))
    assert written.is_relative_to(folder)
    assert LOADERS[name](written.read_text()) == {
        "optimizer": {"lr": 1e-05, "name": "adam"},
        "layers": [1, 4],
        "log": f"{folder}/x",
    }
    assert source.read_text() == CONFIGS[name]


def test_a_toml_file_keeps_its_comments(tmp_path: Path) -> None:
    (tmp_path / "c.toml").write_text(CONFIGS["c.toml"])
    values = {"optimizer.lr": 0.5, "layers.1": 4, "trial.folder": "f"}
    text = Path(Command([TRUE, str(tmp_path / "c.toml")]).render(values, tmp_path)[1]).read_text()
    assert "# training" in text
    assert "lr = 0.5 # rate" in text


def test_two_files_of_one_name_stay_apart(tmp_path: Path) -> None:
    paths = []
    for number in (1, 2):
        (tmp_path / str(number)).mkdir()
        paths.append(tmp_path / str(number) / "c.json")
        paths[-1].write_text(f'{{"x{number}": "orion~uniform(0, 1)"}}')
    rendered = Command([TRUE, *map(str, paths)]).render({"x1": 1.0, "x2": 2.0}, tmp_path)
    assert [json.loads(Path(path).read_text()) for path in rendered[1:]] == [{"x1": 1.0}, {"x2": 2.0}]


def test_files_without_priors_are_passed_as_they_are(tmp_path: Path) -> None:
    plain = tmp_path / "plain.json"
    plain.write_text("{")
    assert Command([TRUE, str(plain), "{x}"], {"x": "uniform(0, 1)"}).render({"x": 1}, tmp_path)[1] == str(plain)


@pytest.mark.parametrize(
    ("arguments", "space", "reason"),
    [
        ([], {}, "empty"),
        (["no-such-command"], {}, "there is no command 'no-such-command'; to run a file of the current folder"),
        (["./no/such"], {}, "there is no command './no/such'"),
        (["/"], {}, "no program that can be run"),
        ([TRUE, "--x~uniform(0, 1)", "--x~uniform(0, 1)"], {}, "twice"),
        ([TRUE, "--x~uniform(0, 1)"], {"x": "uniform(0, 1)"}, "two priors"),
        ([TRUE, "{y}"], {"x": "uniform(0, 1)"}, "'x' is nowhere in the command"),
    ],
)
def test_what_is_no_command_is_refused(arguments: list[str], space: dict[str, str], reason: str) -> None:
    with pytest.raises(ObjectiveError) as caught:
        Command(arguments, space)
    assert reason in str(caught.value)


@pytest.mark.parametrize(
    ("name", "text"), [("c.json", '{"x": "orion~'), ("c.yaml", "x: [orion~"), ("c.toml", "orion~")]
)
def test_a_configuration_file_that_cannot_be_read(name: str, text: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(ObjectiveError, match=f"{name} cannot be read as"):
        Command([TRUE, str(tmp_path / name)])


@pytest.mark.parametrize("prior", ["unifrom(0, 1)", "uniform(0, 1", "uniform(0, 1) + 1", "uniform(0,"])
def test_a_wrong_prior_is_pointed_at(prior: str) -> None:
    with pytest.raises(SpaceError, match=r"parameter 'x'[\s\S]*\^"):
        SearchSpace.build(Command([TRUE, f"--x~{prior}"]).space)
