#!/usr/bin/env bash
# Runs the end-to-end tests on a local cluster of their own, which is removed at the end whatever happens.
set -euo pipefail
cd "$(dirname "$0")/.."
cluster=(bin/localcluster/localcluster)
name=portolan-e2e
export KUBECONFIG=$PWD/bin/e2e.kubeconfig KUBECTL=$PWD/bin/localcluster/envtest/kubectl

trap '"${cluster[@]}" down --name "$name"' EXIT
"${cluster[@]}" down --name "$name" # what a killed run left
"${cluster[@]}" up --name "$name"
"${cluster[@]}" kubeconfig --name "$name" >"$KUBECONFIG"
for image in bin/image/portolan.tar bin/image/shop.tar; do
	"${cluster[@]}" load --name "$name" "$image"
done
go test -tags e2e -count=1 -v -timeout 25m ./internal/e2e
