# SPDX-License-Identifier: Apache-2.0
# `make help` lists the targets.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

PROGRAMS := record analyze replay
OFFLINE  := analyze replay
# Static binaries, which run on every host with a suitable kernel.
export CGO_ENABLED := 0
# The go command writes the version and the commit into them; a flag here counts for more than one in GOFLAGS. Without a
# repository that git can read, an archive of the source, VERSION=v1.2.3 tells the version.
CLI     := github.com/fletch-trace/fletch/internal/cli
VCS     := $(if $(shell git rev-parse HEAD 2>/dev/null),auto,false)
# It does not look into a git worktree, whose .git is a file: git tells there what it would write.
ifneq ($(wildcard .git),$(patsubst %/.,%,$(wildcard .git/.)))
VERSION ?= $(shell git describe --tags --exact-match 2>/dev/null || TZ=UTC git show -s --abbrev=12 \
	--date=format-local:%Y%m%d%H%M%S --format=v0.0.0-%cd-%h)$(if $(shell git status --porcelain | head -n 1),+dirty)
COMMIT  := $(shell git rev-parse HEAD)
endif
LINKED  := $(if $(VERSION),-X $(CLI).version=$(VERSION)) $(if $(COMMIT),-X $(CLI).commit=$(COMMIT))
LDFLAGS := -s -w $(LINKED)
GOBUILD := go build -trimpath -buildvcs=$(VCS) -ldflags '$(LDFLAGS)'

.PHONY: help
help: ## this list
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## /{printf "make %-17s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: build
build: ## the three static binaries, into bin/
	$(GOBUILD) -o bin/ $(addprefix ./cmd/,$(PROGRAMS))

.PHONY: man completions
man: build ## manual pages of the programs, into bin/share
	go run ./internal/cli/gen man bin/share $(addprefix bin/,$(PROGRAMS))
completions: build ## their completions for bash, zsh and fish, into bin/share
	go run ./internal/cli/gen completions bin/share $(addprefix bin/,$(PROGRAMS))

.PHONY: demo
demo: build ## record a few seconds of real work, then read them
	@test/demo.sh

.PHONY: check
check: ## lint, and the tests that need neither root nor a kernel nor a network
	@test/check.sh

.PHONY: test
test: ## install what the tests need, run all of them, say what could not run
	@test/install.sh
	@test/run.sh

.PHONY: test-readers
test-readers: build ## read captures and Parquet with pyarrow, pandas, polars and DuckDB
	@test/install.sh readers
	@test/readers.sh

.PHONY: torture
torture: ## kill, fill disks, dump and record under full load for half an hour (as root); make test does a little
	@test/install.sh peers
	FLETCH_TORTURE=large go test -count=1 -timeout 90m -v -run '^TestTorture' ./test

.PHONY: torture-hostile
torture-hostile: ## record in each mode beside each kind of hostile neighbour (as root); twenty minutes
	FLETCH_TORTURE=large FLETCH_NEIGHBOURS=all go test -count=1 -timeout 60m -v -run '^TestTortureHostile' ./test

.PHONY: test-kernel
test-kernel: ## every test on Debian's 6.1 and 6.12, with BPF LSM and without, in QEMU; the unit, with a systemd
	@test/install.sh kernel
	@test/kernel.sh amd64
	@INIT=systemd BOOTS=6.12:bpf RUN=TestSystemdRuns test/kernel.sh amd64

.PHONY: test-kernel-arm64
test-kernel-arm64: ## the same on Debian's arm64 kernels
	@test/install.sh kernel-arm64
	@test/kernel.sh arm64

.PHONY: generate
generate: ## compile the BPF programs and make the system call tables anew (clang 14)
	@test/install.sh generate
	LINUX_HEADERS=$$(test/headers.sh) && export LINUX_HEADERS && go generate ./internal/syscalls && go generate ./...

.PHONY: seccomp
seccomp: ## trace the recorder anew for the list of system calls that its own filter allows (as root; ARCH=arm64)
	@test/seccomp.sh $(or $(ARCH),amd64)

.PHONY: lint
lint: ## gofmt, go vet, staticcheck, shell syntax
	@test/lint.sh

.PHONY: race
race: ## the packages under the race detector (needs a C compiler); a few minutes
	@test/race.sh

.PHONY: fuzz
fuzz: ## every fuzz target for FUZZTIME each (default 30s)
	@test/fuzz.sh $(or $(FUZZTIME),30s)

.PHONY: bench
bench: ## compare with perf, strace and an empty BPF program (as root); BENCH='-r added --rounds 9', see --help
	@test/install.sh bench
	go run ./test/bench $(BENCH)

.PHONY: bench-parts
bench-parts: ## Go benchmarks of the parts
	go test -run '^$$' -bench . -benchmem ./bpf ./format ./internal/... ./cmd/...

.PHONY: sample
sample: build ## record the sample capture that the demo falls back on (as root)
	@test/sample.sh

.PHONY: clean
clean: ## remove everything made here
	rm -rf bin demo .venv .cache
