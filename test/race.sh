#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Run the tests of the packages under the race detector, in their short form. Those in ./test are of whole programs,
# which are built without it.
set -eu -o pipefail
cd "$(dirname "$0")/.."

cc=$(go env CC)
if ! command -v "$cc" >/dev/null; then
	echo "race detector: it needs a C compiler, and there is no $cc" | tee "${NOTRUN_WHY:-/dev/null}"
	exit 77
fi
CGO_ENABLED=1 go test -race -short -vet=off -count=1 -timeout 30m ./format/... ./internal/... | grep -v 'no test files'
