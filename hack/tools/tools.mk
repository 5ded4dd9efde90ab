# Build-time programs. hack/tools/go.mod pins their versions; each is built into bin/tools when a target first needs it,
# and again when go.mod or go.sum changes. Nothing is installed outside of the repository.

TOOLS := bin/tools
TOOLS_KEY := hack/tools/go.mod hack/tools/go.sum
PROTO_ROOTS = $(wildcard internal/*/proto)

$(TOOLS)/controller-gen: TOOL_PACKAGE = sigs.k8s.io/controller-tools/cmd/controller-gen
$(TOOLS)/golangci-lint: TOOL_PACKAGE = github.com/golangci/golangci-lint/v2/cmd/golangci-lint
$(TOOLS)/protoc-gen-go: TOOL_PACKAGE = google.golang.org/protobuf/cmd/protoc-gen-go
$(TOOLS)/protoc-gen-connect-go: TOOL_PACKAGE = connectrpc.com/connect/cmd/protoc-gen-connect-go
$(TOOLS)/protogen: TOOL_PACKAGE = ./cmd/protogen
$(TOOLS)/protogen: $(wildcard hack/tools/cmd/protogen/*.go)

$(TOOLS)/%: $(TOOLS_KEY)
	@echo "building $*"
	@mkdir -p $(TOOLS)
	@cd hack/tools && CGO_ENABLED=0 go build -trimpath -ldflags='-s -w' -o $(CURDIR)/$@ $(TOOL_PACKAGE)
	@touch $@

.PHONY: generate
generate: $(TOOLS)/controller-gen $(TOOLS)/protogen $(TOOLS)/protoc-gen-go $(TOOLS)/protoc-gen-connect-go ## Write the code and manifests that come from sources: deepcopy, CRDs, protocol buffers
	$(TOOLS)/controller-gen object crd paths=./api/... output:crd:dir=config/crd/bases
	$(TOOLS)/controller-gen rbac:roleName=portolan-operator paths=./controllers/... paths=./internal/role/... output:rbac:dir=config/rbac
	$(if $(PROTO_ROOTS),$(TOOLS)/protogen -module github.com/portolan-io/portolan $(PROTO_ROOTS))

.PHONY: lint
lint: $(TOOLS)/golangci-lint ## Check the Go code of all modules with the linters of .golangci.yaml
	$(TOOLS)/golangci-lint run --allow-parallel-runners --build-tags e2e ./...
	cd hack/tools && ../../$(TOOLS)/golangci-lint run --allow-parallel-runners --config ../../.golangci.yaml ./...
	$(IN_LOCALCLUSTER) ../../$(TOOLS)/golangci-lint run --allow-parallel-runners --config ../../.golangci.yaml --build-tags cluster $(LOCALCLUSTER_LINTED)

.PHONY: fmt
fmt: $(TOOLS)/golangci-lint ## Format the Go code
	$(TOOLS)/golangci-lint fmt
