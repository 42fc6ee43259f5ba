# Everything a person does with a clone. `make` alone lists it.
SHELL := /bin/bash
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed

.DEFAULT_GOAL := help

.PHONY: help
help:  ## List the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

.PHONY: install
install: $(INSTALLED)  ## Make .venv and install unmask with its tools

# The constraints make the demo and the tests repeatable; `pip install -e .` alone takes what is current.
$(INSTALLED): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[dev]'
	@touch $@

.PHONY: demo
demo: $(INSTALLED)  ## Render people, find faces, train, test on two data sets; prints where the report is
	$(BIN)/unmask train experiment=demo

.PHONY: matrix
matrix: $(INSTALLED)  ## Train the demo's 3 models with 2 seeds, test each on both data sets, report on all
	$(BIN)/unmask train experiment=demo_matrix

.PHONY: test
test: $(INSTALLED)  ## Run the tests that take seconds
	OMP_NUM_THREADS=1 $(BIN)/pytest -m "not slow" --numprocesses auto --dist loadfile \
	  --durations 10

.PHONY: test-slow
test-slow: $(INSTALLED)  ## Run the tests that take minutes, and those of drawn examples with many more
	OMP_NUM_THREADS=1 $(BIN)/pytest -m "slow or hypothesis" --hypothesis-profile thorough \
	  --numprocesses auto --dist loadfile --durations 20

.PHONY: check
check: $(INSTALLED)  ## Format, lint, types, layers
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache

.PHONY: format
format: $(INSTALLED)  ## Format the code and fix what can be fixed
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

.PHONY: lock
lock: $(INSTALLED)  ## Renew constraints.txt from what is installed
	$(BIN)/pip freeze --exclude-editable | grep -E '^[A-Za-z0-9_.-]+==' > constraints.txt

.PHONY: release-notes
release-notes:  ## Print this version's section of CHANGELOG.md; TAG=v0.1.0 checks it for a release
	@$(PYTHON) .ci/release_notes.py $(TAG)

.PHONY: wheel
wheel: $(INSTALLED)  ## Build dist/, and install the wheel in an environment of its own
	rm -rf dist build/fresh
	$(BIN)/python -m build --no-isolation --outdir dist
	$(PYTHON) -m venv build/fresh
	build/fresh/bin/pip install --quiet --disable-pip-version-check --constraint constraints.txt \
	  dist/unmask-*.whl
	cd build && fresh/bin/unmask --version

.PHONY: clean
clean:  ## Delete caches and builds, but neither data nor outputs
	rm -rf build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find . -name __pycache__ -not -path './$(VENV)/*' -prune -exec rm -rf {} +
