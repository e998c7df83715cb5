# Each target sets up what it needs, once. `make` alone lists them.

PYTHON ?= python3
PYTHONS ?= 3.10 3.12 3.13
SECONDS ?= 120
SEED ?= 1
ARGS ?=
CONTRACT := tests/executor/test_conformance.py tests/engines/test_dask.py::TestDask tests/engines/test_futures.py \
	tests/engines/test_ray_contract.py tests/engines/test_slurm_conformance.py

BIN := .venv/bin
RUN := $(BIN)/python -m

.DEFAULT_GOAL := help
.PHONY: help demo test test-engines test-pythons stress bench bench-page bench-pool bench-dask bench-ray bench-experiment lint format typecheck check guarantees docs pins clean
.PHONY: with-examples with-dev with-pools with-bench with-peers with-docs

help: ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## /\1|/p' Makefile | awk -F'|' '{ printf "make %-14s %s\n", $$1, $$2 }'

demo: with-examples ## tune a scikit-learn model that reads handwritten digits, in demo/
	@mkdir -p demo
	$(BIN)/orion-executor run -n digits examples/digits.py:objective --direction maximize \
		--space C='loguniform(1e-2, 1e4)' --space gamma='loguniform(1e-5, 1)' --space scale='choices([True, False])' \
		--max-trials 40 --storage demo/experiments.db --plot demo/digits.png

test: with-dev ## run the tests; ARGS="tests/executor -k cancel" runs some
	$(RUN) pytest -n 3 --dist loadgroup $(ARGS)

test-engines: with-pools ## run the tests that need servers or clusters on this machine, or take long
	$(RUN) tests.services.debian $(SERVICES)
	$(RUN) pytest -n 4 --dist loadgroup -m engines $(ARGS)

test-pythons: with-dev ## run the core's tests on other Pythons: PYTHONS="3.10 3.12 3.13"
	@for version in $(PYTHONS); do \
		python=$$(.ci/find-python $$version) || exit 1; \
		[ -n "$$python" ] || { echo "Python $$version is not installed: skipped"; continue; }; \
		.ci/install "$$python" ".venvs/$$version" test || exit 1; \
		echo "Python $$version:"; \
		".venvs/$$version/bin/python" -m pytest -q -n 3 tests/executor $(ARGS) || exit 1; \
	done

stress: with-dev ## random tasks on the process engine: SECONDS=120 SEED=1
	$(RUN) tests.stress --seconds $(SECONDS) --seed $(SEED) $(ARGS)

bench: with-peers ## measure our engines beside the peers, and write docs/benchmarks.md: ARGS="--rounds 5"
	.venvs/bench/bin/python -m benchmarks $(ARGS)

bench-page: with-dev ## write docs/benchmarks.md from the values in benchmarks/results.jsonl
	$(RUN) benchmarks --report

bench-dask: with-dev ## measure what the Dask engine adds to Dask
	$(RUN) benchmarks.dask_overhead $(ARGS)

bench-ray: with-dev ## measure what the Ray engine adds to Ray
	$(RUN) benchmarks.ray_overhead $(ARGS)

bench-pool: with-bench ## measure the process engine beside other pools: ARGS="--quick --output FILE.md"
	.venvs/bench/bin/python -m benchmarks.pool $(ARGS)

bench-experiment: with-dev ## measure what an experiment costs beside Optuna's own optimize: ARGS="--quick"
	$(RUN) benchmarks.experiment $(ARGS)

lint: with-dev ## ruff, its formatter as a check, and the directions of imports
	$(RUN) ruff check .
	$(RUN) ruff format --check .
	$(BIN)/lint-imports --no-logo

format: with-dev ## apply ruff's formatter and its safe fixes
	$(RUN) ruff check --fix .
	$(RUN) ruff format .

typecheck: with-dev ## mypy, strict
	$(RUN) mypy

check: lint typecheck docs test test-engines test-pythons stress ## all that CI runs

docs: with-docs ## build the documentation site in docs/_build, with warnings as errors
	$(RUN) sphinx -W --keep-going -q -b html docs docs/_build/html
	@echo "docs/_build/html/index.html"

guarantees: with-pools ## test the whole contract on every engine, and write docs/guarantees.md from what that shows
	$(RUN) tests.services.debian
	$(RUN) pytest -q -n 4 --dist loadgroup -m "" --guarantees=docs/guarantees $(CONTRACT) $(ARGS)
	$(RUN) docs.make_guarantees

pins: ## write constraints/: the newest versions that work together, for each Python found
	@for version in 3.10 3.11 3.12 3.13; do \
		python=$$(.ci/find-python $$version) || exit 1; \
		[ -n "$$python" ] || { echo "Python $$version is not installed: its pins stay"; continue; }; \
		"$$python" -m venv --clear .venvs/pins && .venvs/pins/bin/python -m pip install --quiet -e '.[dev,bench,pools]' \
			&& .venvs/pins/bin/python -m pip freeze --exclude-editable > "constraints/$$version.txt" || exit 1; \
	done; rm -rf .venvs/pins

clean: ## remove environments, caches and what the demo wrote
	rm -rf .venv .venvs build dist docs/_build demo .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

with-examples:
	@.ci/install "$(PYTHON)" .venv experiment,examples

with-dev:
	@.ci/install "$(PYTHON)" .venv dev

with-pools:
	@.ci/install "$(PYTHON)" .venv dev,pools

with-bench:
	@.ci/install "$(PYTHON)" .venvs/bench bench

with-peers: with-bench
	@for peer in orion executorlib; do \
		wanted="benchmarks/environments/$$peer.txt"; \
		cmp -s "$$wanted" ".venvs/bench-$$peer/installed" && continue; \
		echo "Installing $$peer into .venvs/bench-$$peer …"; \
		"$(PYTHON)" -m venv --clear ".venvs/bench-$$peer" && ".venvs/bench-$$peer/bin/python" -m pip install --quiet -r "$$wanted" \
			&& cp "$$wanted" ".venvs/bench-$$peer/installed" || echo "$$peer cannot be installed: its cells say so"; \
	done

with-docs: with-dev
	@.ci/install "$(PYTHON)" .venv docs
