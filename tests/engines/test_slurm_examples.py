"""The examples of the page about Slurm run."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.project.test_examples import check_example, examples

EXAMPLES = list(examples("slurm"))


@pytest.mark.engines
@pytest.mark.timeout(300)
@pytest.mark.usefixtures("slurm_cluster")
@pytest.mark.parametrize(("source", "printed"), [it[1:] for it in EXAMPLES], ids=[it[0] for it in EXAMPLES])
def test_an_example_runs(source: str, printed: str | None, tmp_path: Path) -> None:
    check_example(source, printed, tmp_path)
