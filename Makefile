# partialpool: make serve | test | lint | types | openapi | bench | bench-large | bench-scan | studies | radon-data | lecture | screens | container-check | lock | clean
PYTHON ?= python3
VENV := .venv
BENCH_VENV := .venv-bench
PY := $(VENV)/bin/python
PIP := $(PY) -m pip --disable-pip-version-check
HOST ?= 127.0.0.1
PORT ?= 8000
DATA_DIR ?= var
SOURCE ?= var/survey

.PHONY: lecture screens setup setup-dev serve radon-data test lint types openapi openapi-check container-check bench bench-large bench-scan studies lock clean check

setup: $(VENV)/.runtime
setup-dev: $(VENV)/.dev

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.runtime: requirements/runtime.txt | $(VENV)/bin/python
	$(PIP) install --quiet --require-hashes --no-deps -r $<
	@touch $@

$(VENV)/.dev: requirements/dev.txt $(VENV)/.runtime
	$(PIP) install --quiet --require-hashes --no-deps -r $<
	@touch $@

serve: setup
	$(PY) -m service serve --host $(HOST) --port $(PORT) --data-dir $(DATA_DIR)

test: setup-dev
	$(PY) -m pytest -m "not slow" --numprocesses auto --dist worksteal

lint: setup-dev
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .

types: setup-dev
	$(VENV)/bin/mypy

openapi: setup-dev
	$(PY) -m service openapi > openapi/openapi.json

openapi-check: setup-dev
	$(PY) -m service openapi | diff -u openapi/openapi.json - || { echo "openapi/openapi.json is stale: run 'make openapi'"; exit 1; }

# The survey's tables, from a folder with srrs2.dat and cty.dat (filled by download when they are not there).
radon-data: setup
	$(PY) -m tools.build_radon_data $(SOURCE)

# The figures of docs/lecture.md, drawn by the service.
lecture: setup-dev
	$(PY) -m tools.lecture

# The picture of the dashboard in the README, and how long its first view takes.
screens: setup-dev
	$(PY) -m tools.screens

# Build the image and start it, with an ordinary Docker.
container-check:
	tools/container-check

check: lint types openapi-check test

# Locked and hashed, without index addresses.
COMPILE = $(VENV)/bin/pip-compile --quiet --generate-hashes --no-emit-index-url --no-emit-trusted-host --no-emit-find-links \
  --strip-extras --allow-unsafe --no-header --constraint requirements/constraints.in
lock: setup-dev
	$(COMPILE) --output-file requirements/runtime.txt pyproject.toml
	$(COMPILE) --extra dev --constraint requirements/runtime.txt --output-file requirements/dev.txt pyproject.toml
	$(COMPILE) --constraint requirements/runtime.txt --output-file requirements/bench.txt requirements/bench.in

# Side by side with the peers, which have an environment of their own; writes benchmarks/results.md.
bench: setup $(BENCH_VENV)/.done
	$(PY) -m benchmarks --peers $(BENCH_VENV)/bin/python

# A fit from a Parquet file beside Polars reading the same columns.
bench-scan: setup
	$(PY) -m benchmarks.scan

# Models that some peers take many minutes for; writes benchmarks/results-large.md.
bench-large: setup $(BENCH_VENV)/.done
	$(PY) -m benchmarks --peers $(BENCH_VENV)/bin/python --large

# Coverage of intervals, optima beside lme4 (which needs R) and random starts; the tables of docs/studies.md.
studies: export OPENBLAS_NUM_THREADS = 1
studies: setup
	$(PY) -m benchmarks.studies.coverage --n 1000 --seed 1
	$(PY) -m benchmarks.studies.optimum --seed 1
	$(PY) -m benchmarks.robustness --sets 1000 --seed 1 --keep
	$(PY) -m benchmarks.studies.pages

$(BENCH_VENV)/.done: requirements/bench.txt
	$(PYTHON) -m venv $(BENCH_VENV)
	$(BENCH_VENV)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r $<
	@touch $@

clean:
	rm -rf $(VENV) $(BENCH_VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis dist build
