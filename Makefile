# The one door. `make demo` and `make test` need Python 3.11+ and make, and set up all else themselves.
# The first of these that runs and is new enough (a version manager's shim may be on the PATH and yet not run).
PYTHON ?= $(shell for p in python3 python3.14 python3.13 python3.12 python3.11; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && exit; done; echo python3)
VENV   := .venv
BIN    := $(VENV)/bin
STORE  := build/demo/fhir.sqlite
SOURCES := pyproject.toml constraints.txt $(shell find medie_fhir consumers mappings schemas examples/notes -type f -not -name '*.pyc' 2>/dev/null)
export PIP_CONSTRAINT := constraints.txt
PIP    := $(BIN)/python -m pip --disable-pip-version-check -q

.DEFAULT_GOAL := help
.PHONY: help demo test check evaluate stack stack-down stack-demo vllm vllm-down bench faults fhir-proof fuzz validate schemas dev clean

help: ## Show what there is to make
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 12

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "medie-fhir needs Python 3.11 or later: make PYTHON=/path/to/python3.11")'
	@echo "creating $(VENV) …"
	@$(PYTHON) -m venv $(VENV)
	@$(PIP) install -U pip

$(VENV)/.installed: $(SOURCES) | $(BIN)/python
	@echo "installing medie-fhir and what it needs into $(VENV) …"
	@rm -rf build/wheel
	@$(PIP) wheel --no-deps -w build/wheel .
	@$(PIP) install --force-reinstall --no-deps build/wheel/*.whl
	@$(PIP) install build/wheel/*.whl
	@touch $@

demo: $(VENV)/.installed ## Stream the sample notes through everything, on this machine
	@$(BIN)/medie-fhir models pull
	@$(BIN)/medie-fhir demo --store $(STORE)

$(VENV)/.tested: $(VENV)/.installed
	@echo "installing what the tests need …"
	@$(PIP) install --group test
	@touch $@

test: $(VENV)/.tested ## Run the tests, against the installed wheel
	@$(BIN)/medie-fhir models pull
	@MEDIE_TEST_INSTALLED=1 $(BIN)/python -P -m pytest $(ARGS)

$(VENV)/.checked: $(VENV)/.tested
	@echo "installing what the checks need …"
	@$(PIP) install --group check
	@touch $@

check: $(VENV)/.checked ## Lint, types, import layers, schemas and samples up to date
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python scripts/build_schemas.py --check
	$(BIN)/python scripts/build_sample_notes.py --check
	$(BIN)/python scripts/build_golden.py --check

stack: $(VENV)/.installed ## Start a real Kafka and a real HAPI FHIR server, without Docker (needs a JDK and Maven)
	@$(BIN)/medie-fhir models pull
	@$(BIN)/python deploy/local/stack.py up $(ARGS)

stack-down: ## Stop them; ARGS=--wipe deletes their data too
	@$(BIN)/python deploy/local/stack.py down $(ARGS)

stack-demo: stack ## Stream the sample notes through the real ones
	@. build/stack.env && $(BIN)/medie-fhir samples && $(BIN)/medie-fhir run --until-end
	@$(BIN)/python deploy/local/stack.py show $(ARGS)

vllm: $(VENV)/.installed ## Install vLLM for the CPU once (5.3 GB), and start it with the embedded model's base and adapter
	@$(BIN)/python deploy/local/vllm/local_vllm.py start $(ARGS)

vllm-down: ## End it
	@$(BIN)/python deploy/local/vllm/local_vllm.py stop

evaluate: $(VENV)/.installed ## Measure what is read in the sample notes; fails below their thresholds (docs/evaluate.md)
	@$(BIN)/medie-fhir models pull
	@$(BIN)/medie-fhir evaluate examples/notes/gold.jsonl --gate examples/notes/gate.yaml

bench: $(VENV)/.tested ## Measure, and write build/bench*.json; a real Kafka and a real HAPI need Java and Maven
	@$(BIN)/python benchmarks/run.py
	@$(BIN)/python benchmarks/consume.py
	@$(BIN)/python benchmarks/remap.py
	@$(BIN)/python benchmarks/assertions.py
	@$(BIN)/python benchmarks/lexicon.py
	@$(BIN)/python benchmarks/write.py

faults: $(VENV)/.tested ## Break everything around the consumers, and count what is lost: build/faults.json
	@$(BIN)/python tests/faults/run.py $(FAULTS)

fhir-proof: $(VENV)/.tested ## Prove the writes on a real HAPI FHIR server: build/fhir-proof.json
	@$(BIN)/python tests/proof/run.py $(ROWS)

validate: $(VENV)/.tested ## Hold the golden bundles against HL7's validator: R4 and every declared profile (needs Java, Maven, npm)
	@$(BIN)/python scripts/build_golden.py --check
	@$(BIN)/python scripts/validate.py

FUZZ_INPUTS ?= 200000
FUZZ_SEED ?= 1
fuzz: $(VENV)/.tested ## Throw FUZZ_INPUTS broken events at the parser, and write build/fuzz-events.json
	@$(BIN)/python scripts/fuzz_events.py --inputs $(FUZZ_INPUTS) --seed $(FUZZ_SEED)

schemas: $(VENV)/.installed ## Write schemas/ and docs/settings.md anew from the types
	@$(BIN)/python scripts/build_schemas.py

dev: $(VENV)/.checked ## An editable install with all tools, and the commit hooks; make test goes back to the wheel
	@$(PIP) install --no-deps -e .
	@rm -f $(VENV)/.installed
	@$(BIN)/pre-commit install

clean: ## Remove what was built, but for caches outside the tree
	rm -rf build dist $(VENV)
