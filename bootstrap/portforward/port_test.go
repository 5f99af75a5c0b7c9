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

// The hint names every port that was asked for: those that are taken as any free one.
func TestSeveralPortsTaken(t *testing.T) {
	web, mqtt := occupy(t, "tcp4", "127.0.0.1:0"), occupy(t, "tcp4", "127.0.0.1:0")
	port := func(flag string, number int) Port {
		return Port{Number: number, Asked: true, Flag: flag, Command: "hellox up"}
	}
	for name, c := range map[string]struct {
		web, mqtt int
		hint      string
		taken     []int
	}{
		"both":       {web, mqtt, "hellox up --web-port 0 --mqtt-port 0", []int{web, mqtt}},
		"the first":  {web, 0, "hellox up --web-port 0 --mqtt-port 0", []int{web}},
		"the second": {0, mqtt, "hellox up --web-port 0 --mqtt-port 0", []int{mqtt}},
	} {
		_, err := ListenAll(t.Context(), "hellox up", port("--web-port", c.web), port("--mqtt-port", c.mqtt))
		e, ok := errors.AsType[*step.Error](err)
		if !ok || e.Kind != step.Missing || e.Hint != c.hint {
			t.Errorf("%s: error %v, hint %q", name, err, e.Hint)
			continue
		}
		for _, n := range c.taken {
			if !strings.Contains(e.Sentence, fmt.Sprintf("port %d is taken by ", n)) {
				t.Errorf("%s: %q does not name port %d", name, e.Sentence, n)
			}
		}
	}
	all, err := ListenAll(t.Context(), "hellox up", Port{}, Port{})
	if err != nil || len(all) != 2 {
		t.Fatal(all, err)
	}
	for _, l := range all {
		l.Close()
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
