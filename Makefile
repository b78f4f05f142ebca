# Everything a newcomer needs; `make help` lists it.
.DEFAULT_GOAL := help
SHELL := /bin/bash
PYTHON ?= python3
BIN := .venv/bin
STAMP := .venv/.locked
WORKERS ?= auto

.PHONY: help demo test test-all lint serve bench lock library docs clean

help:  ## Show this list
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "  make %-10s %s\n", $$1, $$2}'

$(STAMP): requirements.lock
	@echo "Setting up .venv from requirements.lock (about a minute the first time) …"
	@$(PYTHON) -c 'import sys; sys.exit("ssd needs Python 3.11 or later") if sys.version_info < (3, 11) else None'
	@$(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	@touch $@

demo: $(STAMP)  ## Walk the whole journey on a real dataset and check the published coefficients
	@$(BIN)/python -m ssd demo

test: $(STAMP)  ## Run the test suite (under 10 minutes on 2 cores)
	@$(BIN)/python -m pytest -n $(WORKERS) -m "not slow"

test-all: $(STAMP)  ## Run every test, the slow ones too, with new random examples
	@HYPOTHESIS_PROFILE=explore $(BIN)/python -m pytest -n $(WORKERS)

lint: $(STAMP)  ## Style, types, import directions, generated files
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(BIN)/python -m ssd library check --static

serve: $(STAMP)  ## Start the service on 127.0.0.1:8000 (SS_HOST, SS_PORT)
	@$(BIN)/python -m ssd serve

bench: $(STAMP)  ## Measure, both sides of every ratio
	@$(BIN)/python -m bench

lock:  ## Pin every dependency with its hashes (needs uv)
	@uv pip compile --universal --generate-hashes --python-version 3.11 --extra dev --no-header \
	    --no-emit-index-url --quiet pyproject.toml -o requirements.lock

library: $(STAMP)  ## Rebuild the generated files of the template library
	@$(BIN)/python -m ssd library build

docs: $(STAMP)  ## Make the documents anew that are made from the code
	@$(BIN)/python -c 'from pathlib import Path; from ssd.cli.reference import write_references; write_references(Path("."))'

clean:  ## Remove the environment and caches
	@rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
