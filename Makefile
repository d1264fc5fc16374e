# Everything a fresh machine needs: Python 3.11 or newer, git, make and a package registry.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin

.PHONY: install audit test fuzz check benchmarks clean

install: $(VENV)/.installed

$(VENV)/.installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable ".[dev]"
	touch $@

# Carries out the embedded audit, whatever its verdict: only an audit that could not be carried out fails here.
audit: install
	$(BIN)/evenhand run audits/specs/mortgage-letters.yaml || case $$? in 1|3) ;; *) exit 1 ;; esac

test: install
	$(BIN)/python -m pytest -n auto --dist loadfile

# The tests that draw their own examples, with new ones each time.
fuzz: install
	$(BIN)/python -m pytest -n auto --hypothesis-profile=fuzz -m hypothesis

check: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

benchmarks: install
	for script in tests/benchmarks/*_speed.py; do $(BIN)/python $$script || exit 1; done

clean:
	rm -rf $(VENV) .evenhand runs
