# `make demo` and `make test` need nothing but make and a Python 3.11 to 3.13: they create .venv and
# install what is pinned when that is missing or out of date.
#
#   make test PYTHON=python3.12     use this Python (only when .venv is created)

PYTHON ?=
VENV := .venv
PY := $(VENV)/bin/python
CANDIDATES := $(if $(PYTHON),$(PYTHON),python3.13 python3.12 python3.11 python3)
# Run, not only looked up: a shim of a version manager may exist and fail.
FITS := import sys, venv, ensurepip; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))
# Test workers: one a core, but a container may have fewer cores than it shows, and each takes 1 GB.
# `worksteal` keeps neighbours, which share fixtures, together. Idle threads of one must not spin
# on the cores of the others.
PYTEST := OMP_WAIT_POLICY=PASSIVE $(PY) -m pytest -n logical --maxprocesses 4 --dist worksteal

.PHONY: help demo test lint

help:
	@echo "make demo   pre-train and fine-tune on the built-in graph"
	@echo "make test   lint, types and tests"
	@echo "make lint   lint and types only"

demo: $(VENV)/.installed
	$(PY) -m GPT_GNN demo

test: lint
	$(PYTEST)

lint: $(VENV)/.installed-dev
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	$(PY) -m mypy

$(VENV)/.created:
	@if $(PY) -c '' >/dev/null 2>&1 && ! $(PY) -c '$(FITS)' >/dev/null 2>&1; then \
		echo "error: expected Python 3.11, 3.12 or 3.13 in $(VENV), found" \
			"$$($(PY) --version 2>&1); remove $(VENV) and try again" >&2; exit 1; \
	fi; \
	if $(PY) -m pip --version >/dev/null 2>&1; then touch $@; exit 0; fi; \
	for python in $(CANDIDATES); do \
		if "$$python" -c '$(FITS)' >/dev/null 2>&1; then \
			echo "$$python -m venv --clear $(VENV)"; \
			"$$python" -m venv --clear $(VENV) && touch $@; exit $$?; \
		fi; \
	done; \
	echo "error: expected Python 3.11, 3.12 or 3.13 with the venv module; tried: $(CANDIDATES)." >&2; \
	echo "Name one with: make PYTHON=/path/to/python" >&2; exit 1

$(VENV)/.installed: $(VENV)/.created requirements.txt pyproject.toml
	$(PY) -m pip install -r requirements.txt
	@touch $@

$(VENV)/.installed-dev: $(VENV)/.created requirements.txt pyproject.toml
	$(PY) -m pip install -r requirements.txt -e ".[dev]"
	@touch $(VENV)/.installed $@
