# make demo   set up what is missing, then run the whole graph on recipes/demo.yaml
# make ui     the Dagster UI on 127.0.0.1:3000 over the demo's lake and instance
# make test   every test, lint and type check (what .ci/run calls)
# make help   all targets

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
# Without compiled modules each command spends seconds on compiling 3,000 of them.
unexport PYTHONDONTWRITEBYTECODE
export UNICORN_HOME ?= $(CURDIR)/.unicorn
PYTHON ?= python3
PORT ?= 3000
BIN := .venv/bin
UV := $(shell command -v uv || echo .uv/bin/uv)
EXTRAS ?= local,encode
INSTALL = $(UV) pip install --quiet --python $(BIN)/python --constraint constraints.txt

.PHONY: help demo ui test test-vllm bench-llm lint install pocket proof constraints screenshots clean

help:  ## what can be made
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

demo: .venv/.for-demo  ## the whole graph on the demo recipe
	@$(BIN)/unicorn run --recipe recipes/demo.yaml --lake "$${UNICORN_LAKE:-$(UNICORN_HOME)/lake}"

ui: .venv/.for-demo  ## the Dagster UI over the same lake and instance
	@$(BIN)/unicorn ui --port $(PORT)

test: .venv/.for-tests lint  ## all tests
	@scripts/what-is-left-out
	@$(BIN)/pytest -n 2 --dist loadfile --no-loadscope-reorder  # conftest.py says in which order

lint: .venv/.for-tests  ## style, types, import rules, definitions
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check --quiet .
	@$(BIN)/mypy
	@$(BIN)/lint-imports | tail -n 5
	@UNICORN_HOME=$$(mktemp -d) $(BIN)/dagster definitions validate -m unicorn_assets.definitions 2>&1 | tail -n 1

install: .venv/bin/python  ## the package with EXTRAS=local,encode (also: vllm, deploy, dev)
	@$(INSTALL) --editable '.[$(EXTRAS)]'

test-vllm: .venv/.for-tests  ## the vllm endpoint with the real vLLM on this CPU (3 GB more, 10 to 30 minutes)
	@UV=$(UV) scripts/test-vllm

bench-llm: .venv/.for-tests .venv-peers/.made  ## the LLM client beside other tools, as in docs/llm-client.md (12 minutes)
	@CURATOR_PYTHON=$(CURDIR)/.venv-peers/curator/bin/python \
	  DATA_DESIGNER_PYTHON=$(CURDIR)/.venv-peers/data-designer/bin/python \
	  $(BIN)/python benchmarks/llm_client.py --json

pocket: .venv/.for-tests  ## fetch the art and train the pocket encoder again (about half an hour)
	@scripts/train-pocket

proof: .venv/.for-tests  ## train a small VLM on text alone and ask it about real pictures (docs/proof.md); goes on where it was ended
	@scripts/proof $(PROOF)

constraints: $(UV)  ## resolve all extras together again
	@$(UV) pip compile --quiet --upgrade --all-extras --no-header --no-annotate --no-emit-index-url --python-version 3.11 \
	  pyproject.toml --output-file constraints.txt

screenshots: .venv/.for-tests  ## remake docs/images from the running UI (needs Debian's chromium and postgresql)
	@$(BIN)/python scripts/screenshots.py && $(BIN)/python scripts/screenshots_night.py

clean:  ## remove the environments; keeps .unicorn/, your data
	@rm -rf .venv .venv-vllm .venv-peers .uv

.uv/bin/uv:
	@echo "fetching uv, the package installer, into .uv/"
	@$(PYTHON) -m venv .uv && .uv/bin/pip install --quiet --disable-pip-version-check uv || \
	  { echo "cannot make a virtual environment with $(PYTHON): install uv or your system's python3-venv package, then try again"; exit 2; }

.venv/bin/python: | $(UV)
	@$(UV) venv --quiet --python $(PYTHON) .venv

# data-designer 0.9.7 asks for a certifi newer than any that is published; the override lets it have the newest.
.venv-peers/.made: | $(UV)
	@mkdir -p .venv-peers && echo certifi > .venv-peers/overrides.txt
	@$(UV) venv --quiet --clear --python $(PYTHON) .venv-peers/curator
	@$(UV) venv --quiet --clear --python $(PYTHON) .venv-peers/data-designer
	@$(UV) pip install --quiet --python .venv-peers/curator/bin/python bespokelabs-curator==0.1.31
	@$(UV) pip install --quiet --python .venv-peers/data-designer/bin/python --override .venv-peers/overrides.txt data-designer==0.9.7
	@touch $@

.venv/.for-demo: pyproject.toml constraints.txt | .venv/bin/python
	@echo "installing the packages of the demo (about 6 GB, most of it torch; a few minutes)"
	@$(INSTALL) --editable '.[local,encode]'
	@touch $@

.venv/.for-tests: pyproject.toml constraints.txt | .venv/bin/python
	@echo "installing the packages of the tests (about 6 GB, most of it torch; a few minutes)"
	@$(INSTALL) --compile-bytecode --editable '.[local,encode,deploy,dev]'
	@touch $@ .venv/.for-demo
