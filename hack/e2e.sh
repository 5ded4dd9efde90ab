#!/usr/bin/env bash
# Runs the end-to-end tests on a local cluster of their own, which is removed at the end whatever happens. E2E_CLUSTER and
# E2E_CIDR choose its name and addresses, so that several can run side by side; arguments go to "go test".
set -euo pipefail
cd "$(dirname "$0")/.."
cluster=(bin/localcluster/localcluster)
name=${E2E_CLUSTER:-portolan-e2e}
export KUBECONFIG=$PWD/bin/e2e.kubeconfig KUBECTL=$PWD/bin/localcluster/envtest/kubectl
# Where the address plugin of the node writes down which address it gave last.
export POD_ADDRESSES=/var/lib/portolan-localcluster/$name/machine/cni/networks/pods

trap '"${cluster[@]}" down --name "$name"' EXIT
"${cluster[@]}" down --name "$name" # what a killed run left
families=()
[[ -e /proc/net/if_inet6 ]] && families=(--ipv6) # a kernel without IPv6 has one family, and the stories know
"${cluster[@]}" up --name "$name" ${E2E_CIDR:+--cidr "$E2E_CIDR"} "${families[@]}"
"${cluster[@]}" kubeconfig --name "$name" >"$KUBECONFIG"
for image in bin/image/portolan.tar bin/image/shop.tar; do
	"${cluster[@]}" load --name "$name" "$image"
done
go test -tags e2e -count=1 -v -timeout 25m ./internal/e2e "$@"
