#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Run the Go tests. Print a line for each package, or the output of the tests that failed. LOG gets the complete output.
# Usage: test/go.sh LOG [ARG OF GO TEST]...
set -eu -o pipefail
cd "$(dirname "$0")/.."

log=$1
shift
mkdir -p "$(dirname "$log")"
# Verbose, so that the log has the skipped tests and their reasons.
if go test -v "$@" ./... >"$log" 2>&1; then
	grep -aE '^ok' "$log"
else
	awk -f test/failed.awk "$log"
	echo "the complete output is in $log"
	exit 1
fi
