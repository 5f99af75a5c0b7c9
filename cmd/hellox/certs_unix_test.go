//go:build unix

package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestCertsSaysWhatHelps asks for a certificate for another host than the one that is
// there, and for one of a broken pair: the hint is a command that makes it good. A
// host that is none makes nothing.
func TestCertsSaysWhatHelps(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if out, code := runFor(t, dir, "hellox certs 'my c' --host a.example && hellox certs 'my c' --client press"); code != 0 {
		t.Fatal(out)
	}
	for _, line := range []string{"hellox certs 'my c' --host a.example --host other.example", ": > 'my c'/server.crt; hellox certs 'my c'"} {
		out, code := runFor(t, dir, line)
		_, hint, ok := strings.Cut(out, "hint: ")
		if code != exitFailed || !ok || !strings.Contains(out, "my c/server.crt ") {
			t.Fatalf("%s: exit code %d\n%s", line, code, out)
		}
		if out, code := runFor(t, dir, hint); code != 0 {
			t.Errorf("%s: exit code %d\n%s", hint, code, out)
		}
	}
	out, code := runFor(t, dir, "hellox certs none --host ä.example")
	if _, err := os.Stat(filepath.Join(dir, "none")); code != exitUsage || !strings.Contains(out, "in ASCII") || !os.IsNotExist(err) {
		t.Errorf("exit code %d, %v\n%s", code, err, out)
	}
}
