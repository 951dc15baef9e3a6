# Every target makes the environment first, once; nothing but Python >= 3.11, make and a package index is needed.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
OLDEST := .venv-oldest
BENCH := .venv-bench
unexport PYTHONDONTWRITEBYTECODE  # without bytecode every start compiles torch again, which takes seconds

.PHONY: help demo test verify graders soak lint results release bench bench-grading lab test-oldest lock clean
.DEFAULT_GOAL := help

help:            ## this list
	@sed -n 's/^\([a-z-]*\):.*## /  make \1|/p' $(MAKEFILE_LIST) | column -t -s '|'

$(READY): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed; name one with  make PYTHON=python3.12 ..."; exit 1; }
	$(PYTHON) -m venv --clear $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check uv
	$(BIN)/uv pip install --quiet --python $(BIN)/python --require-hashes -r requirements.lock
	$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation -e .
	@touch $@

demo: $(READY)   ## the whole experiment on real digits, in a minute
	$(BIN)/course run --recipe demo

test: $(READY)   ## the tests (6 minutes at most)
	$(BIN)/python -m pytest

verify: $(READY) graders ## the slower tests: graders, kills, real photographs, attacks, notebooks in a browser
	$(BIN)/python -m pytest -m verify
	OMP_NUM_THREADS=2 $(BIN)/python -m pytest --nbmake --nbmake-timeout=120 notebooks exercises solutions

graders: $(READY) ## every grader against right and wrong answers, stubs and mutants; a minute
	$(BIN)/python -m course_lib.questions.graders

soak: $(READY)   ## the longest tests: run before a release
	$(BIN)/python -m pytest -m soak

lint: $(READY)   ## format, lint, types, layers
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/pyright
	$(BIN)/lint-imports

results: $(READY) ## every study that ships, again, and docs/claims.md; about an hour on two cores
	$(BIN)/python -m course_lib.studies.ship

release: $(READY) ## exercises/ from solutions/, as nbgrader makes them, and that nothing leaks
	PATH="$(abspath $(BIN)):$$PATH" $(BIN)/python -m course_lib.grading.release

bench-grading: $(READY) ## grading beside plain nbgrader on this machine
	$(BIN)/python -m course_lib.grading.bench

bench:           ## speed beside other libraries on this machine, and docs/performance.md; about three minutes on two cores
	$(PYTHON) -m venv --clear $(BENCH)
	$(BENCH)/bin/python -m pip install --quiet --disable-pip-version-check uv
	$(BENCH)/bin/uv pip install --quiet --python $(BENCH)/bin/python --require-hashes -r requirements.lock
	$(BENCH)/bin/uv pip install --quiet --python $(BENCH)/bin/python -e '.[bench]'
	$(BENCH)/bin/python -m course_lib.bench.page

lab: $(READY)    ## JupyterLab at the first lesson
	$(BIN)/course lab

test-oldest:     ## the tests on the lowest versions that pyproject.toml allows
	$(PYTHON) -m venv --clear $(OLDEST)
	$(OLDEST)/bin/python -m pip install --quiet --disable-pip-version-check uv
	$(OLDEST)/bin/uv pip install --quiet --python $(OLDEST)/bin/python --resolution lowest-direct -e '.[dev]'
	$(OLDEST)/bin/python -m pytest -W default::DeprecationWarning  # old releases beside new ones they could not know

lock: $(READY)   ## pin the newest releases again
	$(BIN)/uv pip compile --universal --generate-hashes --no-emit-index-url --no-annotate --python-version 3.11 --extra dev pyproject.toml --upgrade -o requirements.lock

clean:           ## remove environments and caches, never a run
	rm -rf $(VENV) $(OLDEST) $(BENCH) .pytest_cache .ruff_cache build *.egg-info
