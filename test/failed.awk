# SPDX-License-Identifier: Apache-2.0
# From the output of go test -v: the output of each failed test, at most its last 100 lines; the first 100 lines of a
# panic; and if a package failed without either (it does not compile, it was killed, its kernel hangs), its last 100
# lines.
function say(name, line) { said[name, lines[name]++ % 100] = line }
function print_end(name, i) {
	for (i = lines[name] > 100 ? lines[name] - 100 : 0; i < lines[name]; i++) print said[name, i % 100]
}
function print_package(i) {
	for (i = 0; i < panics; i++) print panic[i]
	if (!failures && !panics) print_end("package")
}
function end_of_package() { split("", said); split("", lines); failures = panics = 0; current = "" }
/^=== (RUN|CONT|NAME|PAUSE) / { current = $3; next }
/^ *--- FAIL: / { print_end($3); print; failures++; next }
/^ *--- (PASS|SKIP): / { next }
/^(ok|\?) / { end_of_package(); next }
/^FAIL[ \t]/ { print_package(); print; end_of_package(); next }
/^(PASS|FAIL)$/ { next }
panics || /^(panic|fatal error|runtime): / { if (panics < 100) panic[panics++] = $0 }
{ say(current, $0); say("package", $0) }
END { print_package() }
