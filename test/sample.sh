#!/bin/bash
# Make test/testdata/sample.tar anew: a small capture of the project's own workload and a short pipeline, nothing else.
# Runs as root. The host's name is not the reader's business.
set -eu -o pipefail
cd "$(dirname "$0")/.."

CGO_ENABLED=0 go build -o bin/ ./internal/workload
mkdir -p test/testdata
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cp bin/record bin/workload "$dir/"
out=$PWD/test/testdata/sample.tar
cd "$dir"
cat >script <<'END'
./workload calls 2000 2
./workload tree 4
seq 1 2000 | sort -rn | uniq | head -3
ls /nonexistent
sh -c 'kill -TERM $$'
exit 3
END
unshare --uts sh -c "hostname example && exec env -i PATH=/usr/bin:/bin ./record -q -w sample.tar -- sh script" || status=$?
[ "${status:-0}" = 3 ] || { echo "the workload ended with ${status:-0}, not 3"; exit 1; }
mv sample.tar "$out"
ls -l "$out"
