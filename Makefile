# Two commands: `make book` builds the book, `make test` passes the tests. Both create the environment first.

PYTHON ?= python3
BIN := .venv/bin

.PHONY: book test check picture bench

book: .venv/complete
	$(BIN)/emomech book

test: .venv/complete
	$(BIN)/python -m pytest

check: .venv/complete
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/pyright
	$(BIN)/emomech check

# The figure that README shows, from the book as it stands.
picture: book
	$(BIN)/python -c 'from pathlib import Path; from emomech.book import picture; from emomech.edition import Edition; picture(Edition(), "flow", 2, Path("book/flow.svg"))'

# The appendix on speed, measured anew on this machine.
bench: .venv/complete
	$(BIN)/emomech bench --output book/bench.json
	$(BIN)/python -c 'from pathlib import Path; from emomech.bench.report import write_page; write_page(Path("book/bench.json"), Path("book/appendix/speed.md"))'

.venv/complete: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; v = sys.version.split()[0]; sys.version_info >= (3, 11) or sys.exit(f"$(PYTHON) is Python {v}, 3.11 or newer is needed. Name another: make PYTHON=python3.12 ...")'
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[dev]'
	@touch $@
