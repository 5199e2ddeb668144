#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# gofmt, go vet, staticcheck, and the syntax of the shell scripts.
set -eu -o pipefail
cd "$(dirname "$0")/.."

unformatted=$(gofmt -l $(git ls-files '*.go'))
if [ -n "$unformatted" ]; then
	echo "not formatted by gofmt: $unformatted"
	exit 1
fi
for f in .ci/run test/*.sh test/bench/*.sh; do
	bash -n "$f"
done
go vet ./...
tools=-modfile=test/tools/go.mod
if ! go list $tools -deps honnef.co/go/tools/cmd/staticcheck >/dev/null 2>&1; then
	echo "staticcheck: not in the module cache, and it cannot be downloaded" | tee "${NOTRUN_WHY:-/dev/null}"
	exit 77
fi
go tool $tools staticcheck ./...
