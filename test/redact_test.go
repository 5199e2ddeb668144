// SPDX-License-Identifier: Apache-2.0

package test

import (
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/fletch-trace/fletch/format"
)

// A redaction of real work has none of its secrets in any byte, compressed or not, and the same numbers in every view.
func TestRedact(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "hunter2dir")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	script := fmt.Sprintf(`cp /bin/cat hunter2prog; echo hunter2text >hunter2file; ./hunter2prog hunter2file hunter2none
		mv hunter2file hunter2moved; cat hunter2moved; rm hunter2moved; (exec 3<hunter2prog; rm hunter2prog; cat <&3 |
		wc -c); curl --password=hunter2 http://127.0.0.7:9/; %s tcp; true`, program("workload"))
	c, _ := capture(t, 0, "--", "sh", "-c", "cd '"+dir+"'; "+script, "hunter2name")
	from, to := c.Path, c.Path+".redacted"
	if status, stdout, stderr := output(t, program("analyze"), "redact", from, "-w", to); status != 0 {
		t.Fatalf("status %d\n%s%s", status, stdout, stderr)
	}
	secrets := []string{"hunter2", "workload", "/bin/", "127.0.0", c.Manifest.BootID}
	if dump := textOf(t, c); !strings.Contains(dump, "hunter2file") || !strings.Contains(dump, "--password=hunter2") &&
		!strings.Contains(dump, "hunter2name") {
		t.Fatalf("the capture has no secrets:\n%s", dump)
	}
	redacted := open(t, to)
	if redacted.Manifest.Host == c.Manifest.Host {
		t.Errorf("the host is %s", c.Manifest.Host)
	}
	text := textOf(t, redacted)
	for _, secret := range secrets {
		if at := strings.Index(text, secret); at >= 0 {
			t.Errorf("%q is in the redaction: %q", secret, text[max(0, at-40):min(at+40, len(text))])
		}
	}
	number := regexp.MustCompile(`-?[0-9.e+]+`)
	texts := regexp.MustCompile(`"(\\.|[^"\\])*"`)
	for _, view := range []string{"syscalls", "files", "tcp", "processes", "ipc", "losses"} {
		var numbers [2][]string
		for i, path := range []string{from, to} {
			status, stdout, stderr := output(t, program("analyze"), view, path, "--json")
			if status != 0 {
				t.Fatalf("%s: status %d\n%s", view, status, stderr)
			}
			numbers[i] = number.FindAllString(texts.ReplaceAllString(stdout, ""), -1)
			slices.Sort(numbers[i])
		}
		if !slices.Equal(numbers[0], numbers[1]) {
			t.Errorf("%s: the numbers are\n%v\nand of the redaction\n%v", view, numbers[0], numbers[1])
		}
	}
}

// textOf returns all bytes of the files of a capture, and all texts of its tables.
func textOf(t *testing.T, c *format.Capture) string {
	t.Helper()
	var all bytes.Buffer
	err := filepath.WalkDir(c.Path, func(path string, e fs.DirEntry, err error) error {
		if err == nil && !e.IsDir() {
			var data []byte
			if data, err = os.ReadFile(path); err == nil {
				all.Write(data)
			}
		}
		return err
	})
	for _, table := range c.Tables() {
		if err == nil {
			err = table.Scan(context.Background(), nil, 1, func(_ int, b *format.Batch) error {
				for i := range b.Columns {
					all.Write(b.Columns[i].Str.Data)
				}
				return nil
			})
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	return all.String()
}
