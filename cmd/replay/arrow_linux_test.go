// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/fletch-trace/fletch/internal/fixture"
)

// TestArrowToTerminal checks that --arrow refuses to write to a terminal.
func TestArrowToTerminal(t *testing.T) {
	controller, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer controller.Close()
	fd := int(controller.Fd())
	if err := unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	n, err := unix.IoctlGetInt(fd, unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	terminal, err := os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer terminal.Close()
	var stderr strings.Builder
	if status := run([]string{write(t, fixture.Small()), "--arrow"}, nil, terminal, &stderr); status != 2 {
		t.Errorf("exit status %d", status)
	}
	want := "replay: error: --arrow writes bytes, which are not for a terminal\n" +
		"replay: hint: send them to a file or a program: replay CAPTURE --arrow > incident.arrows\n"
	if stderr.String() != want {
		t.Errorf("%q", stderr.String())
	}
}
