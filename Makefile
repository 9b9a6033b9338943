# SPDX-License-Identifier: EUPL-1.2
# Every verb of the project; plain `make` prints them. A fresh machine needs Python 3.11 or newer, make and git.

VENV     := .venv
BIN      := $(VENV)/bin
LOCALS   := libs/contracts libs/kit sdk $(sort $(wildcard services/*)) examples/offices deploy/local
PACKAGES := $(foreach dir,$(LOCALS),$(patsubst %/__init__.py,%,$(wildcard $(dir)/*/__init__.py)))
TESTS    := $(foreach dir,. $(LOCALS),$(if $(wildcard $(dir)/tests/*/*.py),$(dir)/tests))
UNIT     := $(foreach dir,$(TESTS),$(wildcard $(dir)/unit $(dir)/house $(dir)/conformance))
STORE    := $(foreach dir,$(TESTS),$(wildcard $(dir)/store))

PYTEST   := $(BIN)/pytest
STACK    := $(BIN)/python -m local_stack

.DEFAULT_GOAL := help
.PHONY: help setup fmt lint types imports unit store integration check test chaos chaos-short bench demo demo-check \
        up down status logs doctor lock lock-kafka

help:
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

# ------------------------------------------------------------------------------------------- environment
# The stamp's name carries a hash of all that decides what is installed: same hash, nothing to do.
STAMP  := $(VENV)/.installed-$(shell cat Makefile requirements.lock $(addsuffix /pyproject.toml,$(LOCALS)) \
            | git hash-object --stdin)
# The first Python that is new enough and can make environments (Debian ships that part separately).
FITS   := import ensurepip, sys, venv; sys.exit(not (3, 11) <= sys.version_info < (3, 15))
NO_FIT := make setup: needs Python 3.11 to 3.14 with its venv module (on Debian: apt-get install python3-venv)

setup: $(STAMP) ## make .venv and install exactly what is locked (a minute the first time)

$(STAMP):
	@echo "setup 1/4: a Python environment in $(VENV)"
	@test -f $(VENV)/pyvenv.cfg && $(BIN)/python -m pip --version >/dev/null 2>&1 || { \
	    for python in python3.11 python3.12 python3.13 python3.14 python3; do \
	        $$python -c '$(FITS)' 2>/dev/null && exec $$python -m venv $(VENV); \
	    done; echo "$(NO_FIT)" >&2; exit 1; }
	@echo "setup 2/4: uv, the installer, as locked"
	@test -x $(BIN)/uv || { sed -n '/^uv==/,/[^\\]$$/p' requirements.lock > $(VENV)/uv.txt; \
	    $(BIN)/python -m pip --require-virtualenv install --quiet --require-hashes -r $(VENV)/uv.txt; }
	@echo "setup 3/4: libraries, each checked against its hash"
	@$(BIN)/uv pip install --python $(BIN)/python --require-hashes -r requirements.lock
	@echo "setup 4/4: our own packages, straight from this checkout"
	@$(BIN)/uv pip install --python $(BIN)/python --no-deps --no-build-isolation $(addprefix -e ,$(LOCALS))
	@rm -f $(VENV)/.installed-* && touch $@

lock: setup ## write requirements.lock from requirements.in, nothing younger than a week
	$(BIN)/uv pip compile requirements.in --output-file requirements.lock --upgrade --python-version 3.11 \
	    --universal --generate-hashes --no-emit-index-url --custom-compile-command "make lock" \
	    --exclude-newer "1 week"

lock-kafka: setup ## write the list of Kafka jars and their hashes again (needs Maven)
	$(STACK) lock-kafka

# ------------------------------------------------------------------------------------------------ checks
fmt: setup ## format the code and mend what can be mended
	$(BIN)/ruff check --fix-only --quiet .
	$(BIN)/ruff format .

lint: setup ## format and lint rules
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .

types: setup ## mypy, strict: all packages, then one tests folder at a time (file names repeat between them)
	$(BIN)/mypy conftest.py $(wildcard bench) $(PACKAGES)
	@failed=0; for tests in $(TESTS); do echo "mypy $$tests"; $(BIN)/mypy $$tests || failed=1; done; exit $$failed

imports: setup ## who may import whom
	$(BIN)/lint-imports

unit: setup ## rules and use cases, without any I/O, the house rules, and the checker of the chaos runs
	$(PYTEST) $(UNIT) tests/chaos/test_checker.py

store: setup ## SQL and delivery on a real PostgreSQL
	$(PYTEST) $(STORE)

integration: setup ## the whole stack, two of each service
	$(PYTEST) tests/integration

chaos: setup ## kill processes while it works, ten times each; nothing may be lost or doubled (half an hour)
	$(PYTEST) -s tests/chaos

chaos-short: setup ## the same, each fault once (a few minutes)
	$(PYTEST) tests/chaos/test_short.py tests/chaos/test_restaurant.py

check: lint types imports unit ## all that needs no database: lint, types, imports, unit

test: check store integration chaos-short ## all but the long chaos run and bench, about 28 minutes

bench: setup ## measure the stack under load
	$(BIN)/python -m bench

# ------------------------------------------------------------------------------------------------- stack
up: setup ## start PostgreSQL, Kafka and every service
	$(STACK) up

down: setup ## stop the stack
	$(STACK) down

status: setup ## what runs, and is it ready
	$(STACK) status

logs: setup ## what a process says (P=gateway)
	$(STACK) logs $(P)

doctor: setup ## is this machine fit, and what is missing
	$(STACK) doctor

demo: setup ## a life event from application to licence, to watch (EVENT=... picks one)
	$(STACK) demo $(EVENT)

demo-check: setup ## recompute what the last demo claimed; exits 1 on a difference
	$(STACK) demo-check $(EVENT)
