# make demo    find, measure and draw the regions of a shipped network
# make test    run the tests                         (PYTEST_ARGS="-k box" for some of them)
# make lint    check style, formatting and types
# make bench   run the benchmarks
# make clean   remove what these made
#
# The first call makes a virtual environment in $(VENV), from $(PYTHON), with the versions in constraints.txt. The demo
# needs neither torch nor the development tools; the other targets install both.
PYTHON ?= python3
VENV ?= .venv
PYTEST_ARGS ?=

BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt
TORCH := $(shell grep '^torch==' constraints.txt)
# What the install depends on. It links the files it finds, and a folder's time changes when a file comes or goes.
INSTALL_KEY := pyproject.toml setup.cfg constraints.txt $(shell find regions kernels -type d ! -name __pycache__)

.PHONY: demo test lint bench clean

demo: $(VENV)/.installed
	$(BIN)/linear-regions demo

test: $(VENV)/.installed-dev
	$(BIN)/pytest $(PYTEST_ARGS)

lint: $(VENV)/.installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench: $(VENV)/.installed-dev
	$(BIN)/pytest bench --benchmark-only $(PYTEST_ARGS)

clean:
	rm -rf $(VENV) build linear_regions.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis .benchmarks

$(VENV)/.created:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	{ echo 'linear-regions needs Python 3.11 or newer: name one with make PYTHON=...' >&2; exit 1; }
	@$(PYTHON) -m venv $(VENV) || \
	{ echo '$(PYTHON) could not make a virtual environment: Debian has what it needs in the package python3-venv' >&2; exit 1; }
	@touch $@

$(VENV)/.installed: $(INSTALL_KEY) | $(VENV)/.created
	@echo 'installing linear-regions into $(VENV)'
	@$(PIP) --editable .
	@touch $@

# torch goes first and by its plain version, so that a build of it that is already there (for one CPU or GPU) is kept.
$(VENV)/.installed-dev: $(INSTALL_KEY) | $(VENV)/.created
	@echo 'installing $(TORCH), linear-regions and the development tools into $(VENV)'
	@$(PIP) $(TORCH)
	@$(PIP) --editable '.[dev]'
	@touch $(VENV)/.installed $@
