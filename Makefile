.PHONY: serve test check bench bench-speed chaos samples schema fuzz sbom soak reference clean help

VENV := .venv
PYTHON ?= python3
BIN := $(VENV)/bin

help: ## Show this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

serve: $(VENV)/.runtime ## Set everything up and serve on http://127.0.0.1:8000
	$(BIN)/pagemill serve

test: $(VENV)/.dev ## Set everything up and run every test
	scripts/system-parts
	$(BIN)/pytest --numprocesses auto --maxprocesses 4 --dist loadfile

check: $(VENV)/.dev ## Format, lint, types and import contracts
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench-speed: $(VENV)/.dev ## Print how fast the service is, against its targets
	$(BIN)/python -m benchmarks.speed
	$(BIN)/python -m benchmarks.speed_scaling
	$(BIN)/python -m benchmarks.speed_profile

bench: $(VENV)/.dev ## Print the benchmark tables
	$(BIN)/python -m benchmarks.throughput
	$(BIN)/python -m benchmarks.memory

chaos: $(VENV)/.dev ## Kill, stop and starve a real server and check its promises; ARGS="--kills 1000 --pages 10000" for long
	scripts/system-parts
	$(BIN)/python -m proofs.chaos $(ARGS)

samples: $(VENV)/.dev ## Send folders of odd documents through one server: ARGS="FOLDER... --honest FOLDER"
	$(BIN)/python -m proofs.samples $(ARGS)

schema: $(VENV)/.dev ## Send every kind of request that /openapi.json allows or forbids: ARGS="--examples 1000 --seed 7"
	$(BIN)/python -m proofs.api_schema $(ARGS)

fuzz: $(VENV)/.dev ## Send damaged and made-up documents to one server: ARGS="--minutes 120 --seed 7"
	$(BIN)/python -m proofs.fuzz $(ARGS)

sbom: $(VENV)/.dev ## Write the lists of all packages that Pagemill consists of (CycloneDX) into sbom/
	$(BIN)/python scripts/make_sbom.py sbom

soak: $(VENV)/.dev ## Load one server for two hours and see whether anything grows: ARGS="--hours 0.5 --load 0.7"
	scripts/system-parts
	$(BIN)/python -m benchmarks.soak $(ARGS)

reference: $(VENV)/.dev ## Write the pages of docs/reference/ that come from the code
	for script in scripts/write_*.py; do $(BIN)/python $$script || exit; done

$(VENV)/bin/python:
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Pagemill needs Python 3.11 or newer; say which: make PYTHON=python3.12 serve")'
	$(PYTHON) -m venv $(VENV)

$(VENV)/.runtime: requirements.txt pyproject.toml | $(VENV)/bin/python
	@echo 'Installing into $(VENV): this takes a minute or two, and is done once.'
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps -r requirements.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --editable .
	touch $@

$(VENV)/.dev: requirements-dev.txt $(VENV)/.runtime
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps -r requirements-dev.txt
	touch $@

clean: ## Remove the virtual environment and caches
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .import_linter_cache
