# make demo   install, then run the whole horse2zebra pipeline (about 7 minutes on two cores)
# make test   install the dev extra, then check formatting, types, layers and run the tests
#
# Both reuse .venv. PYTHON=python3.12 picks an interpreter; JOBS=4 the number of test processes.

VENV := .venv
BIN := $(VENV)/bin
JOBS ?= 2
PIPELINE ?= pipelines/horse2zebra.yaml

# The first interpreter in the supported range that can make a virtual environment.
PYTHON ?= $(shell for python in python3.11 python3.12 python3.13 python3; do \
	$$python -c 'import sys, venv, ensurepip; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' \
	>/dev/null 2>&1 && echo $$python && break; done)

.PHONY: demo test test-all format lint types layers pytest schema clean help

help:
	@sed -n 's/^# //p' Makefile

demo: $(VENV)/.installed
	$(BIN)/gantk pipeline run $(PIPELINE) --resume

test: lint types layers pytest

lint: $(VENV)/.installed-dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .

types: $(VENV)/.installed-dev
	$(BIN)/mypy

layers: $(VENV)/.installed-dev
	$(BIN)/lint-imports

pytest: $(VENV)/.installed-dev
	$(BIN)/pytest -n $(JOBS) --dist worksteal -m "not slow"

test-all: lint types layers $(VENV)/.installed-dev
	$(BIN)/pytest -n $(JOBS) --dist worksteal

format: $(VENV)/.installed-dev
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

schema: $(VENV)/.installed-dev
	GANTK_LOAD_PLUGINS= $(BIN)/gantk schema -o docs/schema.json

$(VENV)/bin/python:
	@test -n "$(PYTHON)" || { \
		echo "error: no Python 3.11, 3.12 or 3.13 with the venv module was found." >&2; \
		echo "Install one (Debian: apt install python3 python3-venv; macOS: brew install python@3.12), or say make PYTHON=/path/to/python." >&2; \
		exit 1; }
	$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: pyproject.toml constraints.txt | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable .
	@touch $@

# The dev extra holds everything the demo needs.
$(VENV)/.installed-dev: pyproject.toml constraints.txt | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable ".[dev]"
	@touch $@ $(VENV)/.installed

clean:
	rm -rf $(VENV) build dist
