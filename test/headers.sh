#!/bin/bash
# SPDX-License-Identifier: Apache-2.0 Print the directory of the kernel headers that the system call tables are
# generated from: of the package that tables.go names, or, if Debian does not have it any more, of the newest in its
# series. apt downloads it; it is unpacked in .cache, not installed.
set -eu -o pipefail
cd "$(dirname "$0")/.."

cache=$PWD/.cache/headers
wanted=$(grep -m1 -oE 'linux-headers-[^ ,]+-common' internal/syscalls/tables.go)
for dir in "/usr/src/$wanted" "$cache/$wanted"; do
	[ -d "$dir" ] && echo "$dir" && exit
done
command -v apt-get >/dev/null || { echo "no apt-get to fetch $wanted with" >&2; exit 77; }
mkdir -p "$cache"
cd "$cache"
series=$(grep -oE '[0-9]+\.[0-9]+' <<<"$wanted" | head -n 1)
apt-cache show "$wanted" >/dev/null 2>&1 || [ "$(id -u)" != 0 ] || apt-get update -qq
name=$wanted
if ! apt-cache show "$wanted" >/dev/null 2>&1; then
	name=$(apt-cache search --names-only "^linux-headers-${series/./\\.}.*-common\$" |
		cut -d' ' -f1 | grep -v -- -rt- | sort -V | tail -n 1)
	echo "Debian does not have $wanted any more: taking $name" >&2
fi
[ -n "$name" ] || { echo "apt has no linux-headers-$series*-common" >&2; exit 77; }
apt-get download -qq -o APT::Sandbox::User=root "$name" >&2
dpkg-deb --fsys-tarfile ./"$name"_*.deb | tar -x --strip-components=3 \
	"./usr/src/$name/include" "./usr/src/$name/arch"
rm -f ./"$name"_*.deb
echo "$cache/$name"
