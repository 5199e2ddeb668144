#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Look for known vulnerabilities in what the programs call, with govulncheck and the Go vulnerability database. The
# database is a Go module, so it is downloaded once, as other modules are, and checked; VULNDB=latest takes the newest
# one. It fails for vulnerabilities in modules, which go.mod can avoid. Those in the standard library are shown: they
# are avoided by building with a newer Go.
set -eu -o pipefail
cd "$(dirname "$0")/.."

module=golang.org/x/vulndb
version=v0.0.0-20261105234957-e22db6528018
sum=h1:mfngRv0Yoh0VApsXKEN82CjD99kl7mtparN3bs3JnqI=
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT

unknown() {
	echo "govulncheck: $1" | tee "${NOTRUN_WHY:-/dev/null}"
	exit 77
}

# Outside of the module: the database is no requirement of it.
if ! (cd "$dir" && timeout 300 go mod download -json "$module@${VULNDB:-$version}") >"$dir/download"; then
	unknown "its database cannot be downloaded: $(grep -m1 Error "$dir/download")"
fi
field() { sed -nE "s/^\t\"$1\": \"([^\"]*)\",?\$/\1/p" "$dir/download"; }
if [ -z "${VULNDB:-}" ] && [ "$(field Sum)" != "$sum" ]; then
	echo "$module@$version: its checksum is $(field Sum), not $sum"
	exit 1
fi
if ! go build -modfile=test/tools/go.mod -o "$dir/govulncheck" golang.org/x/vuln/cmd/govulncheck 2>"$dir/build"; then
	unknown "not in the module cache, and it cannot be downloaded: $(tail -n 1 "$dir/build")"
fi
status=0
"$dir/govulncheck" -db "file://$(field Dir)/data/osv" ./... >"$dir/out" || status=$?
case $status in
0 | 3) ;; # 3: it found some
*) cat "$dir/out" && exit 1 ;;
esac
echo "database: $(field Version)"
awk '
	/^Vulnerability #/ { id = $3; standard = 0 }
	/^  Standard library/ { standard = 1 }
	id && /Fixed in:/ { print id ": " $0; if (!standard) bad = 1; id = "" }
	END { exit bad }
' "$dir/out" || { cat "$dir/out" && exit 1; }
tail -n 4 "$dir/out"
