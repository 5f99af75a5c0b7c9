package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"hellox/cmd/hellox/state"
)

// TestStateIsPrivate looks at what an installation that runs in the background keeps in
// the state folder, and comes to its control port as another user who knows the token.
func TestStateIsPrivate(t *testing.T) {
	h := newHome(t)
	if _, errs, code := h.command(t, "up", "--target", "local", "--web-port", "0", "--mqtt-port", "0", "--detach"); code != 0 {
		t.Fatalf("up ended with %d: %s", code, errs)
	}
	defer h.command(t, "down")
	files := 0
	err := filepath.WalkDir(h.root, func(path string, d fs.DirEntry, err error) error {
		var info fs.FileInfo
		if err == nil {
			info, err = d.Info()
		}
		if errors.Is(err, fs.ErrNotExist) && path != h.root {
			return nil // it runs: files come and go
		}
		if err != nil {
			return err
		}
		files++
		if others := info.Mode().Perm() & 0o077; others != 0 {
			t.Errorf("%s has the mode %s: others may use it", path, info.Mode())
		}
		return nil
	})
	if err != nil || files < 5 {
		t.Fatalf("%d files in the state folder: %v", files, err)
	}

	bash, err := exec.LookPath("bash")
	if err != nil || os.Getuid() != 0 {
		t.Skip("the control port: it needs bash, and root to become another user")
	}
	text, err := os.ReadFile(filepath.Join(h.root, "local..hellox", "record.json"))
	var record state.Instance
	if err == nil {
		err = json.Unmarshal(text, &record)
	}
	if err != nil || record.Owner == nil {
		t.Fatalf("the record: %v in %s", err, text)
	}
	host, port, err := net.SplitHostPort(record.Owner.Control)
	if err != nil {
		t.Fatal(err)
	}
	const ask = `exec 3<>/dev/tcp/%s/%s && printf 'GET / HTTP/1.0\r\nAuthorization: Bearer %s\r\n\r\n' >&3 && cat <&3`
	for uid, answered := range map[uint32]bool{0: true, 65534: false} {
		c := exec.CommandContext(t.Context(), bash, "-c", fmt.Sprintf(ask, host, port, record.Owner.Token))
		c.Dir = "/"
		c.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uid, Gid: uid}}
		out, _ := c.CombinedOutput() // what is not answered fails
		if strings.Contains(string(out), "200 OK") != answered {
			t.Errorf("the control port answers user %d: %q", uid, out)
		}
	}
}
