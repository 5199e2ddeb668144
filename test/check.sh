#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Run lint, and the tests that need neither root nor a kernel nor a network. It takes a minute or two. At the end it
# prints what could not be run, and why; test/run.sh runs these tests too.
set -eu -o pipefail
cd "$(dirname "$0")/.."

# As root the tests would record. Without these capabilities they behave as for any other user.
if [ "$(id -u)" = 0 ] && [ -z "${FLETCH_CHECK:-}" ]; then
	kernel=-sys_admin,-bpf,-perfmon
	FLETCH_CHECK=1 exec setpriv --bounding-set $kernel --inh-caps $kernel test/check.sh
fi

log=.cache/check.log
mkdir -p .cache
export NOTRUN_WHY=$PWD/$log.why
: >"$NOTRUN_WHY"
failed=()
echo "== lint"
test/lint.sh || [ $? = 77 ] || failed+=(lint)
echo "== Go tests"
test/go.sh $log -vet=off || failed+=("Go tests") # lint has vetted them

echo
echo "not run, but by make test where it can be:"
awk -f test/skipped.awk $log | awk -f test/reasons.awk
sed 's/^/  /' "$NOTRUN_WHY"
[ ${#failed[@]} = 0 ] || { echo "failed: ${failed[*]}" && exit 1; }
echo "passed"
