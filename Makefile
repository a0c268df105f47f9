# make demo: the whole chain on the shipped sample. make test: the tests. Both make their own environment first.
PYTHON ?= python3
VENV ?= .venv
BIN = $(VENV)/bin
# to compile every file of every package is two fifths of an installation's processor time; an import does it for its own
PIP_INSTALL = pip install --quiet --disable-pip-version-check --no-compile -c constraints.txt

.PHONY: demo demo-ticks install test coverage slow siege mutants lint format bench docs notebooks dist clean reference

demo: $(VENV)/.installed
	$(BIN)/forecast demo

demo-ticks: $(VENV)/.installed
	$(BIN)/forecast demo --ticks

install: $(VENV)/.installed-dev

test: $(VENV)/.installed-dev
	$(BIN)/python -m pytest -n logical --maxprocesses 4 --dist loadscope --no-loadscope-reorder --benchmark-disable

coverage: $(VENV)/.installed-dev
	$(BIN)/coverage erase
	$(BIN)/coverage run -m pytest -n logical --maxprocesses 4 --dist loadscope --no-loadscope-reorder --benchmark-disable
	$(BIN)/coverage combine --quiet
	$(BIN)/coverage report --skip-covered --skip-empty --fail-under=93

slow: $(VENV)/.installed-dev
	$(BIN)/python -m pytest -m slow --timeout=3600

siege: $(VENV)/.installed-dev
	$(BIN)/python -m tests.siege

mutants: $(VENV)/.installed-dev
	$(BIN)/python -m tests.mutants

bench: $(VENV)/.installed-dev
	$(BIN)/python -m tests.benchmarks

lint: $(VENV)/.installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo

docs: $(VENV)/.installed-docs
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet --site-dir build/site

notebooks: $(VENV)/.installed-docs
	EXECUTE_NOTEBOOKS=true $(MAKE) docs

dist: $(VENV)/.installed-docs
	rm -rf dist build/dist
	$(BIN)/python -m build --outdir dist .
	$(BIN)/twine check --strict dist/*
	$(BIN)/check-wheel-contents dist/*.whl
	$(PYTHON) -m venv build/dist
	build/dist/bin/python -m $(PIP_INSTALL) dist/*.whl
	cd build/dist && bin/forecast demo

format: $(VENV)/.installed-dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

$(VENV)/.installed: pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13) and "Expected Python 3.11 to 3.13: make PYTHON=python3.12 ...")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m $(PIP_INSTALL) -e .
	touch $@

$(VENV)/.installed-dev: $(VENV)/.installed
	$(BIN)/python -m $(PIP_INSTALL) -e ".[dev]"
	touch $@

$(VENV)/.installed-docs: $(VENV)/.installed-dev
	$(BIN)/python -m $(PIP_INSTALL) -e ".[docs,dist]"
	touch $@

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache .coverage*

reference: $(VENV)/.installed
	$(BIN)/python -m forecast.cli.reference > docs/reference.md.new && mv docs/reference.md.new docs/reference.md
