#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Make the table of kernels, families and mechanisms from the output of the tests.
#
# Usage: test/matrix.sh LOG...     prints it; LOG is the output of go test -v on one kernel, named KERNEL.log
#        test/matrix.sh -w LOG...  puts it into README.md, between its markers
set -eu -o pipefail
cd "$(dirname "$0")/.."

write=
[ "${1:-}" = -w ] && write=1 && shift

table() {
	awk '
	# Which test proves which family by which mechanism. Tests by eachMechanism say so themselves.
	BEGIN {
		proves["TestOnlyTheCommandsTree"] = rows[++r] = "process/tp_btf"
		proves["TestEveryCallIsOneRow"] = rows[++r] = "syscall/tp_btf"
	}
	FNR == 1 {
		kernel = FILENAME; sub(/.*\//, "", kernel); sub(/\.log$/, "", kernel); gsub(/_/, " ", kernel)
		kernels[++n] = kernel
	}
	/^=== (RUN|CONT|NAME) / { current = $3; next }
	/^ +[^ ]+\.go:[0-9]+: matrix: / {
		proves[current] = $NF
		if (!seen[$NF]++) rows[++r] = $NF
		next
	}
	/^ +[^ ]+\.go:[0-9]+: / { line = $0; sub(/^ +[^ ]+\.go:[0-9]+: /, "", line); reason[current] = line; next }
	/^ *--- (PASS|FAIL|SKIP): / {
		name = $3; result = $2; row = proves[name]
		if (row == "") next
		if (result == "PASS:") cell[kernel, row] = "passed"
		if (result == "FAIL:") cell[kernel, row] = "**failed**"
		if (result == "SKIP:") cell[kernel, row] = reason[name]
	}
	END {
		line = "| family | mechanism |"; rule = "|---|---|"
		for (k = 1; k <= n; k++) { line = line " " kernels[k] " |"; rule = rule "---|" }
		print line; print rule
		for (i = 1; i <= r; i++) {
			split(rows[i], part, "/")
			line = "| " part[1] " | " part[2] " |"
			for (k = 1; k <= n; k++) {
				c = cell[kernels[k], rows[i]]
				gsub(/\|/, "\\|", c)
				line = line " " (c == "" ? "not run" : c) " |"
			}
			print line
		}
	}' "$@"
}

if [ -z "$write" ]; then
	table "$@"
	exit
fi
made=$(table "$@")
grep -q '<!-- matrix -->' README.md || { echo "README.md has no place for the table" >&2; exit 1; }
awk -v made="$made" '
	/<!-- matrix -->/ { print; print made; skip = 1; next }
	/<!-- end of matrix -->/ { skip = 0 }
	!skip' README.md >README.md.new
mv README.md.new README.md
