# What a developer or a newcomer types. `make help` lists it.

PYTHON ?= python3
PIP = -m pip --disable-pip-version-check --no-input install --quiet --no-deps
COMPILE = .venv/bin/uv pip compile --quiet --universal --python-version 3.11 --no-header --no-annotate \
	--no-emit-index-url --no-emit-find-links

.DEFAULT_GOAL := help
.PHONY: help demo serve install test lint format docs screenshots bench audit requirements figures clean

help:  ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: .venv .venv-label-studio  ## Try it: a real Label Studio with a filled project (IMAGES=folder MODE=balanced for your photos)
	.venv/bin/python -m demo

serve: .venv  ## Serve the backend alone on PORT (9090), settings from .env
	.venv/bin/gunicorn _wsgi:app

install: .venv .venv-dev  ## Make .venv with everything that the other targets need

test: .venv .venv-dev  ## Run the tests; those with a real Label Studio need .venv-label-studio
	.venv/bin/python -m pytest

lint: .venv .venv-dev  ## Check style and types
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/mypy

format: .venv .venv-dev  ## Put the code into its style
	.venv/bin/ruff check --fix .
	.venv/bin/ruff format .

docs: .venv .venv-dev  ## Write the generated parts of README.md
	.venv/bin/python -m docs.generate

screenshots: .venv .venv-dev .venv-label-studio  ## Make the pictures of the docs anew (needs Chromium)
	.venv/bin/python -m docs.screenshots

bench: .venv .venv-dev  ## Measure: ours beside rtmlib, a second prompt beside the bare network, drawn boxes
	.venv/bin/python -m benchmarks.against_rtmlib
	.venv/bin/python -m benchmarks.prompt_latency
	.venv/bin/python -m benchmarks.box_refinement

audit: .venv .venv-dev  ## Look for known vulnerabilities in requirements.txt
	.venv/bin/pip-audit --strict --disable-pip --no-deps --requirement requirements.txt

figures: .venv .venv-dev  ## Build the figure model pair anew
	.venv/bin/python -m wholebody.figures.build_models

requirements: .venv .venv-dev  ## Compile the pinned lists from requirements*.in
	$(COMPILE) --overrides requirements-overrides.txt --excludes requirements-excludes.txt \
		requirements.in -o requirements.txt
	$(COMPILE) --overrides requirements-overrides.txt --excludes requirements-excludes.txt \
		--excludes requirements-gpu-excludes.txt requirements-gpu.in -o requirements-gpu.txt
	$(COMPILE) requirements-dev.in -o requirements-dev.txt
	$(COMPILE) --excludes requirements-excludes.txt requirements-label-studio.in -o requirements-label-studio.txt

clean:  ## Remove the environments and the demo's folder
	rm -rf .venv .venv-label-studio .demo

# The stamp files make a changed list reinstall.
.PHONY: .venv .venv-dev .venv-label-studio
.venv: .venv/installed
.venv-dev: .venv/installed-dev
.venv-label-studio: .venv-label-studio/installed

.venv/installed: requirements.txt
	$(PYTHON) -m venv .venv
	.venv/bin/python $(PIP) -r requirements.txt
	@touch $@

.venv/installed-dev: requirements-dev.txt .venv/installed
	.venv/bin/python $(PIP) -r requirements-dev.txt
	@touch $@

.venv-label-studio/installed: requirements-label-studio.txt
	$(PYTHON) -m venv .venv-label-studio
	.venv-label-studio/bin/python $(PIP) -r requirements-label-studio.txt
	@touch $@
