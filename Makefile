# Two commands: `make demo` shows the main job, `make test` checks everything. Both set themselves up.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
# EXTRAS=gpu runs the models on an NVIDIA card; it needs a VENV of its own.
EXTRAS ?= cpu

.PHONY: demo test pytest test-unit fuzz coverage check serve doctor docs clean

demo: $(VENV)/.run
	$(BIN)/python examples/demo.py

serve: $(VENV)/.run
	$(BIN)/digital-human serve

doctor: $(VENV)/.run
	$(BIN)/digital-human doctor

docs: $(VENV)/.test
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build

# Files of tests that run at the same time, each with a Triton of its own; two need about 5 GB of memory.
WORKERS ?= 2
PYTEST := -m pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder
# mypy has one thread, and runs while tests wait.
test: $(VENV)/.test
	$(MAKE) -j2 check pytest

pytest: $(VENV)/.test
	$(BIN)/python $(PYTEST)

# Without torch, Triton, a browser or a database, for quick checks while writing code. A warning fails a test.
UNIT := core engines files pipeline tracking observability/test_logs.py docs/test_reference_pages.py test_errors.py
test-unit: $(VENV)/.unit
	$(BIN)/python -m pytest -m 'not (triton or browser or slow)' $(UNIT:%=tests/%)

# Random requests and broken media, with a fresh seed that is printed; SEED=n repeats one.
MINUTES ?= 10
fuzz: $(VENV)/.test
	$(BIN)/python -m tests.fuzz --minutes $(MINUTES) $(SEED:%=--seed %)

# Tests with the lines of the service that they run; takes longer than `make test`.
coverage: $(VENV)/.test
	$(BIN)/python -m coverage erase
	$(BIN)/python -m coverage run $(PYTEST)
	$(BIN)/python -m coverage combine -q
	$(BIN)/python -m coverage report

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

# All at once. Modules are compiled when they are imported: most never are.
$(VENV)/.test: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install -q --upgrade pip
	$(BIN)/python -m pip install -q --no-compile -c constraints.txt -e '.[$(EXTRAS),export,train,test,docs,voices]'
	touch $(VENV)/.run $@

clean:
	rm -rf $(VENV) demo-output site
