# Everything a contributor or the gate runs. The tools are pinned here and never enter a go.mod, where they would reach our users.

SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-print-directory
.NOTPARALLEL:

GOLANGCI_LINT := go run github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0
GOVULNCHECK := go run golang.org/x/vuln/cmd/govulncheck@v1.9.0

MODULES := $(shell awk '/^[.a-z]/ { print $$1 }' modules.txt)

# The race detector needs cgo, hence a C compiler; go reports CGO_ENABLED=0 where there is none.
RACE := $(if $(filter 1,$(shell go env CGO_ENABLED)),-race)

# What the fuzz and bench targets take from the command line, as in `make fuzz FUZZTIME=10s`.
export FUZZTIME ?= 60s
export FUZZ ?= .
BENCH ?= .
COUNT ?= 6

# Where the SQL store meets databases. SQLite that is compiled from C to Go is four times slower under the race detector, which
# looks into it then: with that it is tested by the driver in C, and without it by those in Go.
DBTEST := store/sqlstore/dbtest
SQLITE_IN_GO := sqlite-modernc,sqlite-ncruces
WITHOUT_SQLITE_IN_GO := ,-sqlite-modernc,-sqlite-ncruces

# in-modules runs a command in every module and stops at the first that fails.
define in-modules
@for module in $(MODULES); do echo "== $@: module $$module"; (cd "$$module" && $(1)) || exit 1; done
endef

.PHONY: help
help: ## Show this help
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "%-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: all
all: deps tidy fmt-check lint vet docs test ## Everything the gate runs

.PHONY: test
test: ## Test every module with the race detector, in random order
	@[ -n "$(RACE)" ] || echo "NOTE: no C compiler, so the race detector is off; install one and run again."
	$(call in-modules,$(if $(RACE),{ [ "$$module" != $(DBTEST) ] || export AUDIENCEKIT_DATABASES="$$AUDIENCEKIT_DATABASES$(WITHOUT_SQLITE_IN_GO)"; } && )go test $(RACE) -shuffle=on -timeout 45m ./...)
	$(if $(RACE),@$(MAKE) test-cgo test-without-race)
	@$(MAKE) databases

.PHONY: test-cgo
test-cgo: ## Test the SQL store on SQLite with the driver that needs a C compiler
	@echo "== $@"; cd $(DBTEST) && AUDIENCEKIT_DATABASES=sqlite-mattn go test $(RACE) -shuffle=on -timeout 45m -tags mattn -run '/sqlite-mattn' ./...

.PHONY: test-without-race
test-without-race: ## Test the SQL store where the race detector is too slow: on SQLite in Go, and searches on servers
	@echo "== $@"; cd $(DBTEST) && AUDIENCEKIT_DATABASES=$(SQLITE_IN_GO) go test -shuffle=on -timeout 45m ./...
	@cd $(DBTEST) && AUDIENCEKIT_DATABASES="$$AUDIENCEKIT_DATABASES$(WITHOUT_SQLITE_IN_GO)" go test -shuffle=on -timeout 45m -run 'Scripts$$|Trials$$' .

.PHONY: databases
databases: ## Show which databases the tests run on and why not on others
	@echo "== $@"; cd $(DBTEST) && go test $(RACE) -count=1 -run '^TestDatabases$$' -v .

.PHONY: lint
lint: ## Run golangci-lint with .golangci.yml
	$(call in-modules,$(GOLANGCI_LINT) run ./...)

.PHONY: vet
vet: ## Run go vet, which compiles tests and examples too
	$(call in-modules,go vet ./...)

.PHONY: fmt
fmt: ## Format the code: gofumpt, imports in three groups
	$(call in-modules,$(GOLANGCI_LINT) fmt ./...)

.PHONY: fmt-check
fmt-check: ## Show what fmt would change and fail if anything
	$(call in-modules,$(GOLANGCI_LINT) fmt --diff ./...)

.PHONY: docs
docs: ## Check package comments and the links of the Markdown files
	@echo "== $@"; go test -run '^TestDocs' .

.PHONY: deps
deps: ## Fail when deps.txt does not name exactly the modules we compile
	@echo "== $@"; .ci/deps | diff -u deps.txt - || { echo "The dependencies changed. If that is wanted, run 'make deps-update' and say why in the commit."; exit 1; }

.PHONY: deps-update
deps-update: ## Write deps.txt anew
	@.ci/deps > deps.txt

.PHONY: tidy
tidy: ## Fail when a go.mod or go.sum is not tidy
	$(call in-modules,go mod tidy -diff)

.PHONY: bench
bench: ## Run benchmarks: BENCH=regexp COUNT=6, for benchstat
	$(call in-modules,go test -run '^$$' -bench '$(BENCH)' -benchmem -count=$(COUNT) ./...)

.PHONY: fuzz
fuzz: ## Fuzz every target: FUZZTIME=60s each, FUZZ=regexp of names
	$(call in-modules,"$(CURDIR)/.ci/fuzz")

.PHONY: cover
cover: ## Test coverage per function, each package counted by all tests
	$(call in-modules,go test -coverpkg=./... -coverprofile=coverage.out ./... && go tool cover -func=coverage.out)

.PHONY: vuln
vuln: ## Look for known vulnerabilities (needs vuln.go.dev)
	$(call in-modules,$(GOVULNCHECK) ./...)
