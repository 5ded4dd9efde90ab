# Portolan. "make help" lists the targets. Go and make are enough on a fresh Debian machine; what else a target needs it
# builds into bin/ or installs itself, and says so.

SHELL := /bin/bash -o pipefail
.DEFAULT_GOAL := help
VERSION ?= v0.1.0
export GOTOOLCHAIN ?= local

include hack/tools/tools.mk
include hack/localcluster/localcluster.mk

GO_SOURCES = $(shell find . -path ./bin -prune -o -path ./hack/localcluster -prune -o -path ./hack/tools -prune -o -name '*.go' -print) go.mod go.sum

.PHONY: help
help: ## List the targets
	@awk -F ':.*## ' '/^[a-zA-Z0-9_-]+:.*## / {printf "  %-20s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

##@ Build

.PHONY: build
build: bin/portolan ## Build the binary into bin/portolan
bin/portolan: $(GO_SOURCES)
	CGO_ENABLED=0 go build -trimpath -buildvcs=auto -ldflags "-s -w -X main.version=$(VERSION)" -o $@ .
bin/shop: $(GO_SOURCES)
	CGO_ENABLED=0 go build -trimpath -ldflags "-s -w" -o $@ ./hack/shop

# Images hold Linux programs; on another system they are built beside those for people.
IMAGED := $(if $(filter linux,$(shell go env GOHOSTOS)),bin,bin/linux)
bin/linux/portolan: $(GO_SOURCES)
	CGO_ENABLED=0 GOOS=linux go build -trimpath -buildvcs=auto -ldflags "-s -w -X main.version=$(VERSION)" -o $@ .
bin/linux/shop: $(GO_SOURCES)
	CGO_ENABLED=0 GOOS=linux go build -trimpath -ldflags "-s -w" -o $@ ./hack/shop

.PHONY: image
image: bin/image/portolan.tar bin/image/shop.tar ## Build the images without Docker into bin/image
bin/image/portolan.tar: $(IMAGED)/portolan $(LOCALCLUSTER)
	@mkdir -p bin/image
	$(LOCALCLUSTER) image --binary $< --entrypoint /portolan --tag localhost/portolan:dev --user 65532:65532 --output $@
bin/image/shop.tar: $(IMAGED)/shop $(LOCALCLUSTER)
	@mkdir -p bin/image
	$(LOCALCLUSTER) image --binary $< --entrypoint /shop --tag localhost/portolan-shop:dev --user 65532:65532 --output $@

##@ Check

.PHONY: test
test: compiler nft postgres $(ENVTEST) ## Vet, the doors test, unit tests with the race detector, controllers on a real control plane
	go vet ./...
	go vet -tags e2e ./internal/e2e
	KUBEBUILDER_ASSETS=$(CURDIR)/$(ENVTEST) go test -race -shuffle=on -timeout 20m ./...
	$(MAKE) --no-print-directory localcluster-unit
	cd hack/tools && go test ./...

# The race detector needs a C compiler, which a fresh Debian does not have.
.PHONY: compiler
compiler:
	@command -v gcc >/dev/null || { apt-get update -q && apt-get install -y -q --no-install-recommends gcc libc6-dev; } || \
		{ echo 'the race detector needs gcc and libc6-dev: install them, or run as root' >&2; exit 1; }

# The tests of the connection table translate addresses by real rules.
.PHONY: nft
nft:
	@command -v nft >/dev/null || { apt-get update -q && apt-get install -y -q --no-install-recommends nftables; } || \
		{ echo 'the tests of the connection table need nftables: install it, or run as root' >&2; exit 1; }

# The store is tested on a real PostgreSQL server, which the tests start and end themselves.
.PHONY: postgres
postgres: ## Install the Debian package postgresql if there is no PostgreSQL server (root)
	@hack/postgres.sh

.PHONY: e2e
e2e: localcluster-test build image ## Real clusters are started, broken and removed; then the whole story of Portolan on one (root)
	hack/e2e.sh

.PHONY: bench
bench: postgres $(ENVTEST) ## Run the benchmarks of section "Budgets" of the documentation
	KUBEBUILDER_ASSETS=$(CURDIR)/$(ENVTEST) go test -run '^$$' -bench . -benchmem -timeout 30m ./... | grep -v 'no test files'

FUZZTIME ?= 30s
.PHONY: fuzz
fuzz: ## Run each fuzz target for FUZZTIME (30s)
	hack/fuzz.sh $(FUZZTIME)

.PHONY: verify
verify: generate lint ## Regenerate, and fail on a difference; tidy; lint
	go mod tidy -diff
	cd hack/localcluster && go mod tidy -diff
	cd hack/tools && go mod tidy -diff
	@git diff --exit-code && test -z "$$(git status --porcelain)" || \
		{ git status --short >&2; echo 'generated files differ from what is committed: run "make generate" and commit the result' >&2; exit 1; }

##@ See it

.PHONY: demo
demo: build image ## A shop on a real cluster: its map, its intents, an intruder refused. CLUSTER=current or local
	@go build -o bin/tools/demo ./hack/demo && bin/tools/demo

.PHONY: demo-down
demo-down: ## Remove everything that the demo made
	@go build -o bin/tools/demo ./hack/demo && bin/tools/demo down

.PHONY: clean
clean: ## Delete what was built, but for the local cluster and the demo, which may run
	find bin -mindepth 1 -maxdepth 1 ! -name README.md ! -name localcluster ! -name demo -exec rm -rf {} +
