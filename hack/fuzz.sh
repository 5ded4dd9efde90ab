#!/usr/bin/env bash
# Runs every fuzz target of the repository's modules for the given time, one after another, and stops at the first that fails.
set -euo pipefail
cd "$(dirname "$0")/.."
time=${1:-30s}
root=$PWD
while IFS=: read -r file target; do
	module=.
	case $file in hack/localcluster/* | hack/tools/*) module=$(cut -d/ -f1,2 <<<"$file") ;; esac
	package=./$(dirname "${file#"$module"/}")
	echo "== $module $package $target"
	(cd "$root/$module" && go test -run '^$' -fuzz "^${target}\$" -fuzztime "$time" -fuzzminimizetime 20x "$package")
done < <(git ls-files '*_test.go' | xargs grep -oE '^func Fuzz[A-Za-z0-9_]*' /dev/null | sed 's/func //')
