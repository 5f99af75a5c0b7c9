package portforward

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"
)

// A forward's port is for this user: another one's connection is reset.
func TestPortIsForThisUser(t *testing.T) {
	bash, err := exec.LookPath("bash")
	if err != nil || os.Getuid() != 0 {
		t.Skip("it needs bash, and root to become another user")
	}
	ln, err := Port{}.Listen(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	for _, one := range ln.Listeners {
		go func() {
			for {
				conn, err := one.Accept()
				if err != nil {
					return
				}
				_, _ = conn.Write([]byte("welcome\n"))
				conn.Close()
			}
		}()
	}
	dial := func(host string, uid uint32) string {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		port := ln.Listeners[0].Addr().(*net.TCPAddr).Port
		cmd := exec.CommandContext(ctx, bash, "-c", fmt.Sprintf("exec 3<>/dev/tcp/%s/%d && cat <&3", host, port))
		cmd.Dir = "/"
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uid, Gid: uid}}
		out, _ := cmd.CombinedOutput() // how it failed stands there
		return string(out)
	}
	for _, host := range []string{"127.0.0.1", "::1"}[:len(ln.Listeners)] {
		if got := dial(host, 0); got != "welcome\n" {
			t.Errorf("%s: this user gets %q", host, got)
		}
		if got := dial(host, 65534); strings.Contains(got, "welcome") || !strings.Contains(got, "reset") {
			t.Errorf("%s: another user gets %q", host, got)
		}
	}
}
