# Two commands do everything: `make bench` measures this machine, `make test` checks the project.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
OUT    ?= results/bench-$(shell date -u +%Y%m%dT%H%M%SZ)
PIP    := $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint requirements.lock

.PHONY: bench test lint types tests check-all docs coverage format lock clean help

help:
	@echo "make bench   set up, run every workload at size tiny, write and name the report"
	@echo "make test    set up, then lint, types and tests;  make coverage  tests with coverage, one by one"
	@echo "make check-all  what takes longer than the tests and must hold too: mutated inputs are read or refused"
	@echo "make docs    the documentation as a site, in build/docs"
	@echo "make format  format the code;  make lock  pin the versions installed;  make clean  remove what was made"

bench: $(VENV)/.bench
	$(BIN)/levinthal run all --size tiny --out $(OUT)

test: lint types tests

lint: $(VENV)/.test
	$(BIN)/ruff check src tests benchmarks docs/conf.py docs/extensions examples
	$(BIN)/ruff format --check src tests benchmarks docs/conf.py docs/extensions examples

docs: $(VENV)/.test
	$(BIN)/python -m sphinx -W --keep-going -q docs build/docs
	@echo "build/docs/index.html"

types: $(VENV)/.test
	$(BIN)/mypy

tests: $(VENV)/.test
	$(BIN)/python -m pytest -n auto --maxprocesses 8 -m "not alone and not slow"
	$(BIN)/python -m pytest -m "alone and not slow"

# Kernels on every instruction set and with checked bounds are compiled again for each. Each script ends with status 1 where an input was neither read nor refused.
check-all: $(VENV)/.test
	$(BIN)/python -m pytest -n auto --maxprocesses 8 -m "slow and not alone"
	$(BIN)/python -m pytest -m "slow and alone"
	$(BIN)/python benchmarks/fuzz_records.py --count 4000
	$(BIN)/python benchmarks/fuzz_contact_maps.py --count 1000
	$(BIN)/python benchmarks/fuzz_docking.py --count 1000
	$(BIN)/python benchmarks/fuzz_inputs.py --count 1000
	$(BIN)/python benchmarks/fuzz_structures.py --count 1000

coverage: $(VENV)/.test
	rm -f .coverage .coverage.*
	$(BIN)/python -m pytest --cov --cov-report=term:skip-covered

format: $(VENV)/.test
	$(BIN)/ruff check --fix src tests benchmarks docs/conf.py docs/extensions examples
	$(BIN)/ruff format src tests benchmarks docs/conf.py docs/extensions examples

lock: $(VENV)/.test
	$(BIN)/python -m pip freeze --exclude-editable --exclude pip --exclude setuptools \
	  | sed 's/+cpu$$//; s/ @ .*//' | LC_ALL=C sort -f > requirements.lock

clean:
	rm -rf $(VENV) build dist .coverage .coverage.* .mypy_cache .ruff_cache .pytest_cache .hypothesis

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' \
	  || { echo "Levinthal needs Python 3.11 to 3.13, $(PYTHON) is another: make PYTHON=python3.12 $(MAKECMDGOALS)" >&2; exit 2; }
	@$(PYTHON) -m venv $(VENV) \
	  || { echo "$(PYTHON) cannot make a virtual environment: on Debian, apt-get install python3-venv" >&2; exit 2; }

$(VENV)/.bench: pyproject.toml requirements.lock | $(BIN)/python
	$(PIP) --editable '.[all]'
	@touch $@

$(VENV)/.test: pyproject.toml requirements.lock | $(BIN)/python
	$(PIP) --editable '.[all,dev]'
	@touch $@ $(VENV)/.bench
