# What a developer or a newcomer types. `make help` lists it.

PYTHON ?= python3
VERSION ?= 1.13.1
PIP = -m pip --disable-pip-version-check --no-input install --quiet --no-deps
COMPILE = .venv/bin/uv pip compile --quiet --universal --python-version 3.11 --no-header --no-annotate \
	--no-emit-index-url --no-emit-find-links

.DEFAULT_GOAL := help
.PHONY: help demo serve install test test-thorough test-label-studio test-formats lint format docs screenshots bench \
	bench-editor soak fuzz audit secrets requirements figures clean

help:  ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-18s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: .venv .venv-dataset .venv-label-studio  ## Try it: a real Label Studio with a filled project (IMAGES=folder MODE=balanced for your photos)
	.venv/bin/python -m demo

serve: .venv  ## Serve the backend alone on PORT (9090), settings from .env
	.venv/bin/gunicorn _wsgi:app

install: .venv .venv-dev  ## Make .venv with everything that the other targets need

test: .venv .venv-dev  ## Run the tests; some need .venv-label-studio, some .venv-ml2
	.venv/bin/python -m pytest

test-thorough: .venv .venv-dev  ## Run those too that take long: ten minutes more
	THOROUGH=1 .venv/bin/python -m pytest

test-label-studio: .venv .venv-dev  ## Run those with a real Label Studio of VERSION (the oldest supported: 1.13.1)
	$(MAKE) --no-print-directory .venv-label-studio-$(VERSION)/installed
	LABEL_STUDIO_VENV=.venv-label-studio-$(VERSION) .venv/bin/python -m pytest tests/label_studio

test-formats: .venv .venv-dev .venv-formats  ## Load exported datasets with Ultralytics, mmpose, FiftyOne, Datumaro (2 GB)
	THOROUGH=1 .venv/bin/python -m pytest tests/formats

lint: .venv .venv-dev  ## Check style, types, and that no room imports from one above it
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/mypy
	.venv/bin/lint-imports --no-cache --no-logo

format: .venv .venv-dev  ## Put the code into its style
	.venv/bin/ruff check --fix .
	.venv/bin/ruff format .

docs: .venv .venv-dev  ## Write docs/api.md and the generated parts of docs/settings.md and docs/commands.md
	.venv/bin/python -m docs.generate

screenshots: .venv .venv-dev .venv-label-studio  ## Make the pictures of the docs anew (needs Chromium)
	.venv/bin/python -m docs.screenshots

ifneq ($(filter cuda%,$(DEVICE)),)
bench: .venv-gpu
	.venv-gpu/bin/python -m benchmarks.gpu --device $(DEVICE)
else
bench: .venv .venv-dev  ## Measure ours beside rtmlib and the bare networks, 25 minutes; writes docs/performance.md (DEVICE=cuda: a GPU, 8 minutes)
	.venv/bin/python -m benchmarks
endif

bench-editor: .venv .venv-dev .venv-label-studio  ## Measure what annotators have to do with (needs Chromium); writes docs/editor.md
	.venv/bin/python -m benchmarks.editor

soak: .venv .venv-dev .venv-label-studio  ## Fill projects under faults and kills, count, and write docs/reliability.md (20 minutes)
	.venv/bin/python -m tests.soak

fuzz: .venv .venv-dev  ## Send the backend 20,000 requests and labeling configs that nobody should send (FUZZ_CASES)
	FUZZ_CASES=$(or $(FUZZ_CASES),20000) .venv/bin/python -m pytest tests/fuzz --timeout=3600 --durations=0 --durations-min=30

audit: .venv .venv-dev  ## Look for known vulnerabilities in all but Label Studio; fails where it cannot look
	.venv/bin/python .ci/audit.py --strict -r requirements.txt -r requirements-gpu.txt -r requirements-cluster.txt \
		-r requirements-dev.txt -r requirements-ml2.txt

secrets: .venv .venv-dev  ## Look for secrets in the tracked files and their history
	.venv/bin/python .ci/secret_scan.py

figures: .venv .venv-dev  ## Build the figure model pair anew
	.venv/bin/python -m wholebody.figures.build_models

requirements: .venv .venv-dev  ## Compile the pinned lists from requirements*.in
	$(COMPILE) --overrides requirements-overrides.txt --excludes requirements-excludes.txt \
		requirements.in -o requirements.txt
	$(COMPILE) --overrides requirements-overrides.txt --excludes requirements-excludes.txt \
		--excludes requirements-gpu-excludes.txt requirements-gpu.in -o requirements-gpu.txt
	$(COMPILE) --overrides requirements-overrides.txt requirements-dataset.in -o requirements-dataset.txt
	$(COMPILE) --overrides requirements-overrides.txt requirements-cluster.in -o requirements-cluster.txt
	$(COMPILE) --overrides requirements-overrides.txt requirements-openvino.in -o requirements-openvino.txt
	$(COMPILE) --overrides requirements-overrides.txt requirements-dev.in -o requirements-dev.txt
	$(COMPILE) --overrides requirements-overrides.txt --excludes requirements-excludes.txt \
		--excludes requirements-ml2-excludes.txt requirements-ml2.in -o requirements-ml2.txt
	$(COMPILE) --excludes requirements-excludes.txt requirements-label-studio.in -o requirements-label-studio.txt
	$(COMPILE) --excludes requirements-formats-excludes.txt requirements-formats.in -o requirements-formats.txt

clean:  ## Remove the environments and the demo's folder
	rm -rf .venv .venv-gpu .venv-label-studio .venv-label-studio-* .venv-ml2 .venv-formats .demo .bench .soak

# The stamp files make a changed list reinstall.
.PHONY: .venv .venv-dev .venv-dataset .venv-gpu .venv-label-studio .venv-ml2 .venv-formats
.venv: .venv/installed
.venv-dev: .venv/installed-dev
.venv-dataset: .venv/installed-dataset
.venv-gpu: .venv-gpu/installed
.venv-label-studio: .venv-label-studio/installed
.venv-ml2: .venv-ml2/installed
.venv-formats: .venv-formats/installed

.venv/installed: requirements.txt pyproject.toml
	$(PYTHON) -m venv .venv
	.venv/bin/python $(PIP) -r requirements.txt
	.venv/bin/python $(PIP) --no-build-isolation --editable .
	@touch $@

.venv/installed-dev: requirements-dev.txt .venv/installed
	.venv/bin/python $(PIP) -r requirements-dev.txt
	@touch $@

.venv/installed-dataset: requirements-dataset.txt .venv/installed
	.venv/bin/python $(PIP) -r requirements-dataset.txt
	@touch $@

.venv-gpu/installed: requirements-gpu.txt requirements-dev.txt pyproject.toml
	$(PYTHON) -m venv .venv-gpu
	.venv-gpu/bin/python $(PIP) -r requirements-gpu.txt
	.venv-gpu/bin/python $(PIP) --no-build-isolation --editable .
	.venv-gpu/bin/python $(PIP) -r requirements-dev.txt
	@touch $@

.venv-label-studio/installed: requirements-label-studio.txt
	$(PYTHON) -m venv .venv-label-studio
	.venv-label-studio/bin/python $(PIP) -r requirements-label-studio.txt
	@touch $@

# An older one asks for older packages, which have no list here, and for Python 3.11. setuptools 81 lacks a module of it, and
# with PyJWT 2.15 no Label Studio lets a personal access token be revoked.
.venv-label-studio-%/installed: | .venv/installed-dev
	.venv/bin/uv venv --quiet --clear --python 3.11 $(@D)
	VIRTUAL_ENV=$(@D) .venv/bin/uv pip install --quiet label-studio==$* "setuptools<81" "pyjwt<2.14"
	@touch $@

.venv-ml2/installed: requirements-ml2.txt
	$(PYTHON) -m venv .venv-ml2
	.venv-ml2/bin/python $(PIP) -r requirements-ml2.txt
	@touch $@

# The wheel of xtcocotools is older than numpy 2, and its source does not say that it needs numpy to be built. PyTorch's
# wheel for Linux on PyPI needs 3 GB of CUDA, which the list lacks.
.venv-formats/installed: requirements-formats.txt
	$(PYTHON) -m venv .venv-formats
	grep -v ^xtcocotools $< | .venv-formats/bin/python $(PIP) -r /dev/stdin
	.venv-formats/bin/python $(PIP) --no-build-isolation --no-binary xtcocotools -r $<
	@.venv-formats/bin/python -c "import torch" || { echo "PyTorch without CUDA: see Tests in CONTRIBUTING.md"; exit 1; }
	@touch $@
