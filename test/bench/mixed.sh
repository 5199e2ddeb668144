#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Real work of several kinds, the same each time and without a network: find, tar, a compiler, an interpreter.
# It runs in the project's directory. Usage: mixed.sh DIR   (for what it writes)
set -eu
dir=$1

goroot=$(go env GOROOT)
find "$goroot" -name '*.go' -size +4k >/dev/null
tar -C "$goroot/src" -cf - cmd net os runtime | gzip -1 >/dev/null

# The compiler itself, since go build would find everything in its cache.
go list -export -deps -f '{{if .Export}}packagefile {{.ImportPath}}={{.Export}}{{end}}' ./cmd/replay >"$dir/importcfg"
for package in format internal/merge internal/filter internal/parquet; do
	go tool compile -p "$package" -importcfg "$dir/importcfg" -o "$dir/package.a" \
		$(go list -f '{{range .GoFiles}}{{$.Dir}}/{{.}} {{end}}' "./$package")
done

if command -v python3 >/dev/null; then
	python3 -B - <<-END
		import ast, glob, os
		for path in sorted(glob.glob(os.path.dirname(ast.__file__) + "/*.py"))[:80]:
		    with open(path, encoding="utf-8", errors="replace") as f:
		        ast.parse(f.read())
	END
fi
