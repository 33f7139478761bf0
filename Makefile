# demo: see it work. test: everything that must pass. check: the quick part. bench: the figures.
# Everything lives in .venv; the first call installs, later calls only rebuild what changed.

.DEFAULT_GOAL := help
.PHONY: help demo gallery test check lint bench clean
.DELETE_ON_ERROR:
# What is set outside must not leak into the environment that is being tested.
unexport PYTHONPATH
unexport PYTHONHOME

VENV := .venv
BIN := $(VENV)/bin
# The first interpreter that is new enough; `make PYTHON=/path/to/python3.12 demo` chooses another.
PYTHON ?= $(shell for p in python3 python3.14 python3.13 python3.12 python3.11; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
# A change in one of these needs a new build of the extension or other libraries.
SOURCES := pyproject.toml $(wildcard setup.py build_tools/*.py src/chainrule/_sources.py \
	src/chainrule/core/*.py src/chainrule/ops/*.py)
# What runs a second time on the pure-Python source: the tests of the engine and of what stands on it.
PURE_TESTS := $(wildcard tests/engine tests/ops tests/graph tests/nn tests/numbers tests/seeds tests/test_*.py)

help:
	@echo "make demo    install into .venv and watch a network learn"
	@echo "make gallery write gallery/index.html: graphs to look at and to step through"
	@echo "make test    install the test libraries, run every check and test (what CI runs)"
	@echo "make check   ruff, mypy and the quick tests"
	@echo "make bench   measure the engine and compiled code beside others"
	@echo "make clean   remove .venv and everything that was built"

demo: $(VENV)/installed
	@$(BIN)/chainrule demo

gallery: $(VENV)/installed
	@$(BIN)/python examples/gallery/build.py gallery

test: lint
	$(BIN)/python -m pytest
	CHAINRULE_PURE=1 $(BIN)/python -m pytest $(PURE_TESTS)

check: lint
	$(BIN)/python -m pytest -m "not slow"

lint: $(VENV)/installed-test
	$(BIN)/ruff check .
	$(BIN)/mypy

bench: $(VENV)/installed-test
	$(BIN)/python -m bench --install
	$(BIN)/python -m bench.compiled

$(VENV)/created:
	@test -n "$(PYTHON)" || { echo "chainrule needs Python 3.11 or newer and found none:" \
		"install one, then: make PYTHON=/path/to/python3 demo" >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "chainrule needs" \
		"Python 3.11 or newer, and '$(PYTHON)' is not: make PYTHON=/path/to/python3 demo" >&2; exit 1; }
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || { echo "$(PYTHON) cannot make virtual" \
		"environments: install its venv module (on Debian and Ubuntu: apt install python3-venv)" >&2; exit 1; }
	@$(PYTHON) -m venv $(VENV)
	@touch $@

$(VENV)/installed: $(SOURCES) | $(VENV)/created
	@echo "installing chainrule into $(VENV) (a minute the first time)"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[plot]'
	@touch $@

$(VENV)/installed-test: $(SOURCES) tests/requirements-torch.txt | $(VENV)/created
	@echo "installing chainrule and its test libraries into $(VENV) (some minutes the first time)"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[test]'
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check \
		--requirement tests/requirements-torch.txt || { test -z "$$CI" && \
		echo "torch could not be installed: the tests that compare with it are skipped" >&2; }
	@touch $(VENV)/installed $@

clean:
	rm -rf $(VENV) build dist src/*.egg-info src/chainrule/_build_info.py src/chainrule/*.so \
		.pytest_cache .mypy_cache .ruff_cache .hypothesis
