# Two commands do everything: `make chat` opens the assistant, `make test` runs the whole check. Each builds .venv first.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
# Tests often wait for processes that they started: four at a time keep two cores busy. The longest file comes first.
PARALLEL := -n 4 --dist loadfile --no-loadscope-reorder
export PIP_DISABLE_PIP_VERSION_CHECK := 1
export PIP_ROOT_USER_ACTION := ignore

.PHONY: chat demo test check quick check-slow trust docs bench lock test-latest clean
.DEFAULT_GOAL := chat

$(READY): pyproject.toml constraints.txt .ci/install
	@.ci/install $(PYTHON) $(VENV)
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
	$(BIN)/pytest -m "not slow" $(PARALLEL)

quick: $(READY)       ## the edit loop: format, types, imports and the fast tests
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/pytest -q -m "not slow and not trains" $(PARALLEL)

check-slow: $(READY)  ## the tests that need longer
	$(BIN)/pytest -m slow

trust: $(READY)       ## the long harnesses behind docs/architecture.md's promises: faults, stops, fuzzing, soak
	$(BIN)/python tests/trust/faults.py --faults 540
	$(BIN)/python tests/trust/stops.py --stops 300
	$(BIN)/python tests/trust/fuzz.py --minutes 10
	$(BIN)/python -m tests.trust.hostile_files
	$(BIN)/python tests/trust/soak.py --minutes 60

docs: $(READY)        ## the pages that are made from the code
	$(BIN)/python docs/reference.py
	$(BIN)/python docs/licences.py

bench: $(READY)       ## the benchmarks behind docs/benchmarks.md
	$(BIN)/python tests/benchmarks/serving.py
	$(BIN)/python tests/benchmarks/startup.py
	$(BIN)/python tests/benchmarks/screen.py

lock: $(READY)        ## renew constraints.txt; UPGRADE=--upgrade moves every package to its newest allowed version
	$(BIN)/uv pip compile pyproject.toml --extra dev --extra ocr --universal --python-version 3.11 --no-annotate --quiet \
	  --custom-compile-command 'make lock' $(UPGRADE) -o constraints.txt

test-latest:          ## the tests with the newest versions that pyproject.toml allows, in an environment of their own
	LATEST=1 .ci/install $(PYTHON) .venv-latest
	.venv-latest/bin/pytest -m "not slow" $(PARALLEL) --deselect 'tests/unit/test_documents.py::test_a_page_made_from_the_code_is_up_to_date[licences.py]'

clean:
	rm -rf $(VENV) .venv-latest build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache
