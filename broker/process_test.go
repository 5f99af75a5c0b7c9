package broker

import (
	"bufio"
	"context"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"

	"modernc.org/sqlite"

	"hellox/bootstrap/run/runtest"
	"hellox/stream/streamtest"
)

// TestMain makes this binary a broker when it is started as a child: one that
// can be killed.
func TestMain(m *testing.M) {
	sqlite.RegisterConnectionHook(holdable)
	if os.Getenv("HELLOX_TEST_BROKER") == "" {
		os.Exit(m.Run())
	}
	runtest.Follow() // under strace, which does not end it
	if err := child(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// child is a broker as the environment says.
func child() error {
	if n, _ := strconv.ParseUint(os.Getenv("HELLOX_TEST_NOFILE"), 10, 64); n > 0 {
		if err := limitDescriptors(n); err != nil {
			return err
		}
		hogDescriptors()
	}
	l, err := net.Listen("tcp", os.Getenv("HELLOX_TEST_BROKER"))
	if err != nil {
		return err
	}
	limit, _ := strconv.ParseInt(os.Getenv("HELLOX_TEST_LIMIT"), 10, 64)
	b, err := New(Options{
		Listeners: []Listener{{Net: l, Open: true}}, Store: os.Getenv("HELLOX_TEST_STORE"), StoreLimit: limit, Backpressure: strings.Fields(os.Getenv("HELLOX_TEST_BACKPRESSURE")),
		Log: slog.New(slog.NewTextHandler(os.Stderr, nil)),
	})
	if err != nil {
		return err
	}
	fmt.Println("ready")
	return b.Serve(context.Background())
}

// A process is a broker in a process of its own.
type process struct {
	addr  *net.TCPAddr
	store string
	env   []string
	wrap  []string // a command in front, such as strace
	cmd   *exec.Cmd
	lines chan string // of its standard output, after "ready"; closed at its end
	log   *safeBuffer
}

func newProcess(t testing.TB, store string) *process {
	t.Helper()
	// Held while the broker is away: else a client that tries again may connect to itself
	// from that port.
	addr, err := net.ResolveTCPAddr("tcp", streamtest.FreeAddress(t))
	if err != nil {
		t.Fatal(err)
	}
	return &process{addr: addr, store: store, log: &safeBuffer{}}
}

// start returns when the broker has opened its store and listens.
func (p *process) start(t testing.TB) {
	t.Helper()
	args := append(append([]string{}, p.wrap...), os.Args[0])
	p.cmd = exec.Command(args[0], args[1:]...)
	p.cmd.Env = append(append(os.Environ(), "HELLOX_TEST_BROKER="+p.addr.String(), "HELLOX_TEST_STORE="+p.store), p.env...)
	p.cmd.Stderr = p.log
	ownGroup(p.cmd)
	runtest.Bind(p.cmd)
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.kill)
	p.lines = make(chan string, 100)
	lines := p.lines
	go func() {
		defer close(lines)
		for s := bufio.NewScanner(out); s.Scan(); {
			lines <- s.Text()
		}
	}()
	if line := <-p.lines; line != "ready" {
		p.cmd.Wait()
		t.Fatalf("the broker does not start: %q\n%s", line, p.log)
	}
}

// ended waits until the broker ends by itself.
func (p *process) ended(t testing.TB) error {
	t.Helper()
	for range p.lines {
	}
	err := p.cmd.Wait()
	p.cmd = nil
	return err
}

func (p *process) said(what string) bool { return strings.Contains(p.log.String(), what) }

func (p *process) kill() {
	if p.cmd != nil {
		killGroup(p.cmd.Process)
		for range p.lines { // Wait wants its output read to the end
		}
		p.cmd.Wait()
		p.cmd = nil
	}
}
