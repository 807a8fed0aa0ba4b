# Thin: each recipe is a command that a person could type.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/ready
APP := .venv-app
PURELIB := import sysconfig; print(sysconfig.get_path("purelib"))
export PATH := $(CURDIR)/$(BIN):$(PATH)
# No service is told that this runs.
export DVC_NO_ANALYTICS := 1
export MLFLOW_DISABLE_TELEMETRY := true
# Waiting threads soon stop spinning: on a shared machine that is several times faster.
export GOMP_SPINCOUNT := 10000

.PHONY: app help setup repro experiments test test-app test-slow test-slurm cluster-tools bench lint schema docs format ffmpeg
.DEFAULT_GOAL := help

help: ## list what can be made
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1\t/' | expand -t 15

setup: $(READY) ffmpeg ## create .venv and install everything that is pinned in requirements.lock

$(READY): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "setup: found $$($(PYTHON) --version), expected Python 3.11 or later; name one: make PYTHON=python3.12 $(MAKECMDGOALS)" >&2; exit 1; }
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "setup: $$(grep -c == requirements.lock) pinned packages, which takes minutes and, with CUDA in torch, some GB"
	$(BIN)/python -m pip install --disable-pip-version-check --requirement requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --editable .
	@touch $@

ffmpeg:
	@sh workflow/scripts/ensure_ffmpeg.sh

repro: setup ## run the whole chain; on the default preset: generate, train, evaluate, report, compare
	python -m avrsp.stages.recover
	dvc repro
	python -m avrsp.stages.reference compare

experiments: setup ## what differs between experiments, and their scores, the best first
	dvc exp show --only-changed --drop '.*/|Snake|.*auc|.*sim|Created|Executor' --sort-by av.cc --sort-order desc

test: setup ## the default tests, under 6 minutes on 2 cores
	pytest -n 2 -m "not slow"

cluster-tools: ## what tests of clusters and LaTeX need beside Python, by apt as root; else they skip
	@sh workflow/scripts/cluster_tools.sh

# Two tests run at once, each with processes of its own: one thread a process, not two that wait.
test-slow: setup ## the longer tests: kills, whole chains, mutations, clusters
	OMP_NUM_THREADS=1 pytest -n 2 --dist loadfile -m slow

test-slurm: setup ## the workflow on a real Slurm of two nodes on this machine; test-slow runs it too
	OMP_NUM_THREADS=1 pytest -m slow tests/cluster/test_slurm.py

# gradio wants older versions than are pinned, so its environment lies above the other one.
$(APP)/ready: requirements-app.lock $(READY)
	test -x $(APP)/bin/python || $(BIN)/python -m venv $(APP)
	$(BIN)/python -c '$(PURELIB)' > "$$($(APP)/bin/python -c '$(PURELIB)')/core.pth"
	$(APP)/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --requirement requirements-app.lock
	$(APP)/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --editable .
	@touch $@

app: setup $(APP)/ready ## serve a page on which to drop a video, at http://127.0.0.1:7860
	$(APP)/bin/avrsp app

test-app: setup $(APP)/ready ## the app's and the report's page in headless Chromium
	$(APP)/bin/python -m pytest -m slow tests/app tests/report/test_browser.py

bench: setup ## speed and memory, as ratios against stated baselines in one run
	@missed=; for script in tests/benchmarks/bench_*.py; do \
	    echo "== $$script"; PYTHONPATH=. python $$script || missed="$$missed $$script"; \
	done; test -z "$$missed" || { echo "a bar was missed in:$$missed" >&2; exit 1; }

lint: setup ## formatter, linters, types, floors, workflow
	ruff format --check
	ruff check
	mypy
	lint-imports
	git ls-files -z | xargs -0 codespell # what a run has written may hold anything
	snakefmt --check Snakefile workflow
	snakemake --lint

schema: setup ## write params.schema.json from the typed parameters
	python -c "from avrsp import files, params; from pathlib import Path; files.write_json(Path('params.schema.json'), params.schema())"

docs: setup ## write the generated pages of docs/reference, then the site into site/
	python docs/generate.py
	NO_MKDOCS_2_WARNING=1 mkdocs build --strict

format: setup ## rewrite sources in the house style
	ruff format
	ruff check --fix
	snakefmt Snakefile workflow
