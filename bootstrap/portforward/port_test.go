package portforward

import (
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"testing"

	"hellox/bootstrap/step"
)

// occupy listens on a port of one loopback address only.
func occupy(t *testing.T, network, address string) int {
	t.Helper()
	ln, err := net.Listen(network, address)
	if err != nil {
		t.Skipf("this machine has no %s: %v", address, err)
	}
	t.Cleanup(func() { ln.Close() })
	return ln.Addr().(*net.TCPAddr).Port
}

func TestPortAskedForAndTaken(t *testing.T) {
	taken := occupy(t, "tcp4", "127.0.0.1:0")
	_, err := Port{Number: taken, Asked: true, Flag: "--web-port", Command: "hellox up --namespace two"}.Listen(t.Context())
	e := new(step.Error)
	if !errors.As(err, &e) || e.Kind != step.Missing {
		t.Fatalf("error %v, want one of kind Missing", err)
	}
	owner := fmt.Sprintf("(process %d)", os.Getpid())
	if !strings.Contains(e.Error(), fmt.Sprint(taken)) || !strings.Contains(e.Error(), owner) {
		t.Errorf("%q names neither port %d nor owner %s", e, taken, owner)
	}
	if e.Hint != "hellox up --namespace two --web-port 0" {
		t.Errorf("hint %q", e.Hint)
	}
}

// localhost may be either address, so a port that another program has on one of
// them is taken.
func TestDefaultPortTaken(t *testing.T) {
	for network, address := range map[string]string{"tcp4": "127.0.0.1:0", "tcp6": "[::1]:0"} {
		t.Run(address, func(t *testing.T) {
			taken := occupy(t, network, address)
			local, err := Port{Number: taken}.Listen(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			defer local.Close()
			moved := local.Moved
			got := local.Listeners[0].Addr().(*net.TCPAddr).Port
			if got <= taken || got > taken+portsTried {
				t.Errorf("moved from %d to %d", taken, got)
			}
			if !strings.Contains(moved, fmt.Sprintf("port %d is taken by", taken)) || !strings.HasSuffix(moved, fmt.Sprintf("using %d", got)) {
				t.Errorf("said %q", moved)
			}
		})
	}
}

func TestPortIsOneOnBothAddresses(t *testing.T) {
	local, err := Port{}.Listen(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer local.Close()
	if local.Moved != "" {
		t.Errorf("any port will do, and yet: %q", local.Moved)
	}
	for _, ln := range local.Listeners {
		a := ln.Addr().(*net.TCPAddr)
		if !a.IP.IsLoopback() || a.Port != local.Listeners[0].Addr().(*net.TCPAddr).Port {
			t.Errorf("listens on %s", a)
		}
	}
}
