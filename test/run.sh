#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Run every test. At the end, print what passed, what failed, and what could not be run, and why.
set -eu -o pipefail
cd "$(dirname "$0")/.."

log=.cache/test.log
mkdir -p .cache
failed=()
notrun=()

step() { # NAME COMMAND...
	local name=$1
	shift
	echo "== $name"
	local status=0
	"$@" || status=$?
	case $status in
	0) ;;
	77) notrun+=("$name: $(cat "$log.why" 2>/dev/null || echo 'not possible here')") ;;
	*) failed+=("$name") && echo "FAILED: $name" ;;
	esac
	rm -f "$log.why"
}
export NOTRUN_WHY="$PWD/$log.why"

go_tests() {
	# Without headers the test that generates the system call tables again is skipped.
	LINUX_HEADERS=$(test/headers.sh) || LINUX_HEADERS=
	export LINUX_HEADERS
	test/go.sh "$log" -vet=off -count=1 -timeout 20m || return
	sed -n 's/.*_test.go:[0-9]*: torture: /  /p' "$log"
}

step "lint" test/lint.sh
step "build" make -s build man completions
step "builds are reproducible" test/builds.sh
step "Go tests" go_tests
step "offline tools on other systems" test/cross.sh
step "fuzz targets, briefly" test/fuzz.sh 3s
step "other readers (pyarrow, pandas, polars, DuckDB)" test/readers.sh
# A part of make test-kernel: every mechanism of every family, on the older kernel without BPF LSM and on the newer one
# with it.
kernel_tests='EveryCall|TestSudo|TwoCapabilities|CommandHas|LossIsExact|OnlyTheCommandsTree|Files|IPC|TCP|TestSeccomp$'
kernel_tests+='|TestSignal(s$|Loss|Names|Of)|Flood|Hostile|MachineCPUComes|MachineClockIsSet$|MachineSleeps'
kernel_tests+='|PathsAre|Offsets|ExitsOnce|AFewIdentities|ThatDoNotReturn|DumpsAreWhole|LoadTogether|LongArguments'
kernel_tests+='|TestTexts$'
step "Debian's kernels" env BOOTS="6.1:none 6.12:bpf" RUN="$kernel_tests" test/kernel.sh
step "known vulnerabilities" test/vulncheck.sh

passed=$(grep -acE '^\s*--- PASS' "$log" || true)
failures=$(grep -acE '^\s*--- FAIL' "$log" || true)
skipped=$(grep -acE '^\s*--- SKIP' "$log" || true)
echo
if [ "$skipped" -gt 0 ] || [ ${#notrun[@]} -gt 0 ]; then
	echo "not run here:"
	awk -f test/skipped.awk "$log" | awk -f test/reasons.awk
	for n in "${notrun[@]}"; do echo "  $n"; done
fi
if [ ${#failed[@]} -gt 0 ]; then
	echo "failed:"
	for f in "${failed[@]}"; do echo "  $f"; done
	sed -nE 's/^ *--- FAIL: /    /p' "$log"
fi
echo "$passed passed, $((failures + ${#failed[@]})) failed, $((skipped + ${#notrun[@]})) skipped"
[ ${#failed[@]} = 0 ]
