#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The demo: record a few seconds of real work on this kernel, then read the capture as a user would. If this machine
# cannot record, print why, and read the sample capture instead.
set -eu -o pipefail
cd "$(dirname "$0")/.."
export PATH="$PWD/bin:$PATH"

# Print the command line as a user would type it, and run it.
run() {
	local line='' arg
	for arg in "$@"; do
		case $arg in
		*[!A-Za-z0-9_./:=,@+-]*) arg="'$arg'" ;;
		esac
		line+=" $arg"
	done
	if [ -t 1 ] && [ -z "${NO_COLOR:-}" ]; then
		printf '\n\033[1m$%s\033[0m\n' "$line"
	else
		printf '\n$%s\n' "$line"
	fi
	"$@"
}

out=demo
mkdir -p "$out"
rm -rf "$out/capture" "$out/probe" "$out/parquet" "$out/replay"

# The work: pack the sources of Go, and build a program with it.
work="tar -C $(go env GOROOT)/src -cf - . | gzip -1 >/dev/null; go build -o $out/replay ./cmd/replay"

# Try whether this machine can record.
if why=$(record -q -w "$out/probe" -- true 2>&1); then
	rm -r "$out/probe"
	run record --list
	run record -w "$out/capture" -- sh -c "$work"
	capture=$out/capture
	more="bin/record -w $out/mine -- COMMAND"
else
	echo
	echo "Nothing can be recorded here:"
	sed 's/^/    /' <<<"$why"
	echo "This is the offline half, with the sample capture that comes with the project."
	capture=test/testdata/sample.tar
	more=
fi

run analyze info "$capture"
run analyze summary "$capture"
run analyze convert "$capture" -o "$out/parquet" --format parquet
run ls -s "$out/parquet"
run replay "$capture" -n 15

cat <<END

The capture   $capture
As Parquet    $out/parquet

Go on with    bin/analyze syscalls $capture
              bin/analyze processes $capture
              bin/replay $capture 'name == "openat" && ret < 0'
              $more
END
