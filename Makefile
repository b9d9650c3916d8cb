# run, test, bench, lint: the whole set-up hangs behind each of them.
PYTHON ?= python3
BIN := .venv/bin
# Two processes: much of the suite waits for real processes and their deadlines (7 min instead of 15).
SUITE := $(BIN)/python -m pytest --numprocesses 2 --dist loadfile
BENCHMARK := --benchmark-enable --benchmark-only --benchmark-storage=file://bench/releases -W default::pytest_benchmark.logger.PytestBenchmarkWarning
DMTX := $(BIN)/python -c 'import pylibdmtx.pylibdmtx'
.DEFAULT_GOAL := help
.PHONY: help setup run test fuzz faults bench bench-release lint qualification lock clean

help:  ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 15

setup: .venv/.ready  ## .venv with locked versions, libdmtx, the simulated camera, compiled kernels
	@$(BIN)/python -m kernels

.venv/.packages: .requirements.lock
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' || { echo "setup: $(PYTHON) must be Python 3.11 to 3.13 (make PYTHON=python3.12 ...)" >&2; exit 2; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || sh .ci/debian-package python3-venv
	@echo "setup: locked packages into .venv"
	@$(PYTHON) -m venv --clear .venv
	@$(BIN)/python -m pip install --quiet --quiet --disable-pip-version-check --require-hashes --requirement .requirements.lock
	@touch $@

.venv/.ready: .venv/.packages pyproject.toml $(wildcard vision/cameras/simulator/*.py vision/cameras/simulator/*.c vision/cameras/simulator/*.h)
	@$(DMTX) 2>/dev/null || sh .ci/debian-package libdmtx0b libdmtx0t64 || true
	@$(DMTX) 2>/dev/null || echo "setup: libdmtx cannot be loaded: the station runs, without a second opinion where its own reader fails" >&2
	@$(BIN)/python vision/cameras/simulator/build.py
	@$(BIN)/python -m pip install --quiet --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

run: setup  ## the demonstration line: simulated camera, Modbus PLC, 30 s at 10 packs/s
	@$(BIN)/vision run --seconds 30

test: setup lint  ## the whole suite
	$(SUITE)

fuzz: setup  ## the decoder on 20000 random and mutated frames, every kernel's indices checked (about half an hour)
	VISION_BOUNDSCHECK=1 $(BIN)/python -m tests.decode.fuzz --frames 20000

faults: setup  ## 200 faults at random moments of a batch (make faults RUNS=20 SEED=1)
	$(BIN)/python -m tests.faults.batch_campaign --runs $(or $(RUNS),200) $(if $(SEED),--seed $(SEED))

lint: setup  ## ruff and mypy
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench: setup  ## figures of the README's table, kernels and line
	$(BIN)/python -m pytest bench $(BENCHMARK) --benchmark-compare --benchmark-group-by=fullname --benchmark-columns=min,median,rounds
	$(BIN)/python -m bench

bench-release: setup  ## stores the kernels' results as this release's, for `make bench` to compare with
	$(BIN)/python -m pytest bench/test_decode_kernels.py bench/test_grade_kernels.py $(BENCHMARK) --benchmark-save=release

qualification: setup  ## qualification.pdf: what is installed, each requirement and the run of its tests (about ten minutes)
	-$(SUITE) --junitxml=.qualification.xml
	$(BIN)/python -m tests.qualification .qualification.xml qualification.pdf

lock:  ## renews .requirements.lock from pyproject.toml
	$(BIN)/python -m pip install --quiet uv
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --extra dev --generate-hashes --no-emit-index-url --no-header --output-file .requirements.lock pyproject.toml

clean:  ## removes what setup made
	rm -rf .venv vision/cameras/simulator/*.cti
