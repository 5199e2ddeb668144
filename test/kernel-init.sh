#!/bin/busybox sh
# The first process of a kernel that test/kernel.sh boots: make a system of what is there, run the tests, switch off.
# Its arguments are the tests to run.
/bin/busybox --install /bin
mount -t devtmpfs dev /dev
exec </dev/console >/dev/console 2>&1
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t cgroup2 cgroup /sys/fs/cgroup
mount -t securityfs security /sys/kernel/security
mount -t tracefs tracing /sys/kernel/tracing
mount -t debugfs debug /sys/kernel/debug
mount -t tmpfs tmp /tmp
ip link set lo up
export PATH=/bin HOME=/tmp FLETCH_BIN=/bin

echo "$(uname -srm), lsm $(cat /sys/kernel/security/lsm), clock $(cat /sys/devices/system/clocksource/clocksource0/current_clocksource)"
record --list
cd /test
./test.test -test.v -test.short -test.timeout 10m -test.run "$1"
status=$?
[ $status = 0 ] || dmesg | tail -n 20
echo "tests ended with status $status"
poweroff -f
