#!/bin/busybox sh
# SPDX-License-Identifier: Apache-2.0
# The init process of a kernel that test/kernel.sh boots: mount file systems, run the tests, power off. With systemd in
# the root, it starts that as the init process instead, and a unit runs this script again.
# Arguments: a regular expression of tests, and a flag for go test, which may be empty.
if [ $$ = 1 ]; then
	/bin/busybox --install
	if [ -e /lib/systemd/systemd ]; then
		mkdir /new
		mount -t tmpfs -o mode=755 new /new
		for name in /*; do [ "$name" = /new ] || cp -a "$name" /new/; done
		echo "$@" >/new/test/arguments
		echo 0123456789abcdef0123456789abcdef >/new/etc/machine-id # else it is a first boot, which asks questions
		echo root:x:0:0:root:/:/bin/sh >/new/etc/passwd
		echo root:x:0: >/new/etc/group
		cat >/new/etc/systemd/system/tests.service <<-END
			[Unit]
			Requires=basic.target
			After=basic.target
			[Service]
			Type=oneshot
			ExecStart=/init
		END
		exec switch_root /new /lib/systemd/systemd --unit=tests.service
	fi
	mount -t devtmpfs dev /dev
	mkdir -p /dev/pts
	mount -t devpts pts /dev/pts
	mount -t proc proc /proc
	mount -t sysfs sys /sys
	mount -t cgroup2 cgroup /sys/fs/cgroup
	mount -t securityfs security /sys/kernel/security
	mount -t tracefs tracing /sys/kernel/tracing
	mount -t debugfs debug /sys/kernel/debug
	mount -t tmpfs tmp /tmp
else
	set -- $(cat /test/arguments)
fi
exec </dev/console >/dev/console 2>&1
ip link set lo up
export PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/tmp NO_COLOR=1 FLETCH_BIN=/bin FLETCH_MACHINE=disposable

clock=/sys/devices/system/clocksource/clocksource0/current_clocksource
echo "$(uname -srm), lsm $(cat /sys/kernel/security/lsm), clock $(cat $clock)"
record --list
dmesg -c >/dev/null
cd /test
./test.test -test.v -test.timeout 28m -test.run "$1" $2
status=$?
[ $status = 0 ] || dmesg | tail -n 50
echo "tests ended with status $status"
reboot -f # ends QEMU; poweroff does not work after the machine was suspended
