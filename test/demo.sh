#!/bin/bash
# The demo: record a few seconds of real work on this kernel, then read the capture as a user would. Where nothing can
# be recorded, say exactly why and do the offline half on the sample capture that comes with the project.
set -eu -o pipefail
cd "$(dirname "$0")/.."

say() { printf '\n\033[1m$ %s\033[0m\n' "$*"; }
[ -t 1 ] && [ -z "${NO_COLOR:-}" ] || say() { printf '\n$ %s\n' "$*"; }
run() { say "$@" && "$@"; }

export PATH="$PWD/bin:$PATH"
out=demo
mkdir -p "$out"
rm -rf "$out/capture" "$out/parquet"

# The work: pack the Go sources, and let the Go compiler check a package.
src=$(go env GOROOT)/src/net
work="tar -cf - $src | gzip -1 | wc -c; go vet ./format"

if why=$(record --list 2>&1 >/dev/null); then
	run record --list
	run record -w "$out/capture" -- sh -c "$work"
	capture=$out/capture
else
	echo "This machine cannot record:"
	echo "$why" | sed 's/^/    /'
	echo "So here is the offline half, on the sample capture that comes with the project."
	capture=test/testdata/sample.tar
fi

run analyze info "$capture"
run analyze summary "$capture"
run analyze convert "$capture" -o "$out/parquet" --format parquet --force
say replay "$capture" -n 15
replay "$capture" -n 15

cat <<END

The capture:  $capture
As Parquet:   $out/parquet
Go on with:   bin/analyze syscalls $capture
              bin/analyze processes $capture
              bin/replay $capture 'name == "openat" && ret < 0'
END
