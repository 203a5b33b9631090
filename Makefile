# partialpool: make serve | test | test-slow | test-faults | fuzz | check | lint | types | openapi | bench… | studies… | lecture | screens | audit | sbom | lock | clean; the targets are told below
PYTHON ?= python3
VENV := .venv
BENCH_VENV := .venv-bench
TOOLS_VENV := .venv-tools
DOCS_VENV := .venv-docs
CONTRACT := tools/contract
NATIVE := engine/native/rows.so
PY := $(VENV)/bin/python
PIP := $(PY) -m pip --disable-pip-version-check
HOST ?= 127.0.0.1
PORT ?= 8000
DATA_DIR ?= var
SOURCE ?= var/survey

.PHONY: bench-start bench-drawing lecture screens setup setup-dev serve radon-data test lint types openapi openapi-check container-check bench bench-large bench-figures bench-scan bench-keys bench-load studies audit sbom lock clean check test-slow studies-radon bench-growing bench-cluster bench-crossed bench-growth test-faults fuzz kubernetes-check docs clients breaking released spectral release-check first-fit

setup: $(VENV)/.runtime $(NATIVE)
setup-dev: $(VENV)/.dev $(NATIVE)

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.runtime: requirements/runtime.txt | $(VENV)/bin/python
	$(PIP) install --quiet --require-hashes --no-deps -r $<
	@touch $@

$(VENV)/.dev: requirements/dev.txt $(VENV)/.runtime
	$(PIP) install --quiet --require-hashes --no-deps -r $<
	@touch $@

# Without a C compiler numpy makes the sums over rows, in more time.
$(NATIVE): engine/native/rows.c engine/native/compile.sh
	@sh engine/native/compile.sh || echo "sums over rows are not compiled: a C compiler (cc) is missing or failed, numpy makes them"

serve: setup
	$(PY) -m service serve --host $(HOST) --port $(PORT) --data-dir $(DATA_DIR)

# Two tests at once on two processors: BLAS's own threads would only wait for one another.
test test-slow test-faults fuzz: export OPENBLAS_NUM_THREADS = 1
# Each of the many services and workers that they start would compile every module anew.
test test-slow test-faults fuzz: export PYTHONDONTWRITEBYTECODE =
test: setup-dev
	$(PY) -m pytest -m "not slow" --numprocesses auto --dist worksteal

# What takes long: servers stopped under the service, and proofs like that.
test-slow: setup-dev
	$(PY) -m pytest -m slow

# Processes killed, servers stopped, disks filled, memory watched, all under traffic; as root, for a disk is mounted.
test-faults: setup-dev
	$(PY) -m pytest tests/faults

# Many requests made from the OpenAPI document, odd formulas and damaged files; prints how many and what was found.
fuzz: setup-dev
	$(PY) -m tests.fuzz

lint: setup-dev
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(CC) -std=c11 -Wall -Wextra -Werror -fsyntax-only engine/native/rows.c

types: setup-dev
	$(VENV)/bin/mypy

openapi: setup-dev
	$(PY) -m service openapi > openapi/openapi.json

openapi-check: setup-dev
	$(PY) -m service openapi | diff -u openapi/openapi.json - || { echo "openapi/openapi.json is stale: run 'make openapi'"; exit 1; }

# Whether the OpenAPI document breaks what the last release promised (docs/stability.md), and how to keep it as released.
breaking: setup-dev
	$(PY) -m tools.breaking

released: setup-dev
	$(PY) -m tools.breaking --release

# The OpenAPI document by the rules of Spectral and of OWASP; needs Node 20 and npm.
spectral: $(CONTRACT)/node_modules/.done
	cd $(CONTRACT) && node_modules/.bin/spectral lint ../../openapi/openapi.json --ruleset spectral.yaml --fail-severity hint

# A Python and a TypeScript client made of the OpenAPI document, compiled, and the main job done by both.
clients: setup-dev $(TOOLS_VENV)/.done $(CONTRACT)/node_modules/.done
	$(PY) -m tools.clients

# The documentation as a site in build/site: a warning is an error, no link is dead, nothing is loaded from elsewhere.
docs: export NO_MKDOCS_2_WARNING = 1
docs: $(DOCS_VENV)/.done
	$(DOCS_VENV)/bin/mkdocs build --clean
	$(DOCS_VENV)/bin/python tools/site/check.py build/site

# Whether a release can be made: packages, an empty environment, changelog, locks, parts and licences.
release-check: setup-dev $(TOOLS_VENV)/.done
	$(PY) -m tools.release

# The survey's tables, from a folder with srrs2.dat and cty.dat (filled by download when they are not there).
radon-data: setup
	$(PY) -m tools.build_radon_data $(SOURCE)

# The figures of docs/lecture.md, drawn by the service.
lecture: setup-dev
	$(PY) -m tools.lecture

# The picture of the dashboard in the README, and how long its first view takes: benchmarks/results-dashboard.md.
screens: setup-dev
	$(PY) -m tools.first_view
	$(PY) -m tools.screens

# How long it takes from an empty folder to the first fitted model; with CONTAINER=--container in one, by an ordinary Docker.
first-fit:
	$(PYTHON) -m tools.first_fit $(CONTAINER)

# Build the image and start both profiles of the compose file, kill containers and see that nothing is lost; with an
# ordinary Docker.
container-check:
	tools/container-check

# The manifests of Kubernetes as kustomize puts them together, beside the schema; needs kubectl.
kubernetes-check: setup-dev
	$(PY) -m pytest tests/deploy -k kustomize

check: lint types openapi-check breaking test

# The locked packages beside the published advisories; ADVISORIES is pypi or osv. It fails when one is affected, and when
# the advisories cannot be read.
ADVISORIES ?= pypi
audit: $(TOOLS_VENV)/.done
	$(TOOLS_VENV)/bin/pip-audit --strict --vulnerability-service $(ADVISORIES) --disable-pip --require-hashes \
	  -r requirements/runtime.txt || { echo "audit: a package is affected, or the advisories of $(ADVISORIES) cannot be read"; exit 1; }

# What the service is made of, as CycloneDX 1.6, checked against its schema: build/sbom.json.
sbom: $(TOOLS_VENV)/.done
	mkdir -p build
	$(TOOLS_VENV)/bin/cyclonedx-py requirements --pyproject pyproject.toml --mc-type application --spec-version 1.6 \
	  --output-reproducible --validate --of JSON -o build/sbom.json requirements/runtime.txt

# Locked and hashed, without index addresses.
COMPILE = $(VENV)/bin/pip-compile --quiet --generate-hashes --no-emit-index-url --no-emit-trusted-host --no-emit-find-links \
  --strip-extras --allow-unsafe --no-header --constraint requirements/constraints.in
lock: setup-dev
	$(COMPILE) --output-file requirements/runtime.txt pyproject.toml
	$(COMPILE) --extra dev --constraint requirements/runtime.txt --output-file requirements/dev.txt pyproject.toml
	$(COMPILE) --constraint requirements/runtime.txt --output-file requirements/bench.txt requirements/bench.in
	$(COMPILE) --output-file requirements/tools.txt requirements/tools.in
	$(COMPILE) --output-file requirements/docs.txt requirements/docs.in

# Side by side with the peers, which have an environment of their own; writes benchmarks/results.md.
bench: setup $(BENCH_VENV)/.done
	$(PY) -m benchmarks --peers $(BENCH_VENV)/bin/python
	$(PY) -m benchmarks.figures

# What keys and rate limits cost, beside the same without them and a bare endpoint.
bench-keys: setup
	$(PY) -m benchmarks.guarded

# 200 clients for five minutes, predictions beside large fits, and bench-keys; writes benchmarks/results-load.md.
bench-load: setup-dev
	$(PY) -m benchmarks.crowd

# A fit from a Parquet file beside Polars reading the same columns, and the peers on the same rows; writes
# benchmarks/results-scan.md.
bench-scan: setup $(BENCH_VENV)/.done
	$(PY) -m benchmarks.scan --peers $(BENCH_VENV)/bin/python
	$(PY) -m benchmarks.figures

# Time and memory as rows, groups, predictors and crossed factors grow; 1 billion rows take some
# 15 GB of disk and an hour to write. Writes benchmarks/results-growth.md.
bench-growth: setup
	$(PY) -m benchmarks.growth
	$(PY) -m benchmarks.figures

# Ratings of 84,000 items by 200,000 users, without a dense factor; writes benchmarks/results-crossed.md.
bench-crossed: setup
	$(PY) -m benchmarks.crossed
	$(PY) -m benchmarks.figures

# Predictions while plots are drawn; writes benchmarks/results-drawing.md.
bench-drawing: setup
	$(PY) -m benchmarks.drawing

# How long a start takes, and the first answers after it; writes benchmarks/results-starting.md.
bench-start: setup
	$(PY) -m benchmarks.starting

# A dataset that grows by a hundredth, over HTTP; writes benchmarks/results-growing.md.
bench-growing: setup
	$(PY) -m benchmarks.growing

# The same fit on 1, 2 and 4 workers of a cluster on this machine; writes benchmarks/results-cluster.md.
bench-cluster: export OPENBLAS_NUM_THREADS = 1
bench-cluster: export POLARS_MAX_THREADS = 1
bench-cluster: setup
	$(PY) -m benchmarks.cluster
	$(PY) -m benchmarks.figures

# Models that some peers take many minutes for; writes benchmarks/results-large.md.
bench-large: setup $(BENCH_VENV)/.done
	$(PY) -m benchmarks --peers $(BENCH_VENV)/bin/python --large
	$(PY) -m benchmarks.figures

# The page docs/benchmarks.md and its pictures, from the pages of results that are there.
bench-figures: setup
	$(PY) -m benchmarks.figures

# Coverage of intervals, optima beside lme4 (which needs R) and random starts; the tables of docs/studies.md.
studies: export OPENBLAS_NUM_THREADS = 1
studies: setup
	$(PY) -m benchmarks.studies.coverage --n 1000 --seed 1
	$(PY) -m benchmarks.studies.optimum --seed 1
	$(PY) -m benchmarks.robustness --sets 1000 --seed 1 --keep
	$(PY) -m benchmarks.studies.radon --seed 1
	$(PY) -m benchmarks.studies.pages

# How well houses are predicted that no model has seen; the tables of docs/radon.md.
studies-radon: export OPENBLAS_NUM_THREADS = 1
studies-radon: setup
	$(PY) -m benchmarks.studies.radon --seed 1
	$(PY) -m benchmarks.studies.pages

$(BENCH_VENV)/.done: requirements/bench.txt
	$(PYTHON) -m venv $(BENCH_VENV)
	$(BENCH_VENV)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r $<
	@touch $@

$(DOCS_VENV)/.done: requirements/docs.txt
	$(PYTHON) -m venv $(DOCS_VENV)
	$(DOCS_VENV)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r $<
	@touch $@

$(TOOLS_VENV)/.done: requirements/tools.txt
	$(PYTHON) -m venv $(TOOLS_VENV)
	$(TOOLS_VENV)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r $<
	@touch $@

$(CONTRACT)/node_modules/.done: $(CONTRACT)/package-lock.json
	cd $(CONTRACT) && npm ci --ignore-scripts --no-audit --no-fund
	@touch $@

clean:
	rm -rf $(NATIVE) $(VENV) $(BENCH_VENV) $(TOOLS_VENV) $(DOCS_VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis dist build $(CONTRACT)/node_modules $(CONTRACT)/generated
