#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Run the Go tests. Print a line for each package, and what those tests said that failed; all that was said is in LOG.
# Usage: test/go.sh LOG [ARG OF GO TEST]...
set -eu -o pipefail
cd "$(dirname "$0")/.."

log=$1
shift
mkdir -p "$(dirname "$log")"
# Verbose, so that the tests that were not run and their reasons are in the log.
if go test -v "$@" ./... >"$log" 2>&1; then
	grep -aE '^ok' "$log"
else
	awk -f test/failed.awk "$log"
	echo "all that the tests said is in $log"
	exit 1
fi
