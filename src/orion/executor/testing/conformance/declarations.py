"""What an engine declares about itself."""

from __future__ import annotations

from orion.executor._core.guarantees import GUARANTEES
from orion.executor.testing.conformance._base import Conformance


class DeclarationTests(Conformance):
    """Exceptions from the contract are declared in known words, each with a reason."""

    def test_limitations_are_known_guarantees(self) -> None:
        limitations = self.start().limitations
        unknown = sorted(set(limitations) - set(GUARANTEES))
        assert not unknown, f"unknown guarantees {unknown}; the known ones are {sorted(GUARANTEES)}"

    def test_each_limitation_has_a_reason(self) -> None:
        for guarantee, reason in self.start().limitations.items():
            assert isinstance(reason, str), guarantee
            assert len(reason.split()) >= 3, f"{guarantee}: {reason!r} tells a user nothing"

    def test_the_engine_says_what_it_is(self) -> None:
        documentation = type(self.start()).__doc__
        assert documentation, "the class of the engine has no docstring"
