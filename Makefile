# One door to everything: `make help` lists it.

SHELL := /bin/bash
# For pip and the pips that it starts: without a network, say so soon.
export PIP_RETRIES ?= 1
export PIP_DISABLE_PIP_VERSION_CHECK := 1
# Go's default, and no word of what go-nvml binds although NVIDIA has deprecated it.
export CGO_CFLAGS ?= -O2 -g -Wno-deprecated-declarations
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

PORT    ?= 5001
DRY     ?=
ONCE    ?=
CHAOS   ?=
PLANTED ?=
PREFIX  ?= /usr/local
SYSCONFDIR ?= /etc
ARCHES  ?= amd64 arm64
NVML    ?=
FUZZTIME ?= 5m
FUZZ    ?=
GO      ?= go
PYTHON  ?= python3
VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)

LINT_VERSION := v2.15.0
VENV         := .venv
VPY          := $(VENV)/bin/python
VMADE        := $(VENV)/.made
# PyTorch in tests is the system's: Debian's has no CUDA, which is all that a test here needs.
TORCH_PYTHON ?= /usr/bin/python3
TVENV        := .venv-torch
LINT         := .tools/golangci-lint-$(LINT_VERSION)
# What looks for known holes and for licences.
AUDIT        := .tools/audit-1
VULN_VERSION := v1.9.0
LICENSES_VERSION := v1.6.0
COMMIT       := $(shell git rev-parse HEAD 2>/dev/null)
LDFLAGS      := -s -w -X main.version=$(VERSION) -X main.commit=$(COMMIT)
CLIENT       := client/python
# What the Python package needs, for labs without a package index; WHEELS=DIR takes others.
TOOLWHEELS   := .tools/wheels
WHEELS       ?= $(TOOLWHEELS)
# Folders of Python code that ruff and mypy look at.
PY_CODE      := $(wildcard $(CLIENT)/src $(CLIENT)/tests examples scripts bench e2e/web e2e/gpu e2e/notebook e2e/jupyter e2e/books notebooks)
PY_TYPED     := $(wildcard $(CLIENT)/src $(CLIENT)/tests examples scripts bench)

.PHONY: help
help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-11s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: build
build: need-go ## Build bin/mlq; it sees NVIDIA GPUs if there is a C compiler (NVML=1: or fail; NVML=0: static)
	@[ -e bin/mlq ] || echo "make: building bin/mlq (the first time, Go fetches what it needs: a minute or more)"
	@NVML='$(NVML)' scripts/build.sh '$(GO)' '$(LDFLAGS)' "$$($(GO) env GOARCH)" bin/mlq

.PHONY: run
run: build $(VENV)/.client ## Start MLQ on this machine and train a model on it (PORT=5001, ONCE=1 stops after the result)
	@MLQ_DATA=.run exec bin/mlq dev --listen 127.0.0.1:$(PORT) $(if $(ONCE),--once) -- $(VPY) examples/quickstart/train.py

.PHONY: test
test: need-go need-test build $(VENV)/.dev $(TVENV)/.made $(TOOLWHEELS)/.made ## Run all tests: Go with the race detector, Python, end to end
	@scripts/online.sh $(GO) mod download
	@# Each half leaves a core idle most of the time. What a line prints is kept until it ends.
	@$(MAKE) -j2 -Oline test-go test-others

.PHONY: test-others
test-others:
	@$(MAKE) test-python
	@$(MAKE) test-lab

.PHONY: test-go
test-go: need-go need-test build $(VENV)/.dev ## Run the tests in Go, of one package after the other
	@# One package at a time: some tests bound how long a device may idle. The agent's do so
	@# most, and come when those in Python are over.
	@$(PYTHON) scripts/gotest.py $(GO) test -race -p 1 -timeout 25m $$($(GO) list ./... | grep -vE '/(e2e|agent|scheduler/sim|chaos|planted)$$')
	@# The explorer is one goroutine a world: without the race detector it goes two steps further.
	@$(PYTHON) scripts/gotest.py $(GO) test -timeout 15m ./scheduler/sim
	@# Not cached: Go notes each file that a test looks at, and goes through them
	@# afterwards, which for a host's daemon takes minutes.
	@$(PYTHON) scripts/gotest.py $(GO) test -race -count=1 -parallel 4 -timeout 25m ./agent

.PHONY: test-lab
test-lab: need-go need-test build $(VENV)/.dev ## Run the tests of whole machines: servers, hosts and stores, sessions, faults
	@# They wait more than they compute: several tests at once.
	@$(PYTHON) scripts/gotest.py $(GO) test -count=1 -parallel 8 -timeout 15m ./e2e/chaos/planted
	@# Two labs at once, a minute of faults in each.
	@$(PYTHON) scripts/gotest.py $(GO) test -count=1 -timeout 15m ./e2e/chaos
	@$(PYTHON) scripts/gotest.py $(GO) test -race -count=1 -parallel 4 -timeout 25m ./e2e

.PHONY: test-python
test-python: need-test build $(VENV)/.dev $(TVENV)/.made ## Run the tests in Python, of the client, the page and notebooks
	@$(PYTHON) scripts/pythontest.py $(VPY) $(CLIENT)/tests
	@$(PYTHON) scripts/pythontest.py $(TVENV)/bin/python $(CLIENT)/tests/test_torch.py $(CLIENT)/tests/test_arrays.py
	@$(PYTHON) scripts/pythontest.py $(VPY) e2e/web
	@$(PYTHON) scripts/pythontest.py $(VPY) e2e/notebook
	@$(PYTHON) scripts/pythontest.py $(VPY) e2e/jupyter
	@$(PYTHON) scripts/pythontest.py $(TVENV)/bin/python e2e/books

.PHONY: chaos
chaos: need-go need-test build $(VENV)/.dev ## Shake a lab of real processes (CHAOS="-seed 7 -duration 10m"); PLANTED=1: have the checker find every planted bug
	@$(GO) test -count=1 -v -timeout 24h $(if $(PLANTED),-parallel 8 ./e2e/chaos/planted -args -all,./e2e/chaos -args $(CHAOS))

.PHONY: explore
explore: need-go ## Explore the transitions to full depth, all faults and mutants (minutes)
	@$(GO) test -count=1 -timeout 60m -v ./scheduler/sim -args -full

.PHONY: fuzz
fuzz: need-go ## Fuzz all that reads foreign bytes, one target after the other (FUZZTIME=5m, FUZZ="envelope backup")
	@GO='$(GO)' scripts/fuzz.sh '$(FUZZTIME)' $(FUZZ)

.PHONY: check
check: need-go need-cc $(LINT) $(AUDIT)/.made $(VENV)/.dev ## Lint, format, types, links, OpenAPI, known holes and licences, as CI does
	@echo "check: go build and vet without a C compiler"
	@CGO_ENABLED=0 scripts/online.sh $(GO) build ./...
	@CGO_ENABLED=0 $(GO) vet ./gpu/... ./cmd/...
	@echo "check: golangci-lint"
	@$(LINT) run ./...
	@echo "check: gofumpt"
	@$(LINT) fmt --diff ./...
	@echo "check: ruff"
	@$(VPY) -m ruff check --quiet $(PY_CODE)
	@$(VPY) -m ruff format --quiet --check $(PY_CODE)
	@echo "check: mypy --strict"
	@$(VPY) -m mypy --strict --config-file $(CLIENT)/pyproject.toml $(PY_TYPED)
	@MYPYPATH=e2e/web $(VPY) -m mypy --strict --config-file $(CLIENT)/pyproject.toml e2e/web
	@MYPYPATH=e2e/web:e2e/notebook:$(CLIENT)/tests $(VPY) -m mypy --strict --config-file $(CLIENT)/pyproject.toml e2e/notebook
	@MYPYPATH=e2e/web:e2e/jupyter $(VPY) -m mypy --strict --config-file $(CLIENT)/pyproject.toml e2e/jupyter
	@MYPYPATH=e2e/web:e2e/books:scripts $(VPY) -m mypy --strict --config-file $(CLIENT)/pyproject.toml e2e/books
	@MYPYPATH=e2e/gpu $(VPY) -m mypy --strict --config-file $(CLIENT)/pyproject.toml e2e/gpu
	@echo "check: notebooks"
	@$(PYTHON) scripts/ipynb.py check notebooks
	@echo "check: links"
	@$(PYTHON) scripts/links.py
	@echo "check: OpenAPI"
	@$(GO) test -count=1 -run 'OpenAPI' ./api/...
	@echo "check: govulncheck"
	@scripts/audit.sh go $(GO) $(AUDIT)
	@echo "check: pip-audit"
	@scripts/audit.sh python $(VPY)
	@echo "check: licences"
	@scripts/audit.sh licences $(AUDIT) $(VPY)

.PHONY: format
format: need-go $(LINT) $(VENV)/.dev ## Format Go and Python
	@$(LINT) fmt ./...
	@$(VPY) -m ruff check --quiet --fix $(PY_CODE)
	@$(VPY) -m ruff format --quiet $(PY_CODE)
	@$(PYTHON) scripts/ipynb.py strip notebooks

.PHONY: bench
bench: build $(VENV)/.dev ## Measure, beside the peers that it is measured against
	@if [ -x bench/run ]; then exec bench/run; else scripts/not-yet.sh bench "the benchmarks"; fi

.PHONY: pictures
pictures: need-test build $(VENV)/.dev ## Make the pictures of the page and of notebooks anew, in docs/img
	@$(VPY) e2e/web/pictures.py docs/img
	@PYTHONPATH=e2e/web $(VPY) e2e/jupyter/pictures.py docs/img

.PHONY: notebooks
notebooks: need-test build $(TVENV)/.made ## Execute notebooks/ against Redis, a server and an agent, and check what the cells show
	@$(PYTHON) scripts/pythontest.py $(TVENV)/bin/python e2e/books

.PHONY: test-isolation
test-isolation: build $(VENV)/.client ## Try on this host, as root, whether systemd holds jobs (LEVEL=cgroup: without systemd)
	@scripts/test-isolation.sh $(VPY)

.PHONY: test-gpu
test-gpu: $(if $(shell command -v $(GO)),build) ## Try MLQ on this machine's NVIDIA GPU, with PYTHON's PyTorch, and write a report (DRY=1: on a stand-in)
	@GO='$(GO)' DRY='$(DRY)' scripts/test-gpu.sh $(if $(filter file,$(origin PYTHON)),,'$(PYTHON)')

.PHONY: install
install: build ## Install under PREFIX (/usr/local): binary, systemd units, settings, completions
	@PREFIX='$(PREFIX)' DESTDIR='$(DESTDIR)' SYSCONFDIR='$(SYSCONFDIR)' scripts/install.sh install

.PHONY: uninstall
uninstall: ## Remove what install put there; data and changed settings stay
	@PREFIX='$(PREFIX)' DESTDIR='$(DESTDIR)' SYSCONFDIR='$(SYSCONFDIR)' scripts/install.sh uninstall

.PHONY: dist
dist: need-go $(if $(filter $(WHEELS),$(TOOLWHEELS)),$(TOOLWHEELS)/.made) ## Archives for Linux (ARCHES="amd64 arm64") and Python packages, in dist/
	@NVML='$(NVML)' scripts/dist.sh '$(VERSION)' '$(GO)' '$(LDFLAGS)' '$(WHEELS)' $(ARCHES)

.PHONY: clean
clean: ## Remove what was built; .run (the data of make run) stays
	@rm -rf bin dist $(VENV) $(TVENV) .tools $(CLIENT)/build

# What the targets above stand on.

.PHONY: need-go
need-go:
	@scripts/need.sh go "$(GO)"

.PHONY: need-cc
need-cc:
	@scripts/need.sh cc

.PHONY: need-torch
need-torch:
	@scripts/need.sh torch "$(TORCH_PYTHON)"

.PHONY: need-test
need-test:
	@scripts/need.sh test

# An environment is made anew where its making was cut off, its Python is gone,
# or make is told to use another one.
ifeq ($(origin PYTHON),file)
USABLE := test -x $(VPY)
else
USABLE := test -x $(VPY) && grep -qxF '$(PYTHON)' $(VMADE)
endif
ifneq ($(shell $(USABLE) 2>/dev/null && echo yes),yes)
.PHONY: $(VMADE)
endif

$(VMADE):
	@scripts/need.sh python "$(PYTHON)"
	@rm -rf $(VENV)
	@$(PYTHON) -m venv $(VENV)
	@echo '$(PYTHON)' >$@

$(VENV)/.client: $(VMADE) $(CLIENT)/pyproject.toml
	@echo "make: installing the Python client into $(VENV)"
	@scripts/online.sh $(VPY) -m pip install --quiet -e ./$(CLIENT)
	@touch $@

$(VENV)/.dev: $(VMADE) $(CLIENT)/pyproject.toml
	@echo "make: installing the Python client and its development tools into $(VENV)"
	@scripts/online.sh $(VPY) -m pip install --quiet -e './$(CLIENT)[test,check,web,notebook]'
	@touch $@ $(VENV)/.client

# Client and jobs beside the system's PyTorch. It is made once more where its Python is gone.
ifneq ($(shell test -x $(TVENV)/bin/python && echo yes),yes)
.PHONY: $(TVENV)/.made
endif

$(TVENV)/.made: $(CLIENT)/pyproject.toml | need-torch
	@echo "make: installing the Python client beside the system's PyTorch, into $(TVENV)"
	@rm -rf $(TVENV)
	@$(TORCH_PYTHON) -m venv --system-site-packages $(TVENV)
	@# The system's numpy stays: its PyTorch is built for that one.
	@scripts/online.sh $(TVENV)/bin/python -m pip install --quiet -e './$(CLIENT)[test,notebook]' \
	  "numpy==$$($(TVENV)/bin/python -c 'import numpy; print(numpy.__version__)')"
	@touch $@

$(TOOLWHEELS)/.made: $(CLIENT)/wheels.txt $(VMADE)
	@scripts/online.sh scripts/wheels.sh $(VPY) $(CLIENT)/wheels.txt $(TOOLWHEELS)
	@touch $@

$(LINT):
	@echo "make: building golangci-lint $(LINT_VERSION) into .tools (one to three minutes)"
	@mkdir -p .tools
	@GOFLAGS= GOBIN=$(CURDIR)/.tools scripts/online.sh $(GO) install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$(LINT_VERSION)
	@mv .tools/golangci-lint $@

$(AUDIT)/.made:
	@echo "make: building govulncheck $(VULN_VERSION) and go-licenses $(LICENSES_VERSION) into .tools (a minute)"
	@mkdir -p $(AUDIT)
	@GOFLAGS= GOBIN=$(CURDIR)/$(AUDIT) scripts/online.sh $(GO) install golang.org/x/vuln/cmd/govulncheck@$(VULN_VERSION)
	@GOFLAGS= GOBIN=$(CURDIR)/$(AUDIT) scripts/online.sh $(GO) install github.com/google/go-licenses@$(LICENSES_VERSION)
	@touch $@
