# SPDX-License-Identifier: Apache-2.0
# Out of what go test -v prints: what each test that failed said, at most the last 100 lines of it, and as much of what a package
# said that failed without such a test: a panic, a test that took too long, a package that does not compile, a kernel that hangs.
function say(name, line) { said[name, lines[name]++ % 100] = line }
function print_end(name, i) {
	for (i = lines[name] > 100 ? lines[name] - 100 : 0; i < lines[name]; i++) print said[name, i % 100]
}
function end_of_package() { split("", said); split("", lines); failures = 0; current = "" }
/^=== (RUN|CONT|NAME|PAUSE) / { current = $3; next }
/^ *--- FAIL: / { print_end($3); print; failures++; next }
/^ *--- (PASS|SKIP): / { next }
/^(ok|\?) / { end_of_package(); next }
/^FAIL[ \t]/ { if (!failures) print_end("package"); print; end_of_package(); next }
/^(PASS|FAIL)$/ { next }
{ say(current, $0); say("package", $0) }
END { if (!failures) print_end("package") }
