package main

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"hellox/cmd/hellox/certs"
)

// TestReceiveRefusesBeyondLoopback opens the page at every way to write an
// address; what it is bound to decides.
func TestReceiveRefusesBeyondLoopback(t *testing.T) {
	cases := map[string]int{
		"127.0.0.1:0": exitDone, "localhost:0": exitDone, "127.0.0.2:0": exitDone, "[::ffff:127.0.0.1]:0": exitDone,
		":0": exitUnsafe, "0.0.0.0:0": exitUnsafe, "[::ffff:0.0.0.0]:0": exitUnsafe,
		"no-such-host.invalid:0": exitMissing,
	}
	if ln, err := net.Listen("tcp6", "[::1]:0"); err == nil {
		ln.Close()
		cases["[::1]:0"], cases["[::]:0"] = exitDone, exitUnsafe
	}
	addresses, err := net.InterfaceAddrs()
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range addresses {
		if ip := a.(*net.IPNet).IP; ip.To4() != nil && !ip.IsLoopback() {
			cases[net.JoinHostPort(ip.String(), "0")] = exitUnsafe
		}
	}
	// A name that stands for an address beyond loopback, where this machine has one.
	if name, err := os.Hostname(); err == nil {
		if ips, err := net.LookupIP(name); err == nil && len(ips) == 1 && !ips[0].IsLoopback() {
			cases[net.JoinHostPort(name, "0")] = exitUnsafe
		}
	}
	for address, want := range cases {
		pages, err := (&pageFlags{addresses: []string{address}}).listen(t.Context(), slog.New(slog.DiscardHandler))
		got := exitDone
		if err != nil {
			f := new(failure)
			if !errors.As(err, &f) {
				t.Errorf("%s: %v has no exit code", address, err)
				continue
			}
			got = f.code
		} else {
			pages.close()
		}
		if got != want {
			t.Errorf("%s: exit %d, want %d (%v)", address, got, want, err)
		}
	}
}

// TestLoginURLHasThePort shows the login's URL with the port of the listener, and with the
// one by which browsers come to it.
func TestLoginURLHasThePort(t *testing.T) {
	dir := t.TempDir()
	if _, err := certs.Make(certs.Options{Dir: dir, Hosts: []string{"page.example"}, Now: time.Now()}); err != nil {
		t.Fatal(err)
	}
	for _, port := range []int{0, 443, 30843} {
		var said strings.Builder
		log := slog.New(slog.NewTextHandler(&said, nil))
		page := pageFlags{addresses: []string{"0.0.0.0:0"}, cert: filepath.Join(dir, "server.crt"), key: filepath.Join(dir, "server.key"), loginPort: port}
		pages, err := page.listen(t.Context(), log)
		if err != nil {
			t.Fatal(err)
		}
		pages.tell(log)
		want := port
		if want == 0 {
			want = pages.login.Listener.Addr().(*net.TCPAddr).Port
		}
		pages.close()
		if url := fmt.Sprintf("url=https://page.example:%d/login#", want); !strings.Contains(said.String(), url) {
			t.Errorf("port %d: the log lacks %s:\n%s", port, url, said.String())
		}
	}
}
