# Two commands: `make demo` shows the main job, `make test` checks everything. Both set themselves up.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
# EXTRAS=gpu runs the networks on an NVIDIA card; it wants a VENV of its own.
EXTRAS ?= cpu

.PHONY: demo test test-unit check serve doctor docs clean

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

# Without torch, librosa, Triton, a browser or a database: for while code is written.
UNIT := core engines files pipeline tracking observability/test_logs.py docs/test_reference_pages.py test_errors.py
test-unit: $(VENV)/.unit
	$(BIN)/python -m pytest -m 'not (triton or browser or slow)' $(UNIT:%=tests/%) --ignore tests/engines/test_mel.py

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

$(VENV)/.unit: $(VENV)/.run
	$(BIN)/python -m pip install -q -c constraints.txt -e '.[$(EXTRAS),unit]'
	touch $@

$(VENV)/.test: $(VENV)/.run
	$(BIN)/python -m pip install -q -c constraints.txt -e '.[export,train,test,docs,voices]'
	touch $@

clean:
	rm -rf $(VENV) demo-output site
