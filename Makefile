.DEFAULT_GOAL := help
PYTHON ?= python3
BIN := .venv/bin
STAMP := .venv/.installed
export DAGSTER_HOME := $(CURDIR)
export VIRTUAL_ENV := $(CURDIR)/.venv
export MLFLOW_DISABLE_TELEMETRY := true
export GX_ANALYTICS_ENABLED := false

.PHONY: help demo ui test lint bench

help:  ## what there is
	@awk -F ':.*## ' '/^[a-z]+:.*## /{printf "  make %-6s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: $(STAMP)  ## a year of real flights: train, serve, monitor, alert, retrain
	$(BIN)/monitoring-dagster demo

ui: $(STAMP)  ## Dagster's web server and daemon, and the MLflow UI, on this project
	$(BIN)/monitoring-dagster ui

test: $(STAMP)  ## every test, those against a real PostgreSQL included
	$(BIN)/pytest -n 2 --dist worksteal

lint: $(STAMP)  ## ruff, mypy, dg check yaml, dg check defs
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/dg check yaml
	$(BIN)/dg check defs

bench: $(STAMP)  ## the measured claims
	$(BIN)/python benchmarks/event_log.py
	$(BIN)/python benchmarks/year_backfill.py
	$(BIN)/python benchmarks/reevaluate.py
	$(BIN)/python benchmarks/drift_rates.py
	$(BIN)/python benchmarks/promotions.py
	$(BIN)/python benchmarks/left_alone.py
	$(BIN)/python benchmarks/speed.py
	$(BIN)/python benchmarks/peers.py
	$(BIN)/python benchmarks/labels.py
	$(BIN)/python benchmarks/history.py
	$(BIN)/python benchmarks/contract.py
	$(BIN)/python benchmarks/daily_steps.py
	$(BIN)/python benchmarks/planted_causes.py
	$(BIN)/python benchmarks/estimates.py
	$(BIN)/python benchmarks/delivery.py
	$(BIN)/python benchmarks/planted_year.py --limits
	$(BIN)/python benchmarks/label_noise.py
	$(BIN)/python benchmarks/quiet_year.py
	$(BIN)/python benchmarks/real_year.py

$(STAMP): pyproject.toml
	@if command -v uv >/dev/null; then \
	  test -d .venv || uv venv --python $(PYTHON) .venv; \
	  uv pip install --python $(BIN)/python --editable '.[ui,spark,demo,apprise,dev]'; \
	else \
	  test -d .venv || $(PYTHON) -m venv .venv; \
	  $(BIN)/python -m pip install --disable-pip-version-check --quiet --editable '.[ui,spark,demo,apprise,dev]'; \
	fi
	@touch $@
