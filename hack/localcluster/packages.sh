#!/bin/bash
# Installs the Debian packages whose programs the local cluster calls, if any is missing.
set -euo pipefail

PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin

# The kernel interfaces that the cluster is made of exist on Linux only.
if [[ $(uname -s) != Linux ]]; then
	echo "localcluster: this is $(uname -s); the local cluster needs Linux, for example in a virtual machine" >&2
	exit 1
fi

# A program and the package that has it.
needs=(runc:runc iptables:iptables ipset:ipset conntrack:conntrack nft:nftables mount:mount)

missing=()
for need in "${needs[@]}"; do
	command -v "${need%%:*}" >/dev/null || missing+=("${need##*:}")
done
if ((${#missing[@]} == 0)); then
	exit 0
fi

install="apt-get install --yes --no-install-recommends ${missing[*]}"
if ! command -v apt-get >/dev/null; then
	echo "localcluster: missing programs; install what your distribution calls: ${missing[*]}" >&2
	exit 1
fi
if ((EUID != 0)); then
	echo "localcluster: missing programs; run this as root: apt-get update && $install" >&2
	exit 1
fi
echo "localcluster: installing ${missing[*]}" >&2
log=$(mktemp)
trap 'rm -f "$log"' EXIT
export DEBIAN_FRONTEND=noninteractive
if ! { apt-get update && $install; } >"$log" 2>&1; then
	cat "$log" >&2
	echo "localcluster: could not install ${missing[*]}; see the messages above, then run: apt-get update && $install" >&2
	exit 1
fi
