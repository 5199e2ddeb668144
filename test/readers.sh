#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Read a new capture, raw and converted, with pyarrow, pandas, polars and DuckDB, which pip installs into a virtual
# environment. If this machine cannot record, read the sample capture instead.
set -eu -o pipefail
cd "$(dirname "$0")/.."

cannot() {
	echo "$1" | tee "${NOTRUN_WHY:-/dev/null}"
	exit 77
}
python3 -c 'import venv, ensurepip' 2>/dev/null || cannot "no python3 with venv"
venv=.venv
if ! cmp -s test/requirements.txt "$venv/requirements.txt"; then
	echo "installing $(tr '\n' ' ' <test/requirements.txt)into $venv"
	rm -rf "$venv"
	python3 -m venv "$venv"
	"$venv/bin/pip" install -q --disable-pip-version-check -r test/requirements.txt ||
		cannot "the Python packages cannot be installed"
	cp test/requirements.txt "$venv/"
fi

dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
if why=$(bin/record -q -w "$dir/probe" -- true 2>&1); then
	CGO_ENABLED=0 go build -o "$dir/" ./internal/workload
	cat >"$dir/work" <<'END'
"$1/workload" calls 100000 2
"$1/workload" tree 3
mkdir "$1/files" "$1/names"
"$1/workload" files "$1/files" 50
"$1/workload" names "$1/names"
"$1/workload" ipc 5
"$1/workload" tcp 5
"$1/workload" seccomp 5
ls /nonexistent "two words" '' "$(printf 'a\tb\377')" 2>/dev/null
sleep 5 &
exit 0
END
	bin/record -q -w "$dir/capture" -- sh "$dir/work" "$dir" >/dev/null
	# With a ring that is too small, so that there is a table loss.
	bin/record -q -b 4KiB -w "$dir/lossy" -- "$dir/workload" calls 100000 2 >/dev/null
else
	printf 'nothing can be recorded here, so the sample is read:\n%s\n' "$why"
	mkdir "$dir/capture"
	tar -xf test/testdata/sample.tar -C "$dir/capture"
fi
for capture in capture lossy; do
	[ -d "$dir/$capture" ] || continue
	bin/analyze convert "$dir/$capture" -o "$dir/$capture.parquet" --format parquet
	bin/analyze info --json "$dir/$capture" >"$dir/$capture.json"
	bin/replay "$dir/$capture" --arrow >"$dir/$capture.arrows"
	"$venv/bin/python" test/readers.py "$dir/$capture" "$dir/$capture.parquet" "$dir/$capture.json" \
		"$dir/$capture.arrows"
done

# Columns that no capture has: random ones, as frames for the zstd of the C library and as files for these readers, and
# the columns of this capture, too.
FLETCH_PYTHON=$PWD/$venv/bin/python FLETCH_CAPTURES=$dir/capture \
	go test -count=1 -run 'TestReference|TestReaders' ./internal/zstd ./internal/parquet
