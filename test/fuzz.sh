#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Run every fuzz target of the module for TIME (default 30s). Usage: test/fuzz.sh [TIME]
set -eu -o pipefail
cd "$(dirname "$0")/.."

time=${1:-30s}
log=$(mktemp)
trap 'rm -f "$log"' EXIT
targets=$(grep -rnoE --include='*_test.go' '^func Fuzz[A-Za-z0-9_]+' . |
	sed -E 's|^\./(.*)/[^/]+\.go:[0-9]+:func (Fuzz.*)$|\1 \2|' | sort -u)
[ -n "$targets" ] || { echo "no fuzz target found"; exit 1; }

fuzz() { # TIME
	go test "./$dir" -run '^$' -fuzz "^$target\$" -fuzztime "$1" -fuzzminimizetime 10x >"$log" 2>&1
}
# Before it fuzzes, go test runs all inputs that it has found so far. If that alone takes longer than TIME it fails with
# this text and nothing was fuzzed: then it gets a minute.
outOfTime() { grep -q 'context deadline exceeded' "$log" && ! grep -q 'Failing input' "$log"; }

while read -r dir target; do
	echo "fuzzing $target in $dir for $time"
	fuzz "$time" || { outOfTime && fuzz 60s; } || {
		cat "$log"
		exit 1
	}
	grep -E "execs:" "$log" | tail -1 || tail -n 1 "$log"
done <<<"$targets"
