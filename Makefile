# Two commands do everything: `make chat` opens the assistant, `make test` runs the whole check. Each builds .venv first.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
export PIP_DISABLE_PIP_VERSION_CHECK := 1
export PIP_ROOT_USER_ACTION := ignore

.PHONY: chat demo test check check-slow trust docs bench clean
.DEFAULT_GOAL := chat

$(READY): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit("Parley needs Python 3.11 or newer: make PYTHON=python3.11 …") if sys.version_info < (3, 11) else None'
	@echo "Setting up $(VENV): a few minutes, once." >&2
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/pip install --quiet --no-input -c constraints.txt -e '.[dev]'
	@touch $(READY)

chat: $(READY)        ## open the assistant
	@$(BIN)/assistant

demo: $(READY)        ## summarize an example conversation, without a terminal
	@$(BIN)/assistant summarize docs/examples/standup.txt

test: check           ## what CI runs

check: $(READY)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/pytest -m "not slow" -n 2 --dist loadfile

check-slow: $(READY)  ## the tests that need longer
	$(BIN)/pytest -m slow

trust: $(READY)       ## the long harnesses behind docs/trust.md: faults, stops, fuzzing, soak
	$(BIN)/python tests/trust/faults.py --faults 540
	$(BIN)/python tests/trust/stops.py --stops 300
	$(BIN)/python tests/trust/fuzz.py --minutes 10
	$(BIN)/python tests/trust/soak.py --minutes 60

docs: $(READY)        ## the pages that are made from the code
	$(BIN)/python docs/reference.py
	$(BIN)/python docs/licences.py

bench: $(READY)       ## the benchmarks behind docs/benchmarks.md
	$(BIN)/python tests/benchmarks/serving.py
	$(BIN)/python tests/benchmarks/startup.py
	$(BIN)/python tests/benchmarks/screen.py

clean:
	rm -rf $(VENV) build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache
