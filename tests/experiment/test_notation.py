"""Oríon's notation for priors."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orion.experiment import SpaceError
from orion.experiment.space.notation import MISSING, Parameter, parse
from orion.experiment.space.priors import ChoicesPrior, FidelityPrior, FloatPrior, IntPrior, NormalPrior

finite = st.floats(allow_nan=False, allow_infinity=False, min_value=-1e100, max_value=1e100)


@pytest.mark.parametrize(
    ("text", "prior"),
    [
        ("uniform(0, 1)", FloatPrior(0.0, 1.0)),
        (" uniform( -1.5,2e3 ) ", FloatPrior(-1.5, 2000.0)),
        ("uniform(low=0, high=1)", FloatPrior(0.0, 1.0)),
        ("uniform(0, 1, precision=3)", FloatPrior(0.0, 1.0, precision=3)),
        ("loguniform(1e-5, 1)", FloatPrior(1e-5, 1.0, log=True)),
        ("uniform(1, 10, discrete=True)", IntPrior(1, 10)),
        ("uniform(1, 10, discrete=False)", FloatPrior(1.0, 10.0)),
        ("uniform(1.0, 10.0, discrete=True)", IntPrior(1, 10)),
        ("loguniform(1, 1000, discrete=True)", IntPrior(1, 1000, log=True)),
        ("randint(1, 10)", IntPrior(1, 9)),
        ("choices([3, 'two', None, True, 2.5])", ChoicesPrior((3, "two", None, True, 2.5))),
        ("choices('relu', 'tanh')", ChoicesPrior(("relu", "tanh"))),
        ("choices(('é', 'ü'))", ChoicesPrior(("é", "ü"))),
        ("choices([7])", ChoicesPrior((7,))),
        ("normal(0, 1)", NormalPrior(0, 1)),
        ("gaussian(loc=-1, scale=0.5, precision=3)", NormalPrior(-1, 0.5, precision=3)),
        ("normal(10, 2, discrete=True)", NormalPrior(10, 2, discrete=True)),
        ("fidelity(1, 16)", FidelityPrior(1, 16)),
        ("fidelity(1, 81, 3)", FidelityPrior(1, 81, 3)),
        ("fidelity(1, 81, base=3)", FidelityPrior(1, 81, 3)),
    ],
)
def test_priors(text: str, prior: object) -> None:
    assert parse(text) == Parameter(prior)  # type: ignore[arg-type]  # any prior


@pytest.mark.parametrize(
    ("text", "default"),
    [
        ("uniform(0, 1, default_value=0.5)", 0.5),
        ("uniform(0, 2, default_value=1)", 1.0),
        ("randint(1, 10, default_value=9.0)", 9),
        ("choices([None, 'a'], default_value=None)", None),
        ("normal(0, 1, default_value=1)", 1.0),
        ("normal(0, 2, discrete=True, default_value=1.0)", 1),
        ("uniform(0, 1)", MISSING),
    ],
)
def test_default_values(text: str, default: object) -> None:
    found = parse(text).default
    assert (found, type(found)) == (default, type(default))


@pytest.mark.parametrize(
    ("text", "pointed_at", "reason"),
    [
        ("unifrom(0, 1)", "unifrom", "did you mean uniform"),
        ("beta(1, 2)", "beta", "the priors are uniform, loguniform, randint, normal"),
        ("normal(0, 0)", "0)", "above 0"),
        ("normal(0)", ")", "scale is missing"),
        ("normal('a', 1)", "'a'", "finite number"),
        ("normal(0, 0.1, discrete=True)", "0.1", "too few whole numbers"),
        ("normal(1e17, 1)", "1)", "cannot be held"),
        ("normal(0, 1, default_value=6)", "default_value", "not in the range"),
        ("fidelity(0, 16)", "0", "starts at 1"),
        ("fidelity(1, 16, 1)", "1)", "base is a whole number"),
        ("fidelity(1, 1.5)", "1.5", "whole number"),
        ("uniform(0, 1", "(0", "never closed"),
        ("uniform 0, 1", "0", "not a prior"),
        ("0.5", "0.5", "not a prior"),
        ("a.uniform(0, 1)", "a.", "not a prior"),
        ("uniform(0, 1) + 1", "uniform", "not a prior"),
        ("uniform(0)", ")", "high is missing"),
        ("uniform(0, 1, 2)", "2", "takes low and high"),
        ("uniform(0, 1, high=2)", "high", "given twice"),
        ("uniform(0, 1, step=2)", "step", "no option 'step'"),
        ("uniform(0, 1, shape=2)", "shape", "arrays are not supported"),
        ("uniform(0, 1, **options)", "**", "**arguments"),
        ("uniform(1, 0)", "0", "not above"),
        ("uniform(1, 1)", "1)", "not above"),
        ("uniform(-1e308, 1e308)", "1e308)", "too wide"),
        ("uniform(0, 1e999)", "1e999", "finite"),
        ("uniform(0, 'one')", "'one'", "finite number"),
        ("uniform(0, True)", "True", "finite number"),
        ("uniform(0, high)", "high", "write 'high' for text"),
        ("uniform(0, __import__('os').getpid())", "__import__", "not a value"),
        ("uniform(0, 2**3)", "2**3", "not a plain"),
        ("uniform(0, 1.5, discrete=True)", "1.5", "whole number"),
        ("uniform(0, 1, discrete=1)", "discrete", "True or False"),
        ("uniform(0, 9, discrete=True, precision=2)", "precision", "no precision"),
        ("uniform(0, 1, precision=0)", "precision", "significant digits"),
        ("randint(0, 99999999999999999999)", "99999", "database can hold"),
        ("loguniform(0, 1)", "0", "above 0"),
        ("uniform(0, 1, default_value=2)", "default_value", "not in the range"),
        ("choices()", ")", "at least one"),
        ("choices([])", ")", "at least one"),
        ("choices({'a': 0.2, 'b': 0.8})", "{", "equal probability"),
        ("choices([relu, tanh])", "relu", "'relu' for text"),
        ("choices('é', [1])", "[1]", "a choice is"),
        ("choices([1, 2, 1.0])", "1.0", "same as an earlier"),
        ("uniform(0,\n1)", "\n", "does not belong"),
    ],
)
def test_errors_point_at_the_character(text: str, pointed_at: str, reason: str) -> None:
    with pytest.raises(SpaceError) as caught:
        parse(text)
    error = caught.value
    assert reason in error.reason
    assert text[error.position :].startswith(pointed_at)
    first, shown, caret = str(error).split("\n")
    assert first == error.reason
    assert shown == "  " + text.replace("\n", " ")
    assert caret.index("^") == error.position + 2


def test_an_empty_prior_is_named_so() -> None:
    with pytest.raises(SpaceError, match="empty"):
        parse("  ")


@pytest.mark.parametrize("text", ["choices(" + "[" * 5000, "choices(" + "[" * 150 + "]" * 150 + ")", "\ud800(1)"])
def test_hostile_text_is_an_ordinary_error(text: str) -> None:
    with pytest.raises(SpaceError):
        parse(text)


@given(st.text())
def test_any_text_is_a_prior_or_a_space_error(text: str) -> None:
    check_outcome(text)


@given(
    st.sampled_from(["uniform", "loguniform", "randint", "choices", "normal", "fidelity"]),
    st.text(alphabet="0123456789.,=-+e'\"[](){} _truediscalhgTF*", max_size=40),
)
def test_any_arguments_are_a_prior_or_a_space_error(name: str, arguments: str) -> None:
    check_outcome(f"{name}({arguments})")


def check_outcome(text: str) -> None:
    try:
        parameter = parse(text)
    except SpaceError as error:
        refusal = error
    else:
        assert parameter.default is MISSING or parameter.prior.contains(parameter.default)
        return
    assert 0 <= refusal.position <= len(refusal.text)
    assert str(refusal)


@given(finite, finite)
def test_bounds_are_kept_exactly(low: float, high: float) -> None:
    if low < high and math.isfinite(high - low):
        assert parse(f"uniform({low!r}, {high!r})").prior == FloatPrior(low, high)


@given(st.integers(-(2**53), 2**53 - 1), st.integers(1, 1000))
def test_whole_bounds_are_kept_exactly(low: int, width: int) -> None:
    high = min(low + width, 2**53)
    assert parse(f"uniform({low}, {high}, discrete=True)").prior == IntPrior(low, high)


choice = st.none() | st.booleans() | st.integers(-(10**6), 10**6) | finite | st.text()


@given(st.lists(choice, min_size=1, max_size=5))
def test_choices_are_kept_exactly(values: list[object]) -> None:
    unique = [value for place, value in enumerate(values) if value not in values[:place]]
    text = f"choices({unique!r})"
    if not text.isprintable():
        return
    prior = parse(text).prior
    assert isinstance(prior, ChoicesPrior)
    assert list(prior.choices) == unique
