#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Install with apt the packages that the tests need and this machine does not have, and list them.
# Usage: test/install.sh [generate|readers|peers|shells|kernel|kernel-arm64|bench]...   (default: everything)
set -eu

wants=${*:-generate readers peers shells kernel}
packages=()
need() { # COMMAND-OR-FILE PACKAGE
	command -v "$1" >/dev/null 2>&1 || [ -e "$1" ] || packages+=("$2")
}
for want in $wants; do
	case $want in
	generate)
		need clang clang
		need llvm-strip llvm
		need /usr/include/bpf/bpf_helpers.h libbpf-dev
		;;
	readers)
		need python3 python3
		need zstd zstd
		python3 -c 'import venv, ensurepip' 2>/dev/null || packages+=(python3-venv)
		;;
	peers)
		need strace strace
		need gcc gcc
		need git git
		need systemd-analyze systemd
		need sudo sudo
		need useradd passwd
		;;
	shells)
		need bash bash
		need zsh zsh
		need fish fish
		need man man-db
		need mandoc mandoc
		;;
	kernel)
		need qemu-system-x86_64 qemu-system-x86
		need cpio cpio
		;;
	kernel-arm64)
		need qemu-system-aarch64 qemu-system-arm
		need cpio cpio
		;;
	bench)
		need perf linux-perf
		need strace strace
		need python3 python3
		;;
	*)
		echo "test/install.sh: unknown: $want" >&2
		exit 2
		;;
	esac
done
[ ${#packages[@]} -gt 0 ] || exit 0

if [ "$(id -u)" != 0 ]; then
	echo "missing: ${packages[*]} (not root: install them with apt-get, or the tests that need them are not run)"
	exit 0
fi
if ! command -v apt-get >/dev/null; then
	echo "missing: ${packages[*]} (no apt-get: install them, or the tests that need them are not run)"
	exit 0
fi
echo "installing with apt-get: ${packages[*]}"
apt-get update -qq
DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${packages[@]}" >/dev/null
