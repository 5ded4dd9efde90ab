#!/bin/bash
# Builds programs of the local cluster into bin/localcluster: "build.sh all", or "build.sh NAME..." for some of them.
# Each program is rebuilt when what it is made of has changed (dependencies, its own sources, the Go version), and not else.
set -euo pipefail

cd "$(dirname "$0")"
out=../../bin/localcluster

# The version that Kubernetes reports is set at link time; it is the one in go.mod.
kubernetes=$(awk '$1 == "k8s.io/kubernetes" {print $2}' go.mod)
IFS=. read -r major minor _ <<<"${kubernetes#v}"
version=k8s.io/component-base/version
flags="-s -w -X $version.gitVersion=$kubernetes -X $version.gitMajor=$major -X $version.gitMinor=$minor"

# name, package, and the folders with its own sources
plugins=github.com/containernetworking/plugins/plugins
programs="
kube                    ./cmd/kube                     cmd/kube internal/netpol
containerd              ./cmd/containerd               cmd/containerd
coredns                 ./cmd/coredns                  cmd/coredns
containerd-shim-runc-v2 ./cmd/containerd-shim-runc-v2  cmd/containerd-shim-runc-v2
localcluster            ./cmd/localcluster             cmd/localcluster internal
pause                   ./cmd/pause                    cmd/pause
bridge                  $plugins/main/bridge
host-local              $plugins/ipam/host-local
portmap                 $plugins/meta/portmap
"

# key FOLDER... prints what identifies a build from these sources.
key() {
	{
		go env GOVERSION GOARCH
		cat build.sh go.mod go.sum
		if (($# > 0)); then
			find "$@" -type f ! -name '*_test.go' -print0 | sort -z | xargs -0 cat
		fi
	} | if command -v sha256sum >/dev/null; then sha256sum; else shasum -a 256; fi # the latter on a Mac
}

# wanted NAME reports whether the caller asked for a program.
wanted() { [[ " $asked " == *" $1 "* || " $asked " == *" all "* ]]; }

asked=$*
mkdir -p "$out/keys" "$out/images" "$out/envtest"
names=() packages=()
while read -r name package folders; do
	[[ -n $name ]] && wanted "$name" || continue
	# shellcheck disable=SC2086 # folders are words
	if [[ ! -x $out/$name || $(cat "$out/keys/$name" 2>/dev/null) != "$(key $folders)" ]]; then
		names+=("$name")
		packages+=("$package")
	fi
done <<<"$programs"

if ((${#packages[@]} > 0)); then
	echo "localcluster: building ${names[*]} (all of them take some minutes, once)" >&2
	# One command for all: they share most of their packages. No cgo: the programs are static and need no C compiler.
	# The compiler is quicker when it need not describe the code to debuggers, and when it collects garbage less often.
	GOGC=400 GOMEMLIMIT=2GiB CGO_ENABLED=0 go build -buildvcs=false -gcflags=all=-dwarf=false -ldflags "$flags" \
		-o "$out/" "${packages[@]}" 2> >(grep -v '^go: downloading' >&2)
	while read -r name _ folders; do
		[[ -n $name && " ${names[*]} " == *" $name "* ]] || continue
		# shellcheck disable=SC2086
		key $folders >"$out/keys/$name"
	done <<<"$programs"
fi

# controller-runtime's envtest wants programs of these names.
if wanted kube; then
	for name in etcd kube-apiserver kubectl; do
		ln -sfn ../kube "$out/envtest/$name"
	done
	touch "$out/envtest"
fi
if wanted localcluster; then
	touch "$out/localcluster"
fi

# The cluster's own images.
if wanted all; then
	for name in pause coredns; do
		archive=$out/images/$name.tar
		if [[ ! -e $archive || $out/$name -nt $archive ]]; then
			"$out/localcluster" image --binary "$out/$name" --entrypoint "/$name" --tag "localhost/localcluster/$name:1" --output "$archive"
		fi
	done
fi
