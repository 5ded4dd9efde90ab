#!/usr/bin/env bash
# Runs every fuzz target of the module for the given time, one after another, and stops at the first that fails.
set -euo pipefail
cd "$(dirname "$0")/.."
time=${1:-30s}
while IFS=: read -r file target; do
	package=./$(dirname "$file")
	echo "== $package $target"
	go test -run '^$' -fuzz "^${target}\$" -fuzztime "$time" -fuzzminimizetime 20x "$package"
done < <(git ls-files '*_test.go' | grep -v '^hack/localcluster/' | xargs grep -oE '^func Fuzz[A-Za-z0-9_]*' /dev/null | sed 's/func //')
