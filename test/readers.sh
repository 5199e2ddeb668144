#!/bin/bash
# Read a fresh capture, raw and converted, with pyarrow, pandas, polars and DuckDB, installed from their registry into
# a virtual environment. Where nothing can be recorded, the sample capture is read instead.
set -eu -o pipefail
cd "$(dirname "$0")/.."

cannot() {
	echo "$1" | tee "${NOTRUN_WHY:-/dev/null}"
	exit 77
}
python3 -c 'import venv, ensurepip' 2>/dev/null || cannot "no python3 with venv"
venv=.venv
if ! cmp -s test/requirements.txt "$venv/requirements.txt"; then
	rm -rf "$venv"
	python3 -m venv "$venv"
	"$venv/bin/pip" install -q --disable-pip-version-check -r test/requirements.txt || cannot "the Python packages cannot be installed"
	cp test/requirements.txt "$venv/"
fi

dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
CGO_ENABLED=0 go build -o "$dir/" ./internal/workload
if bin/record --list >/dev/null 2>"$dir/why"; then
	bin/record -q -w "$dir/capture" -- sh -c "'$dir/workload' calls 100000 2; '$dir/workload' tree 3; ls /nonexistent 2>/dev/null; '$dir/workload' block 3 10ms"
	# A ring too small, for a loss table.
	bin/record -q -b 4KiB -w "$dir/lossy" -- "$dir/workload" calls 100000 2
else
	echo "cannot record here, reading the sample: $(cat "$dir/why")"
	mkdir "$dir/capture" "$dir/lossy"
	tar -xf test/testdata/sample.tar -C "$dir/capture"
	rmdir "$dir/lossy"
fi
for capture in capture lossy; do
	[ -d "$dir/$capture" ] || continue
	bin/analyze convert "$dir/$capture" -o "$dir/$capture.parquet" --format parquet
	bin/analyze info --json "$dir/$capture" >"$dir/$capture.json"
	"$venv/bin/python" test/readers.py "$dir/$capture" "$dir/$capture.parquet" "$dir/$capture.json"
done
