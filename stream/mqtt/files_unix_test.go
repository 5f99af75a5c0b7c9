//go:build unix

package mqtt

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/eclipse/paho.mqtt.golang/packets"
)

// TestFIFOInPlaceOfFile: a FIFO that takes the place of a file while a client runs is
// refused without waiting, and the file that comes back is read. A pipe that was read
// at the start is not read again.
func TestFIFOInPlaceOfFile(t *testing.T) {
	certificate := atLoopback(t)
	g := openGate(t, &certificate)
	g.code.Store(uint32(packets.ErrRefusedServerUnavailable))
	dir := t.TempDir()
	files := Files{Password: filepath.Join(dir, "token"), CA: filepath.Join(dir, "ca.crt")}
	writePEM(t, files.CA, certificate)
	b := Broker{Scheme: "mqtts", Host: g.address, User: "broadcast-0", Files: files}
	dial := func() error {
		conn, err := Dial(t.Context(), DialOptions{Broker: b})
		if err == nil {
			conn.Close()
		}
		return err
	}
	for _, path := range []string{files.Password, files.CA} {
		writeText(t, files.Password, "first")
		text, err := os.ReadFile(path)
		if err := errors.Join(err, os.Remove(path), syscall.Mkfifo(path, 0o600)); err != nil {
			t.Fatal(err)
		}
		if err := dial(); err == nil || !strings.Contains(err.Error(), "it is a pipe, not a regular file") {
			t.Errorf("%s: %v", path, err)
		}
		if err := errors.Join(os.Remove(path), os.WriteFile(path, text, 0o600)); err != nil {
			t.Fatal(err)
		}
		_ = dial()
		if got := <-g.passwords; got != "first" {
			t.Errorf("the password is %q", got)
		}
	}
	if err := errors.Join(os.Remove(files.Password), syscall.Mkfifo(files.Password, 0o600)); err != nil {
		t.Fatal(err)
	}
	go func() { _ = os.WriteFile(files.Password, []byte("piped\n"), 0) }()
	b, err := b.ReadPipes(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		_ = dial()
		if got := <-g.passwords; got != "piped" {
			t.Errorf("the password is %q", got)
		}
	}
}
