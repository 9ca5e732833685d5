# Two commands: `make demo` shows the main job, `make test` checks everything. Both set themselves up.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
# EXTRAS=gpu runs the networks on an NVIDIA card; it wants a VENV of its own.
EXTRAS ?= cpu

.PHONY: demo test check serve doctor clean

demo: $(VENV)/.run
	$(BIN)/python examples/demo.py

serve: $(VENV)/.run
	$(BIN)/digital-human serve

doctor: $(VENV)/.run
	$(BIN)/digital-human doctor

test: check
	$(BIN)/python -m pytest

check: $(VENV)/.test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

$(VENV)/.run: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install -q --upgrade pip
	$(BIN)/python -m pip install -q -c constraints.txt -e '.[$(EXTRAS)]'
	touch $@

$(VENV)/.test: $(VENV)/.run
	$(BIN)/python -m pip install -q -c constraints.txt -e '.[export,train,test]'
	touch $@

clean:
	rm -rf $(VENV) demo-output
