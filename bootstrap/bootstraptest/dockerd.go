package bootstraptest

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"syscall"

	"hellox/bootstrap/run/runtest"
)

// Dockerd starts a real Docker daemon behind TLS, with the laptop's
// certificates, and returns its address. Without one the test is skipped,
// and fails where CI says that everything is there.
func (l *Laptop) Dockerd() (address string) {
	l.T.Helper()
	without := l.T.Skipf
	if os.Getenv("CI") == "true" && runtime.GOOS == "linux" {
		without = l.T.Fatalf
	}
	path, err := exec.LookPath("dockerd")
	if err != nil {
		without("no Docker daemon: %v", err)
	}
	if os.Geteuid() != 0 {
		without("only root can start a Docker daemon")
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		l.T.Fatal(err)
	}
	address = ln.Addr().String()
	ln.Close()
	certs := filepath.Join(l.Dir, "minikube", "certs")
	log := &bytes.Buffer{}
	// The data is outside the test's folder: what the daemon mounts there
	// would be in the way when that is removed. Its socket's path must be
	// short.
	data, err := os.MkdirTemp("", "dockerd")
	if err != nil {
		l.T.Fatal(err)
	}
	bridge := l.bridge()
	cmd := exec.Command(path, "--host", "tcp://"+address, "--tlsverify", //nolint:noctx // Cleanup stops it
		"--tlscacert", filepath.Join(certs, "ca.pem"), "--tlscert", filepath.Join(certs, "cert.pem"), "--tlskey", filepath.Join(certs, "key.pem"),
		"--data-root", filepath.Join(data, "data"), "--exec-root", filepath.Join(data, "exec"), "--pidfile", filepath.Join(data, "pid"),
		"--bridge", bridge, "--iptables=false", "--ip6tables=false")
	cmd.Stdout, cmd.Stderr = log, log
	runtest.Bind(cmd)
	if err := cmd.Start(); err != nil {
		l.T.Fatal(err)
	}
	l.T.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		_ = cmd.Wait()
		if l.T.Failed() {
			l.T.Logf("the daemon's log:\n%s", log)
		}
		if err := os.RemoveAll(data); err != nil {
			l.T.Error(err)
		}
	})
	return address
}

// bridge makes a network bridge for a Docker daemon of the test. Without one the
// daemon would delete docker0, which this machine's own Docker uses, or is about to.
func (l *Laptop) bridge() (name string) {
	l.T.Helper()
	name = fmt.Sprintf("hellox%d", os.Getpid()%1e9)
	if said, err := exec.Command("ip", "link", "add", name, "type", "bridge").CombinedOutput(); err != nil { //nolint:noctx // it takes no time
		l.T.Fatalf("no bridge for a Docker daemon: %v: %s", err, said)
	}
	l.T.Cleanup(func() { _ = exec.Command("ip", "link", "del", name).Run() }) //nolint:noctx // it takes no time
	return name
}
