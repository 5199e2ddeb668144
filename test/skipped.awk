# SPDX-License-Identifier: Apache-2.0
# From the output of go test -v: each skipped test and the reason, as "NAME: WHY". The reason is in a line above SKIP,
# after the last line that names the test.
/^=== (RUN|CONT|NAME) / { current = $3; next }
/^ +testscript\.go:[0-9]+: / { next } # the log of a script, which comes after the reason
/^ +[^ ]+\.go:[0-9]+: / { line = $0; sub(/^ +[^ ]+\.go:[0-9]+: /, "", line); reason[current] = line; next }
/^ *--- SKIP: / { print $3 ": " ($3 in reason ? reason[$3] : "no reason given") }
