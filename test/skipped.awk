# SPDX-License-Identifier: Apache-2.0
# Out of what go test -v prints: each test that was not run, and why, as "NAME: WHY". The reason stands above the
# verdict, below the last line that names the test.
/^=== (RUN|CONT|NAME) / { current = $3; next }
/^ +testscript\.go:[0-9]+: / { next } # the session of a script; its reason stands before it
/^ +[^ ]+\.go:[0-9]+: / { line = $0; sub(/^ +[^ ]+\.go:[0-9]+: /, "", line); reason[current] = line; next }
/^ *--- SKIP: / { print $3 ": " ($3 in reason ? reason[$3] : "no reason given") }
