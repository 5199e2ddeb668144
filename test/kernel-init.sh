#!/bin/busybox sh
# SPDX-License-Identifier: Apache-2.0
# The first process of a kernel that test/kernel.sh boots: make a system of what is there, run the tests, switch off.
# The arguments: which tests, and a further flag for them.
/bin/busybox --install
mount -t devtmpfs dev /dev
mkdir -p /dev/pts
mount -t devpts pts /dev/pts
exec </dev/console >/dev/console 2>&1
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t cgroup2 cgroup /sys/fs/cgroup
mount -t securityfs security /sys/kernel/security
mount -t tracefs tracing /sys/kernel/tracing
mount -t debugfs debug /sys/kernel/debug
mount -t tmpfs tmp /tmp
ip link set lo up
export PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/tmp NO_COLOR=1 FLETCH_BIN=/bin FLETCH_MACHINE=disposable

echo "$(uname -srm), lsm $(cat /sys/kernel/security/lsm), clock $(cat /sys/devices/system/clocksource/clocksource0/current_clocksource)"
record --list
dmesg -c >/dev/null
cd /test
./test.test -test.v -test.timeout 28m -test.run "$1" $2
status=$?
[ $status = 0 ] || dmesg | tail -n 50
echo "tests ended with status $status"
reboot -f # which ends QEMU; a machine that has slept cannot be switched off
