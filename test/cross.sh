#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Vet and build the offline tools for other systems, and build the recorder for the other architecture.
set -eu
cd "$(dirname "$0")/.."

out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
export CGO_ENABLED=0
for os in darwin windows; do
	GOOS=$os go vet ./cmd/analyze ./cmd/replay ./format/... ./internal/...
done
for target in darwin/arm64 windows/amd64 linux/arm64 linux/amd64; do
	GOOS=${target%/*} GOARCH=${target#*/} go build -o "$out/" ./cmd/analyze ./cmd/replay
	echo "analyze, replay: $target"
done
GOOS=linux GOARCH=arm64 go build -o "$out/" ./cmd/record
echo "record: linux/arm64"
