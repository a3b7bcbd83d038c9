# Two commands do everything on a fresh Debian-like machine with Python 3.11 to 3.13: make demo, make test.
.DEFAULT_GOAL := help
SHELL := /bin/bash
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# What the quick start upgrades to next has to be a way that is open from TO.
FROM ?= 2.12.8
TO ?= 2.14.5
WAIVE ?=
GRACE ?= 1ms
SCENARIO ?= default
# Most tests wait most of the time: more workers than processors.
WORKERS ?= 4
RUNS ?= 10
FUZZ_SECONDS ?= 3600
# For every Python from the named one on, each file that the package registry has of a version. No address of a registry gets in.
LOCK := $(BIN)/uv pip compile --quiet --upgrade --universal --generate-hashes --no-annotate --no-emit-index-url \
  --no-emit-find-links --custom-compile-command "make lock"
NEWEST := PYTHONPATH=collections $(BIN)/python -m tests.lab.newest
# Where it is set, every one of the many processes of a test run would compile anew what it imports.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help
help: ## show this
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 16

$(VENV)/ready: lock/build.txt lock/development.txt tests/lab/venv.sh
	@tests/lab/venv.sh $(PYTHON) $(VENV)

.PHONY: demo
demo: $(VENV)/ready ## upgrade a real three-server cluster on loopback, under load (FROM=2.12.8 TO=2.14.5)
	@$(BIN)/python -m tests.lab.demo --from $(FROM) --to $(TO) --grace $(GRACE) --waive $(WAIVE)

.PHONY: demos
demos: $(VENV)/ready ## RUNS=10 demos in a row; stops at the first that is not perfect
	@for run in $$(seq $(RUNS)); do echo "run $$run of $(RUNS)"; \
	  $(BIN)/python -m tests.lab.demo --from $(FROM) --to $(TO) --grace $(GRACE) --waive $(WAIVE) > .cache/demo-$$run.log 2>&1 || { tail -40 .cache/demo-$$run.log; exit 1; }; \
	  tail -9 .cache/demo-$$run.log; done

.PHONY: test
test: $(VENV)/ready ## everything: lint, unit, integration on real clusters, Molecule (WORKERS=4 at a time)
	@$(NEWEST) || true
	@$(BIN)/python -m pytest -n $(WORKERS) $(RECORD) --durations=15 tests/lint tests/unit tests/fuzz tests/integration tests/scenarios

.PHONY: newest
newest: $(VENV)/ready ## the playbooks on the newest ansible-core that the package registry has
	@core=$$($(NEWEST) --version) && NATSOPS_CORE=$$core $(BIN)/python -m pytest -v tests/integration/test_ansible_versions.py

.PHONY: lint
lint: $(VENV)/ready ## the linters alone
	@$(BIN)/python -m pytest -v tests/lint

.PHONY: sanity
sanity: $(VENV)/ready ## ansible-test sanity, all of its tests with every ansible-core that is supported
	@SANITY=all $(BIN)/python -m pytest -v tests/lint/test_sanity.py

.PHONY: unit
unit: $(VENV)/ready ## the unit tests alone
	@$(BIN)/python -m pytest tests/unit

.PHONY: fuzz
fuzz: $(VENV)/ready ## damaged answers, facts, journals, configurations, archives and events, others each time (FUZZ_SECONDS=3600)
	@$(BIN)/python -m tests.fuzz --seconds $(FUZZ_SECONDS)

.PHONY: integration
integration: $(VENV)/ready ## the tests on real loopback clusters alone
	@$(BIN)/python -m pytest -v tests/integration

.PHONY: prove-lab
prove-lab: $(VENV)/ready ## the tests of the lab itself, which else run where it has changed since
	@rm -f tests/lab/proved.txt
	@$(BIN)/python -m pytest -v tests/integration/test_containers.py tests/integration/test_parallel.py
	@$(BIN)/python -m tests.lab.proved

.PHONY: durations
durations: ## everything, and write down how long each piece of it takes: workers take the longest first
	@$(MAKE) test RECORD=--record-durations

.PHONY: molecule
molecule: $(VENV)/ready ## one Molecule scenario (SCENARIO=default)
	@$(BIN)/python -m pytest -v -s "tests/scenarios/test_molecule.py::test_scenario[$(SCENARIO)]"

.PHONY: docs
docs: $(VENV)/ready ## the site of the documentation, into .cache/site
	@NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet && echo ".cache/site/index.html"

.PHONY: architecture
architecture: $(VENV)/ready ## draw the picture of docs/architecture.md anew, from the imports
	@$(BIN)/python -m tests.lint.wings

.PHONY: variables
variables: $(VENV)/ready ## write defaults and argument specs of the roles anew, from the table of variables
	@$(BIN)/python -m tests.lint.variables

.PHONY: bench
bench: TO = 2.14.6
bench: $(VENV)/ready ## time of the playbook against a plain script that takes the same steps
	@$(BIN)/python -m tests.bench.upgrade --from $(FROM) --to $(TO)

.PHONY: lock
lock: $(VENV)/ready ## choose the newest versions that the requirements allow, and write them with their hashes into lock/
	@$(LOCK) --python-version 3.11 --output-file lock/build.txt lock/build.in
	@$(LOCK) --python-version 3.11 --output-file lock/development.txt requirements-dev.txt
	@$(LOCK) --python-version 3.12 --output-file lock/execution-environment.txt lock/execution-environment.in
