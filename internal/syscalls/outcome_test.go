// SPDX-License-Identifier: Apache-2.0

package syscalls

import "testing"

func TestOutcome(t *testing.T) {
	const succeeded, erred, expected = Succeeded, Erred, Expected
	for _, c := range []struct {
		arch, name string
		ret        int64
		want       Outcome
	}{
		{"x86_64", "read", 0, succeeded},
		{"x86_64", "mmap", -4096, succeeded}, // an address
		{"x86_64", "read", -11, expected},
		{"x86_64", "read", -5, erred},
		{"x86_64", "read", -110, erred}, // a connection that died
		{"x86_64", "read", -512, expected},
		{"x86_64", "nanosleep", -516, expected},
		{"x86_64", "pause", -514, expected},
		{"x86_64", "wait4", -512, expected},
		{"x86_64", "clone", -513, expected},
		{"x86_64", "ioctl", -515, erred}, // ENOIOCTLCMD is not restarted
		{"x86_64", "epoll_wait", -4, expected},
		{"x86_64", "clone", -11, erred}, // no more processes
		{"x86_64", "mlock", -11, erred},
		{"x86_64", "setuid", -11, erred},
		{"x86_64", "connect", -115, expected},
		{"x86_64", "connect", -114, expected},
		{"x86_64", "connect", -111, erred},
		{"x86_64", "connect", -110, erred},
		{"x86_64", "connect", -11, erred}, // no free local port
		{"x86_64", "futex", -110, expected},
		{"x86_64", "futex", -11, expected},
		{"x86_64", "futex", -22, erred},
		{"x86_64", "rt_sigtimedwait", -11, expected},
		{"x86_64", "semtimedop", -11, expected},
		{"x86_64", "mq_timedreceive", -110, expected},
		{"x86_64", "msgrcv", -42, expected},
		{"x86_64", "io_uring_enter", -62, expected},
		{"x86_64", "flock", -11, expected},
		{"x86_64", "accept4", -11, expected},
		{"x86_64", "openat", -2, erred},
		{"x86_64", "rt_sigreturn", -4, succeeded},
		{"x86_64", "rt_sigreturn", -2, succeeded},
		{"x86_64", "i386:read", -11, expected},
		{"x86_64", "i386:sigreturn", -2, succeeded},
		{"x86_64", "i386:socketcall", -115, expected},
		{"x86_64", "i386:futex_time64", -110, expected},
		{"x86_64", "i386:fork", -11, erred},
		{"x86_64", "x32:recvmsg", -11, expected},
		{"aarch64", "recvfrom", -11, expected},
		{"aarch64", "arm:recv", -11, expected},
		{"aarch64", "rt_sigreturn", -2, succeeded},
		{"x86_64", "nr_999", -4, expected},
		{"x86_64", "nr_999", -11, erred},
	} {
		table, err := ForArch(c.arch)
		if err != nil {
			t.Fatal(err)
		}
		nr, ok := table.Number(c.name)
		if !ok {
			t.Errorf("%s has no %s", c.arch, c.name)
		}
		if got := table.Outcome(nr, c.ret); got != c.want {
			t.Errorf("%s = %d: outcome %d, want %d", c.name, c.ret, got, c.want)
		}
	}
	for ret, want := range map[int64]Outcome{0: succeeded, 5: succeeded, -11: expected, -4: expected,
		-512: expected, -28: erred} {
		if got := TransferOutcome(ret); got != want {
			t.Errorf("a transfer = %d: outcome %d, want %d", ret, got, want)
		}
	}
}

func TestReturns(t *testing.T) {
	for _, arch := range []string{"x86_64", "aarch64", "i686", "armv7l"} {
		table, err := ForArch(arch)
		if err != nil {
			t.Fatal(err)
		}
		for name, want := range map[string]bool{"exit": false, "exit_group": false, "read": true,
			"rt_sigreturn": true} {
			if nr, ok := table.Number(name); !ok || table.Returns(nr) != want {
				t.Errorf("%s %s: returns %t", arch, name, !want)
			}
		}
		if !table.Returns(9999) {
			t.Errorf("%s: an unknown call does not return", arch)
		}
	}
}

// Every call in expectedOf is one of some ABI.
func TestExpectedOfNamesCalls(t *testing.T) {
	x86, err := ForArch("x86_64")
	if err != nil {
		t.Fatal(err)
	}
	for name := range expectedOf {
		_, native := x86.Number(name)
		_, compat := x86.Number("i386:" + name)
		if arm := armName(name); !native && !compat && !arm {
			t.Errorf("no architecture has a call %s", name)
		}
	}
}

func armName(name string) bool {
	for _, c := range armCalls {
		if c.name == name {
			return true
		}
	}
	return false
}
