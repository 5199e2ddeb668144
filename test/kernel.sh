#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Boot Debian's kernels in QEMU, emulated, and run the tests of ./test as root in each.
#
# Usage: test/kernel.sh [ARCH]     amd64 (default) or arm64
#   KERNELS="6.1 6.12"             the newest package of each of these series
#   LSMS="bpf none"                each booted with BPF LSM, and without
#   BOOTS="6.1:none 6.12:bpf"      only these pairs of the two
#   RUN=REGEX                      only these tests
#   SHORT=                         without -short, which is the default
#   INIT=systemd                   with Debian's systemd as the first process
#   LDFLAGS=FLAGS                  further ones for the programs
#
# Nothing is installed: apt, with its own package lists, downloads packages, which are unpacked in .cache/kernel.
# The complete output of a kernel is in .cache/kernel/ARCH/*.log, or in ARCH/INIT/*.log.
set -eu -o pipefail
cd "$(dirname "$0")/.."

arch=${1:-amd64}
cache=$PWD/.cache/kernel/$arch
case $arch in
amd64) qemu=(qemu-system-x86_64 -machine q35 -cpu max) console=ttyS0 ;;
arm64) qemu=(qemu-system-aarch64 -machine virt -cpu max,pauth-impdef=on) console=ttyAMA0 ;;
*) echo "test/kernel.sh: unknown architecture: $arch" >&2 && exit 2 ;;
esac
# pauth-impdef signs pointers with a cheap hash; emulating the architected one takes most of the time.
# One thread for all CPUs, because with more, QEMU before 8.1 sometimes keeps a breakpoint that the kernel has removed
# from its code, and loops forever.
qemu+=(-accel tcg,thread=single -smp 2 -m 1G -nodefaults -display none -no-reboot -serial stdio)

why() { echo "$*" | tee -a "${NOTRUN_WHY:-/dev/null}"; } # WHY: why something was not run
for tool in "${qemu[0]}" cpio apt-get dpkg-deb; do
	command -v "$tool" >/dev/null || { why "kernels on $arch: no $tool here" && exit 77; }
done

logs=$cache${INIT:+/$INIT}
mkdir -p "$cache"/{lists/partial,archives/partial,packages} "$logs"
: >"$cache/status"
apt() { # get|cache ARG...
	local program=apt-$1
	shift
	"$program" -qq -o APT::Architecture="$arch" -o APT::Architectures="$arch" -o APT::Sandbox::User= \
		-o Dir::State::Lists="$cache/lists" -o Dir::State::status="$cache/status" -o Dir::Cache="$cache" "$@"
}
unpacked() { # PACKAGE FILE: downloads the package, unpacks this file of it, and prints its path
	local dir=$cache/packages/$1
	if [ ! -e "$dir" ]; then
		rm -rf "$dir.new" && mkdir "$dir.new" && cd "$dir.new" && apt get download "$1" >&2 &&
			dpkg-deb --fsys-tarfile ./*.deb | tar -x --transform='s|.*/||' --wildcards "$2" &&
			rm ./*.deb && mv "$dir.new" "$dir" || return
	fi
	echo "$dir"/${2##*/}
}
unpack_all() { # PACKAGE: unpacks it and its dependencies into the root, without running their scripts
	local dir=$cache/with-$1
	if [ ! -e "$dir" ]; then
		rm -rf "$dir.new" && mkdir -p "$dir.new/partial" &&
			apt get install -y --no-install-recommends --download-only -o Dir::Cache::archives="$dir.new" "$1" >&2 &&
			mv "$dir.new" "$dir" || return
	fi
	mkdir -p "$root"/usr/{bin,sbin,lib,lib64}
	ln -s usr/lib usr/lib64 "$root/" # as Debian has it
	for deb in "$dir"/*.deb; do
		dpkg-deb --fsys-tarfile "$deb" | tar -x -C "$root" --keep-directory-symlink --exclude='./usr/share/*' || return
	done
}
apt get update || echo "apt: the package lists could not be updated"

# The root file system of the kernels: a shell, the programs, the tests.
root=$cache/root
busybox=$(unpacked busybox-static '*/bin/busybox') ||
	{ why "kernels on $arch: apt cannot fetch busybox-static" && exit 77; }
rm -rf "$root"
mkdir -p "$root"/{usr/bin,usr/sbin,dev,proc,sys,tmp,test}
ln -s usr/bin usr/sbin "$root/"
cp "$busybox" "$root/bin/"
cp test/kernel-init.sh "$root/init"
cp -r test/testdata FORMAT.md "$root/test/"
cp -r systemd "$root/"
if [ "${INIT:-}" ]; then
	unpack_all "$INIT" || { why "kernels on $arch with $INIT: apt cannot fetch it" && exit 77; }
fi
export CGO_ENABLED=0 GOOS=linux GOARCH=$arch
go build -trimpath -ldflags "-s -w ${LDFLAGS:-}" -o "$root/bin/" ./cmd/... ./internal/workload
case $arch in amd64) narrow=386 ;; arm64) narrow=arm ;; esac
GOARCH=$narrow go build -trimpath -ldflags "-s -w" -o "$root/bin/workload32" ./internal/workload
go test -c -trimpath -ldflags '-s -w' -o "$root/test/" ./test
(cd "$root" && find . | cpio -o -H newc --quiet) >"$cache/initramfs"

# The emulated TSC has the frequency of the real one, so the kernel is told that. If it measured it, on a busy machine
# the result, and with it the clock, could be wrong by a factor.
clock=tsc=reliable
if [ "$arch" = amd64 ] && khz=$(awk '/^cpu MHz/ { printf "%d", $4 * 1000; exit }' /proc/cpuinfo) &&
	[ "${khz:-0}" -gt 0 ]; then
	clock+=" tsc_early_khz=$khz"
fi

boot() { # VMLINUZ LSM LOG
	local lsms=lockdown,capability
	[ "$2" = none ] || lsms+=,$2
	SECONDS=0
	# The tests have a timeout of their own; this one is for a kernel that hangs.
	timeout --foreground 1800 "${qemu[@]}" -kernel "$1" -initrd "$cache/initramfs" </dev/null >"$3" 2>&1 \
		-append "console=$console quiet loglevel=0 panic=-1 $clock lsm=$lsms -- ${RUN:-.} ${SHORT--test.short}" || true
	sed -i 's/\r$//' "$3"
	echo "$SECONDS s" >>"$3"
}

rm -f "$logs"/*.log
for series in ${KERNELS:-6.1 6.12}; do
	names=$(apt cache search --names-only "^linux-image-${series/./\\.}\\..*-cloud-$arch(-unsigned)?\$" |
		cut -d' ' -f1 | sort -V)
	name=$( (grep -v unsigned <<<"$names" || echo "$names") | tail -n 1)
	[ -n "$name" ] || { why "kernel $series on $arch: apt has none" && continue; }
	vmlinuz=$(unpacked "$name" './boot/vmlinuz-*') ||
		{ why "kernel $series on $arch: apt cannot fetch $name" && continue; }
	for lsm in ${LSMS:-bpf none}; do
		case " ${BOOTS:-$series:$lsm} " in *" $series:$lsm "*) ;; *) continue ;; esac
		while [ "$(jobs -rp | wc -l)" -ge "$(nproc)" ]; do wait -n; done
		with=with
		[ "$lsm" = bpf ] || with=without
		boot $vmlinuz "$lsm" "$logs/${name#linux-image-}_${with}_BPF_LSM.log" &
	done
done
wait

ran=0 failed=0
for log in "$logs"/*.log; do
	[ -e "$log" ] || continue
	ran=$((ran + 1))
	count() { grep -acE "^ *--- $1" "$log" || true; }
	echo "$(basename "$log" .log | tr _ ' '): $(count PASS) passed, $(count FAIL) failed, $(count SKIP) skipped," \
		"$(tail -n 1 "$log")"
	if ! grep -aq '^tests ended with status 0$' "$log"; then
		failed=$((failed + 1))
		awk -f test/failed.awk "$log"
	fi
done
[ $ran -gt 0 ] || exit 77
for log in "$logs"/*.log; do awk -f test/skipped.awk "$log"; done | sort | uniq -c | while read -r n skipped; do
	why "on $n of $ran kernels: $skipped"
done
[ $failed = 0 ]
