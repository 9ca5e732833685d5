# Two commands: `make demo` shows the main job, `make test` checks everything. Both set themselves up.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
# EXTRAS=gpu runs the networks on an NVIDIA card; it wants a VENV of its own.
EXTRAS ?= cpu

.PHONY: demo test check serve doctor docs clean

demo: $(VENV)/.run
	$(BIN)/python examples/demo.py

serve: $(VENV)/.run
	$(BIN)/digital-human serve

doctor: $(VENV)/.run
	$(BIN)/digital-human doctor

docs: $(VENV)/.test
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build

test: check
	$(BIN)/python -m pytest

check: $(VENV)/.test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/codespell
	$(BIN)/mypy

$(VENV)/.run: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install -q --upgrade pip
	$(BIN)/python -m pip install -q -c constraints.txt -e '.[$(EXTRAS)]'
	touch $@

$(VENV)/.test: $(VENV)/.run
	$(BIN)/python -m pip install -q -c constraints.txt -e '.[export,train,test,docs]'
	touch $@

clean:
	rm -rf $(VENV) demo-output site
