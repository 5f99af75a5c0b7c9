package minikube

import (
	"bytes"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"hellox/bootstrap/bootstraptest"
	"hellox/bootstrap/run/runtest"
)

// aDaemon starts a real Docker daemon behind TLS, with the laptop's
// certificates, and returns its address. Without one the test is skipped,
// and fails where CI says that everything is there.
func (l *laptop) aDaemon() (address string) {
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
	cmd := exec.Command(path, "--host", "tcp://"+address, "--tlsverify",
		"--tlscacert", filepath.Join(certs, "ca.pem"), "--tlscert", filepath.Join(certs, "cert.pem"), "--tlskey", filepath.Join(certs, "key.pem"),
		"--data-root", filepath.Join(data, "data"), "--exec-root", filepath.Join(data, "exec"), "--pidfile", filepath.Join(data, "pid"),
		"--bridge", "none", "--iptables=false", "--ip6tables=false")
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

// The whole way into minikube's Docker, with a real daemon at its end.
func TestLoadIntoMinikubesDocker(t *testing.T) {
	l := newLaptop(t, "minikube")
	l.API("192.168.49.2").Set("", bootstraptest.Node("minikube", "docker", true))
	address := l.aDaemon()
	l.Script.Replace = append(l.Script.Replace, [2]string{"192.168.49.2:2376", address})
	l.Kubeconfig("docker-running/kubeconfig")
	l.Scene("now", listed("docker-running/profile-list-light"), bootstraptest.Play{Call: dockerEnvCall, Recording: "docker-running/docker-env"})

	_, c, err := l.ready(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	bootstraptest.WaitFor(t, "the daemon", func() bool {
		_, err := l.images()
		return err == nil
	})
	if t.Failed() {
		return
	}
	img := bootstraptest.PackBytes(t, strings.Repeat("an executable\x03\x00\r\n", 100_000), c.Arch)
	loaded, err := c.Load(t.Context(), "minikube", img)
	if err != nil || !loaded {
		t.Fatalf("%t, %v", loaded, err)
	}
	if loaded, err = c.Load(t.Context(), "minikube", img); err != nil || loaded {
		t.Fatalf("the second time: %t, %v", loaded, err)
	}
	// A compressed archive would do as well.
	second := bootstraptest.PackBytes(t, "another executable", c.Arch)
	var archive bytes.Buffer
	if err := second.WriteArchive(&archive, true); err != nil {
		t.Fatal(err)
	}
	images, err := l.images()
	if err != nil {
		t.Fatal(err)
	}
	if err := images.Load(t.Context(), "minikube", &archive); err != nil {
		t.Fatal(err)
	}
	if has, err := c.Has(t.Context(), "minikube", second); err != nil || !has {
		t.Errorf("compressed: %t, %v", has, err)
	}
	// The name alone proves nothing.
	impostor := *img
	impostor.ID, impostor.DiffID = second.ID, second.DiffID
	if has, err := c.Has(t.Context(), "minikube", &impostor); err != nil || has {
		t.Errorf("other content under the tag: %t, %v", has, err)
	}
	var whole bytes.Buffer
	if err := bootstraptest.PackBytes(t, strings.Repeat("a third", 1000), c.Arch).WriteArchive(&whole, false); err != nil {
		t.Fatal(err)
	}
	for name, broken := range map[string]string{"empty": "", "noise": strings.Repeat("noise", 10_000), "cut": whole.String()[:whole.Len()/2]} {
		if err := images.Load(t.Context(), "minikube", strings.NewReader(broken)); err == nil {
			t.Errorf("a broken archive (%s) is taken for loaded", name)
		}
	}
	for _, want := range []struct {
		keep    []string
		removed int
	}{{[]string{img.Tag}, 1}, {nil, 1}, {nil, 0}} {
		if n, err := c.RemoveImages(t.Context(), want.keep...); err != nil || n != want.removed {
			t.Errorf("removed %d, want %d; %v", n, want.removed, err)
		}
	}
	if has, err := c.Has(t.Context(), "minikube", img); err != nil || has {
		t.Errorf("removed: %t, %v", has, err)
	}
}

func TestDockerMustBeHere(t *testing.T) {
	for _, host := range []string{"tcp://203.0.113.7:2376", "tcp://docker.example.org:2376", "ssh://docker@127.0.0.1:32794", "unix:///var/run/docker.sock", ""} {
		if _, err := newDockerImages(host, t.TempDir()); err == nil {
			t.Errorf("%q is taken for minikube's Docker", host)
		}
	}
}
