#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Record test/testdata/sample.tar again: a small capture of internal/workload and a short pipeline. Host name, boot id
# and the paths of the programs are made up, so that it shows nothing of the machine but the release of its kernel.
# Needs root.
set -eu -o pipefail
cd "$(dirname "$0")/.."

CGO_ENABLED=0 go build -o bin/ ./internal/workload
mkdir -p test/testdata
out=test/testdata/sample.tar
trap 'rm -f "$out.new"' EXIT

unshare --uts --mount sh -eu -c '
	hostname example
	mount -t tmpfs none /mnt
	cp bin/record bin/workload /mnt/
	echo 00000000-0000-4000-8000-000000000000 >/mnt/boot_id
	mount --bind /mnt/boot_id /proc/sys/kernel/random/boot_id
	cd /mnt
	cat >script
	status=0
	# With the mechanisms that every kernel has, so that none is listed as refused.
	env -i PATH=/usr/bin:/bin ./record -q -w sample.tar --mechanism file=tp_btf,ipc=tp_btf,tcp=tp_btf,seccomp=tp_btf \
		-- sh script >/dev/null 2>errors 3>&- || status=$?
	[ $status = 3 ] || { cat errors; echo "the workload ended with $status, not 3"; exit 1; }
	cat sample.tar >&3
' 3>"$out.new" <<'END'
./workload calls 2000 2
./workload tree 4
mkdir files
./workload files files 10
./workload ipc 3
./workload tcp 3
./workload seccomp 3
sleep 2 &
seq 1 2000 | sort -rn | uniq | head -3
ls /nonexistent
sh -c 'kill -TERM $$'
exit 3
END
mv "$out.new" "$out"
ls -l "$out"
