# Two commands: `make book` builds the book, `make test` passes the tests. Both create the environment first.

PYTHON ?= python3
BIN := .venv/bin

.PHONY: book test check picture bench

book: .venv/complete
	$(BIN)/emomech book

test: .venv/complete
	$(BIN)/python -m pytest --numprocesses=logical --maxprocesses=8

check: .venv/complete
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/pyright
	$(BIN)/emomech check

# The figure in README, taken from the current book.
picture: book
	$(BIN)/emomech picture flow 2 book/flow.svg

# Measures the figures of the appendix on speed again on this machine; each peer has its own environment.
bench: .venv/complete $(patsubst bench/%.txt,.bench/%/complete,$(wildcard bench/*.txt))
	$(BIN)/emomech bench --output book/bench.json

.bench/%/complete: bench/%.txt
	$(PYTHON) -m venv .bench/$*
	.bench/$*/bin/python -m pip install --quiet --requirement $<
	@touch $@

.venv/complete: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; v = sys.version.split()[0]; sys.version_info >= (3, 11) or sys.exit(f"$(PYTHON) is Python {v}, 3.11 or newer is needed. Name another: make PYTHON=python3.12 ...")'
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[dev]'
	@touch $@
