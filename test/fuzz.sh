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
while read -r dir target; do
	echo "fuzzing $target in $dir for $time"
	go test "./$dir" -run '^$' -fuzz "^$target\$" -fuzztime "$time" -fuzzminimizetime 10x >"$log" 2>&1 || {
		cat "$log"
		exit 1
	}
	grep -E "execs:" "$log" | tail -1 || tail -n 1 "$log"
done <<<"$targets"
