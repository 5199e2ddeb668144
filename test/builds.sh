#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Check what make build makes of the last commit: the same bytes in whatever directory it is built, with the version and
# the commit in them. The second build compiles every package of this module again, and takes from the build cache only
# what the first one compiled of the standard library and of other modules.
set -eu -o pipefail
cd "$(dirname "$0")/.."

if ! commit=$(git rev-parse HEAD 2>/dev/null); then
	echo "builds: no git repository" | tee "${NOTRUN_WHY:-/dev/null}"
	exit 77
fi
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
# No hooks and no configuration of the user. The clone may belong to somebody else.
export GIT_CONFIG_GLOBAL=/dev/null GIT_CONFIG_SYSTEM=/dev/null
export GIT_CONFIG_COUNT=1 GIT_CONFIG_KEY_0=safe.directory GIT_CONFIG_VALUE_0='*'

clone() { # DIR: of the last commit, without tags
	git clone -q --no-tags --shared . "$1"
	git -C "$1" checkout -q --detach "$commit"
}

# seed CACHE: copy into it what the build cache has of packages that are not of this module. If it lacks some, or has
# them in another form, the build is only slower.
seed() {
	local cache id action out
	cache=$(go env GOCACHE)
	# A build id begins with 15 bytes of the action's hash, in base64, by which its result is found.
	go list -trimpath -deps -export -f '{{if or .Standard (not .Module.Main)}}{{.BuildID}} {{.Export}}{{end}}' \
		./cmd/record ./cmd/analyze ./cmd/replay | awk 'NF == 2' >"$dir/packages"
	cut -c1-20 "$dir/packages" | tr -d '\n' | tr _- /+ | base64 -d | od -An -v -tx1 -w15 | tr -d ' ' >"$dir/actions"
	mkdir -p "$1"
	paste -d ' ' "$dir/actions" <(cut -d ' ' -f 2 "$dir/packages") | while read -r id out; do
		for action in "$cache/${id:0:2}/$id"*-a; do
			[ -e "$action" ] || continue
			mkdir -p "$1/${id:0:2}" "$1/$(basename "$(dirname "$out")")"
			cp "$action" "$1/${id:0:2}/"
			cp "$out" "$1/$(basename "$(dirname "$out")")/"
		done
	done
}

says() { # PATTERN PROGRAM
	local line
	line=$("$2" --version)
	[[ $line =~ ^$1$ ]] || { echo "$2 --version says '$line', not '$1'" && exit 1; }
}

export CGO_ENABLED=0
clone "$dir/a"
clone "$dir/another/directory"
make -s -C "$dir/a" build
(cd "$dir/a" && seed "$dir/cache")
GOCACHE=$dir/cache make -s -C "$dir/another/directory" build
for program in record analyze replay; do
	if ! cmp "$dir/a/bin/$program" "$dir/another/directory/bin/$program"; then
		echo "$program: two builds of one commit differ"
		exit 1
	fi
done
(cd "$dir/a/bin" && sha256sum record analyze replay)

# Without a tag, with one, with changes, and without a repository.
built='go[0-9.]+[^,]*, [a-z]+/[a-z0-9]+\)'
for program in record analyze replay; do
	says "$program v0\.0\.0-[0-9]{14}-${commit:0:12} \(commit $commit, $built" "$dir/a/bin/$program"
done
git -C "$dir/a" worktree add -q --detach "$dir/worktree"
make -s -C "$dir/worktree" build PROGRAMS=replay
says "replay v0\.0\.0-[0-9]{14}-${commit:0:12} \(commit $commit, $built" "$dir/worktree/bin/replay"
[ "$("$dir/worktree/bin/replay" --version)" = "$("$dir/a/bin/replay" --version)" ]
git -C "$dir/a" tag v1.98.7
make -s -C "$dir/worktree" build PROGRAMS=replay
says "replay v1\.98\.7 \(commit $commit, $built" "$dir/worktree/bin/replay"
make -s -C "$dir/a" build PROGRAMS=replay
says "replay v1\.98\.7 \(commit $commit, $built" "$dir/a/bin/replay"
echo >>"$dir/a/README.md"
make -s -C "$dir/a" build PROGRAMS=replay
says "replay v1\.98\.7\+dirty \(commit $commit, $built" "$dir/a/bin/replay"
rm -rf "$dir/a/.git"
make -s -C "$dir/a" build PROGRAMS=replay
says "replay devel \($built" "$dir/a/bin/replay"
make -s -C "$dir/a" build PROGRAMS=replay VERSION=v1.2.3
says "replay v1\.2\.3 \($built" "$dir/a/bin/replay"
