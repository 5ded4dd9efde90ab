# The local Kubernetes cluster, included by the Makefile at the top. Everything lands in bin/localcluster; build.sh rebuilds
# what changed, and only that.

LOCALCLUSTER := bin/localcluster/localcluster
ENVTEST := bin/localcluster/envtest
KUBECTL := bin/localcluster/envtest/kubectl

LOCALCLUSTER_SOURCES := hack/localcluster/go.mod hack/localcluster/go.sum hack/localcluster/build.sh \
	$(shell find hack/localcluster -name '*.go')

##@ Local cluster

.PHONY: localcluster
localcluster: ## Build the local cluster's programs and install the Debian packages that they call (root)
	@hack/localcluster/packages.sh
	@hack/localcluster/build.sh all

$(LOCALCLUSTER): $(LOCALCLUSTER_SOURCES)
	@hack/localcluster/build.sh localcluster

$(ENVTEST): $(LOCALCLUSTER_SOURCES)
	@hack/localcluster/build.sh kube

# With the compiler flags of build.sh the packages of Kubernetes and containerd are not compiled a second time.
IN_LOCALCLUSTER := cd hack/localcluster && CGO_ENABLED=0 GOFLAGS=-gcflags=all=-dwarf=false

# The linters read everything but cmd/kube, some 80 lines that link all of Kubernetes: for them they would take 10 GB.
LOCALCLUSTER_LINTED := ./internal/... \
	$(patsubst hack/localcluster/%,./%,$(filter-out %/kube,$(wildcard hack/localcluster/cmd/*)))

.PHONY: localcluster-unit
localcluster-unit: ## Test the local cluster's own packages, without a cluster; vet what a Mac compiles
	$(IN_LOCALCLUSTER) go test -shuffle=on ./internal/...
	$(IN_LOCALCLUSTER) GOOS=darwin go vet ./...

.PHONY: localcluster-test
localcluster-test: localcluster ## Start, break, repair and remove real clusters (root, about three minutes)
	$(IN_LOCALCLUSTER) go test -tags cluster -count=1 -timeout 20m -v ./internal/acceptance -programs $(CURDIR)/bin/localcluster

.PHONY: localcluster-up localcluster-down
localcluster-up: localcluster ## Start the local cluster
	$(LOCALCLUSTER) up
localcluster-down: $(LOCALCLUSTER) ## Remove the local cluster and all it made
	$(LOCALCLUSTER) down
