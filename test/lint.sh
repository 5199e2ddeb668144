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
go vet ./...
for os in darwin windows; do
	GOOS=$os go vet ./cmd/analyze ./cmd/replay ./format ./internal/...
done
go tool staticcheck ./...
for f in .ci/run test/*.sh test/bench/*.sh; do
	bash -n "$f"
done
