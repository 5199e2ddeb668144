#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# What a patch has to pass before anything else: lint, and the tests that need neither root nor a kernel nor a network. Anybody
# can run it, in a minute or two. What was not run, and why, is said at the end; test/run.sh runs it.
set -eu -o pipefail
cd "$(dirname "$0")/.."

# Root would record. Without these capabilities it is a user like any other, as far as the tests are concerned.
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
