# make demo   from nothing to recommendations on the screen
# make test   lint, types, import contracts, tests
# make help   the rest

SHELL := /bin/sh
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet

.PHONY: help install demo test coverage test-faults test-k8s k8s check lint types contracts format lock clean

help:  ## Show this
	@grep -hE '^[a-z0-9-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*##/\t/' | expand -t 14

demo: $(VENV)/.runtime  ## A demo Jellyfin, a whole night, everybody's recommendations
	@$(BIN)/jfdask demo

install: $(VENV)/.runtime  ## Make the environment in .venv

test: check  ## Everything that must pass
	$(BIN)/python -m pytest -n 2 --dist loadgroup

coverage: $(VENV)/.dev  ## Which lines the tests go through (half as long again)
	$(BIN)/python -m pytest -n 2 --dist loadgroup --cov --cov-report=term

test-faults: $(VENV)/.dev  ## Whole nights in which things break: workers, server, store
	$(BIN)/python -m pytest -m faults tests/faults

test-k8s: $(VENV)/.dev .venv-checkov/.done  ## checkov's rules on k8s/ (in an environment of its own)
	CHECKOV=.venv-checkov/bin/checkov $(BIN)/python -m pytest -m checkov tests/k8s

k8s:  ## Render k8s/ for the tests (needs kubectl)
	$(BIN)/python scripts/render_k8s.py

check: lint types contracts  ## Lint, types, import contracts

lint: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/.dev
	$(BIN)/mypy

contracts: $(VENV)/.dev
	$(BIN)/lint-imports

format: $(VENV)/.dev  ## Format the code
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

lock:  ## Write the lock files anew (needs uv)
	scripts/lock.sh

clean:  ## Remove the environment and what tools left
	rm -rf $(VENV) .venv-checkov .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache build *.egg-info

# The Python is looked for, and what is missing named, before anything is installed.
$(VENV)/.build: requirements-build.lock scripts/preflight.sh
	@python=$$(scripts/preflight.sh) && { \
	  echo "Making $(VENV) with $$python (once; a few minutes) …"; \
	  rm -rf $(VENV); "$$python" -m venv $(VENV); }
	@$(PIP) install --require-hashes -r requirements-build.lock
	@touch $@

# fasttext is compiled with the tools just installed, so that they are pinned, too.
$(VENV)/.runtime: $(VENV)/.build requirements.lock pyproject.toml
	@$(PIP) install --no-build-isolation --require-hashes -r requirements.lock
	@$(PIP) install --no-build-isolation --no-deps --editable .
	@touch $@

$(VENV)/.dev: $(VENV)/.runtime requirements-dev.lock
	@$(PIP) install --no-build-isolation --require-hashes -r requirements-dev.lock
	@touch $@

.venv-checkov/.done: requirements-checkov.lock $(VENV)/.build
	@$(BIN)/python -m venv .venv-checkov
	@.venv-checkov/bin/python -m pip --disable-pip-version-check --quiet install --require-hashes -r requirements-checkov.lock
	@touch $@
