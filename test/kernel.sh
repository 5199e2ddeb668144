#!/bin/bash
# Boot Debian's own kernels in QEMU, emulated, and run the tests of ./test as root inside each.
#
# Usage: test/kernel.sh [ARCH]     amd64 (default) or arm64
#   KERNELS="6.1 6.12"             the newest package of each of these series
#   LSMS="bpf none"                each booted with BPF LSM, and without
#   RUN=REGEX                      only these tests
#
# Nothing is installed: apt, with package lists of its own, fetches what is unpacked under .cache/kernel.
# All that a kernel said is in .cache/kernel/ARCH/SERIES-lsm-LSM.log.
set -eu -o pipefail
cd "$(dirname "$0")/.."

arch=${1:-amd64}
cache=$PWD/.cache/kernel/$arch
case $arch in
amd64) qemu=(qemu-system-x86_64 -machine q35) console=ttyS0 ;;
arm64) qemu=(qemu-system-aarch64 -machine virt) console=ttyAMA0 ;;
*) echo "test/kernel.sh: unknown architecture: $arch" >&2 && exit 2 ;;
esac
qemu+=(-accel tcg,thread=single -cpu max -smp 2 -m 1G -nodefaults -display none -no-reboot -serial stdio)

why() { echo "$*" | tee -a "${NOTRUN_WHY:-/dev/null}"; }
for tool in "${qemu[0]}" cpio apt-get dpkg-deb; do
	command -v "$tool" >/dev/null || { why "kernels on $arch: no $tool here" && exit 77; }
done

mkdir -p "$cache"/{lists/partial,archives/partial,packages}
: >"$cache/status"
apt() { # get|cache ARG...
	local program=apt-$1
	shift
	"$program" -qq -o APT::Architecture="$arch" -o APT::Architectures="$arch" -o APT::Sandbox::User= \
		-o Dir::State::Lists="$cache/lists" -o Dir::State::status="$cache/status" -o Dir::Cache="$cache" "$@"
}
unpacked() { # PACKAGE FILE: fetches the package and prints where this one file of it is now
	local dir=$cache/packages/$1
	if [ ! -e "$dir" ]; then
		rm -rf "$dir.new" && mkdir "$dir.new" && cd "$dir.new" && apt get download "$1" >&2 &&
			dpkg-deb --fsys-tarfile ./*.deb | tar -x --transform='s|.*/||' --wildcards "$2" &&
			rm ./*.deb && mv "$dir.new" "$dir" || return
	fi
	echo "$dir"/${2##*/}
}
apt get update || echo "apt: the package lists are not renewed"

# What a kernel gets to see: a shell, the programs, the tests.
root=$cache/root
busybox=$(unpacked busybox-static '*/bin/busybox') || { why "kernels on $arch: apt cannot fetch busybox-static" && exit 77; }
rm -rf "$root"
mkdir -p "$root"/{bin,dev,proc,sys,tmp,test}
cp "$busybox" "$root/bin/"
cp test/kernel-init.sh "$root/init"
cp -r test/testdata "$root/test/"
export CGO_ENABLED=0 GOOS=linux GOARCH=$arch
go build -trimpath -ldflags '-s -w' -o "$root/bin/" ./cmd/... ./internal/workload
go test -c -trimpath -ldflags '-s -w' -o "$root/test/" ./test
(cd "$root" && find . | cpio -o -H newc --quiet) >"$cache/initramfs"

ran=0 failed=0
for series in ${KERNELS:-6.1 6.12}; do
	names=$(apt cache search --names-only "^linux-image-${series/./\\.}\\..*-cloud-$arch(-unsigned)?\$" | cut -d' ' -f1 | sort -V)
	name=$( (grep -v unsigned <<<"$names" || echo "$names") | tail -n 1)
	[ -n "$name" ] || { why "kernel $series on $arch: apt has none" && continue; }
	vmlinuz=$(unpacked "$name" './boot/vmlinuz-*') || { why "kernel $series on $arch: apt cannot fetch $name" && continue; }
	for lsm in ${LSMS:-bpf none}; do
		log=$cache/$series-lsm-$lsm.log
		what="$name, lsm $lsm"
		SECONDS=0
		# The tests have a timeout of their own; this one is for a kernel that hangs.
		timeout 900 "${qemu[@]}" -kernel $vmlinuz -initrd "$cache/initramfs" \
			-append "console=$console quiet loglevel=0 panic=-1 lsm=lockdown,capability$([ "$lsm" = none ] || echo ",$lsm") -- ${RUN:-.}" \
			</dev/null >"$log" 2>&1 || true
		sed -i 's/\r$//' "$log"
		ran=$((ran + 1))
		count() { grep -cE "^ *--- $1" "$log" || true; }
		echo "$what: $(count PASS) passed, $(count FAIL) failed, $(count SKIP) skipped, $SECONDS s"
		if ! grep -q '^tests ended with status 0$' "$log"; then
			failed=$((failed + 1))
			grep -vE '^ *--- (PASS|SKIP)|^=== ' "$log" | tail -n 200
		fi
		# The reason stands under the name: "    file_test.go:12: why".
		awk -v what="$what" '/^ *--- SKIP/{name=$3; getline; sub(/^ +[^ ]+: /, ""); print what ": " name ": " $0}' "$log" |
			tee -a "${NOTRUN_WHY:-/dev/null}"
	done
done
[ $ran -gt 0 ] || exit 77
[ $failed = 0 ]
