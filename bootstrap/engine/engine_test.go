package engine_test

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"hellox/bootstrap/engine"
	"hellox/bootstrap/run"
	"hellox/bootstrap/step"
)

// What engines print when they cannot be used: docker 28 and 29, Docker Desktop,
// podman 5, nerdctl 2.
func TestFailure(t *testing.T) {
	for _, c := range []struct{ engine, stderr, sentence, hint string }{
		{"docker", "Cannot connect to the Docker daemon at unix:///var/run/docker.sock. Is the docker daemon running?", "docker is not running", ""},
		{"docker", "failed to connect to the docker API at unix:///var/run/docker.sock; check if the path is correct and if the daemon is running: dial unix /var/run/docker.sock: connect: no such file or directory", "docker is not running", ""},
		{"docker", "error during connect: this error may indicate that the docker daemon is not running: open //./pipe/docker_engine: The system cannot find the file specified.", "docker is not running", ""},
		{"docker", `permission denied while trying to connect to the Docker daemon socket at unix:///var/run/docker.sock: Get "http://%2Fvar%2Frun%2Fdocker.sock/v1.50/containers/json": dial unix /var/run/docker.sock: connect: permission denied`, "no permission to use docker", ""},
		{"docker", "Failed to initialize: unable to resolve docker endpoint: open /nope/ca.pem: no such file or directory", "docker has wrong or missing TLS certificates", "unset DOCKER_HOST DOCKER_TLS_VERIFY DOCKER_CERT_PATH"},
		{"docker", `Failed to initialize: unable to resolve docker endpoint: context "nope": context not found: open /root/.docker/contexts/meta/ca37/meta.json: no such file or directory`, "docker's context does not exist", "docker context use default"},
		{"podman", "Cannot connect to Podman. Please verify your connection to the Linux system using `podman system connection list`, or try `podman machine init` and `podman machine start` to manage a new Linux VM\nError: unable to connect to Podman socket: dial unix /run/podman.sock: connect: no such file or directory", "podman is not running", ""},
		{"nerdctl", `time="2026-11-24T02:35:17Z" level=fatal msg="cannot access containerd socket \"/run/containerd/containerd.sock\": no such file or directory"`, "nerdctl is not running", ""},
		{"nerdctl", `time="2026-11-24T02:35:17Z" level=fatal msg="rootless containerd not running? (hint: use ` + "`containerd-rootless-setuptool.sh install`" + ` to start rootless containerd)"`, "nerdctl is not running", ""},
		{"docker", "Error response from daemon: No such container: minikube", "", ""},
		{"docker", "", "", ""},
	} {
		e := engine.Failure(c.engine, c.stderr)
		if c.sentence == "" {
			if e != nil {
				t.Errorf("%q is taken for %v", c.stderr, e)
			}
			continue
		}
		if e == nil || e.Error() != c.sentence || e.Kind != step.Missing || e.Hint == "" || c.hint != "" && e.Hint != c.hint {
			t.Errorf("%q: %+v", c.stderr, e)
		}
	}
}

// An engine's daemon on another machine is refused, wherever that is said.
func TestLocal(t *testing.T) {
	config := t.TempDir()
	context := func(name, host string) {
		sum := sha256.Sum256([]byte(name))
		dir := filepath.Join(config, "contexts", "meta", hex.EncodeToString(sum[:]))
		if err := errors.Join(os.MkdirAll(dir, 0o700),
			os.WriteFile(filepath.Join(dir, "meta.json"), []byte(`{"Name":"`+name+`","Endpoints":{"docker":{"Host":"`+host+`"}}}`), 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	context("desktop-linux", "unix:///home/ann/.docker/desktop/docker.sock")
	context("farm", "ssh://ann@farm.example.org")
	current := filepath.Join(t.TempDir(), "docker")
	if err := errors.Join(os.Mkdir(current, 0o700), os.WriteFile(filepath.Join(current, "config.json"), []byte(`{"currentContext":"farm"}`), 0o600),
		os.CopyFS(filepath.Join(current, "contexts"), os.DirFS(filepath.Join(config, "contexts")))); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		engine, environ string
		ok              bool
		hint            string
	}{
		{"docker", "", true, ""},
		{"docker", "DOCKER_HOST=unix:///run/user/1000/docker.sock", true, ""},
		{"docker", "DOCKER_HOST=npipe:////./pipe/docker_engine", true, ""},
		{"docker", "DOCKER_HOST=tcp://127.0.0.1:2375", true, ""},
		{"docker", "DOCKER_HOST=tcp://localhost:2375", true, ""},
		{"docker", "DOCKER_HOST=tcp://192.0.2.9:2376", false, "unset DOCKER_HOST DOCKER_TLS_VERIFY DOCKER_CERT_PATH"},
		{"docker", "DOCKER_HOST=ssh://ann@farm.example.org", false, "unset DOCKER_HOST DOCKER_TLS_VERIFY DOCKER_CERT_PATH"},
		{"docker", "DOCKER_HOST=:", false, ""},
		{"docker", "DOCKER_CONTEXT=desktop-linux", true, ""},
		{"docker", "DOCKER_CONTEXT=farm", false, "unset DOCKER_CONTEXT"},
		{"docker", "DOCKER_CONTEXT=default", true, ""},
		{"docker", "DOCKER_CONFIG=" + current, false, "docker context use default"},
		{"docker", "DOCKER_HOST=unix:///x DOCKER_CONFIG=" + current, true, ""}, // docker too takes DOCKER_HOST first
		{"podman", "DOCKER_HOST=tcp://192.0.2.9:2376", true, ""},
		{"podman", "CONTAINER_HOST=ssh://core@192.0.2.9/run/podman.sock", false, "unset CONTAINER_HOST"},
		{"podman", "CONTAINER_HOST=ssh://core@127.0.0.1:49152/run/podman.sock", true, ""}, // podman machine
		{"nerdctl", "DOCKER_HOST=tcp://192.0.2.9:2376", true, ""},
	} {
		err := engine.Local(run.New(append([]string{"DOCKER_CONFIG=" + config}, strings.Fields(c.environ)...)), c.engine)
		e := (*step.Error)(nil)
		if (err == nil) != c.ok || err != nil && (!errors.As(err, &e) || e.Kind != step.Unsafe || e.Hint != c.hint && c.hint != "") {
			t.Errorf("%s, %s: %v", c.engine, c.environ, err)
		}
	}
}

// The settings select the daemon that is in use, from any other environment.
func TestSettings(t *testing.T) {
	for _, c := range []struct{ engine, environ, want string }{
		{"docker", "", "DOCKER_HOST=unix:///var/run/docker.sock"},
		{"docker", "DOCKER_HOST=unix:///run/user/1000/docker.sock", "DOCKER_HOST=unix:///run/user/1000/docker.sock"},
		{"docker", "DOCKER_CONTEXT=default", "DOCKER_HOST=unix:///var/run/docker.sock"},
		{"podman", "", ""},
		{"podman", "CONTAINER_HOST=ssh://core@127.0.0.1:49152/run/podman.sock", "CONTAINER_HOST=ssh://core@127.0.0.1:49152/run/podman.sock"},
		{"nerdctl", "DOCKER_HOST=unix:///x", ""},
	} {
		want := c.want
		if runtime.GOOS == "windows" {
			want = strings.Replace(want, "unix:///var/run/docker.sock", "npipe:////./pipe/docker_engine", 1)
		}
		if got := engine.Settings(run.New([]string{"DOCKER_CONFIG=" + t.TempDir(), c.environ}), c.engine); got != want {
			t.Errorf("%s, %s: %s", c.engine, c.environ, got)
		}
	}
}
