package build_test

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"hellox/bootstrap/bootstraptest"
	"hellox/bootstrap/build"
	"hellox/bootstrap/run"
	"hellox/bootstrap/step"
)

func TestMain(m *testing.M) { os.Exit(bootstraptest.Main(m)) }

// newFolder writes files, by name, into a new folder that is built as press.
func newFolder(t *testing.T, files map[string]string) build.Folder {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "press")
	for name, text := range files {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o777), os.WriteFile(path, []byte(text), 0o777)); err != nil {
			t.Fatal(err)
		}
	}
	return build.Folder{Name: "press-of-a-test", Dir: dir}
}

func TestParse(t *testing.T) {
	f := newFolder(t, map[string]string{"Dockerfile": "FROM scratch\n"})
	for text, repository := range map[string]string{
		"press=":                         "hellox.local/built/press",
		"ghcr.io/acme/press=":            "hellox.local/built/ghcr.io/acme/press",
		"registry.example:5000/a/press=": "hellox.local/built/registry.example-5000/a/press",
	} {
		got, err := build.Parse(text + f.Dir)
		if err != nil || got.Repository() != repository || got.Dir != f.Dir {
			t.Errorf("%s: %v, %v", text, got, err)
		}
	}
	for text, want := range map[string]struct{ sentence, hint string }{
		"press":                          {"it is not NAME=DIR", "--build press=./press"},
		"=" + f.Dir:                      {"it is not NAME=DIR", ""},
		"press:dev=" + f.Dir:             {"the name has a tag", "--build press=" + f.Dir},
		"Press=" + f.Dir:                 {"Press is no name of an image", "--build press=" + f.Dir},
		"press=" + f.Dir + "x":           {"there is no folder " + f.Dir + "x", "--build press=DIR"},
		"press=" + f.Dir + "/..":         {"holds no Dockerfile", "write "},
		"press=" + f.Dir + "/Dockerfile": {"/Dockerfile is a file", "--build press=" + f.Dir},
		"hellox.local/hellox=" + f.Dir:   {"that is hellox itself", ""},
	} {
		_, err := build.Parse(text)
		wrong := (*step.Error)(nil)
		if !errors.As(err, &wrong) || wrong.Kind != step.Ambiguous || !strings.Contains(wrong.Sentence, want.sentence) || !strings.Contains(wrong.Hint, want.hint) {
			t.Errorf("%s: %v (%+v), want %q", text, err, wrong, want)
		}
	}
	if _, err := build.ParseAll([]string{"press=" + f.Dir, "press=" + f.Dir}); err == nil || !strings.Contains(err.Error(), "twice") {
		t.Errorf("the same name twice: %v", err)
	}
}

func TestIgnored(t *testing.T) {
	f := newFolder(t, map[string]string{
		"Dockerfile": "FROM scratch\n", ".dockerignore": "# notes\n*.md\n!README.md\nDockerfile\nbuild/\n**/*.log\n",
	})
	ignored, err := f.Ignored()
	if err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]bool{
		"main.go": false, "NOTES.md": true, "README.md": false, "Dockerfile": false, ".dockerignore": false,
		"build/out": true, "a/b/x.log": true, "a/NOTES.md": false,
	} {
		if got := ignored(path, false); got != want {
			t.Errorf("%s: %t, want %t", path, got, want)
		}
	}
}

// cases are builds, for each builder the same.
func cases(t *testing.T, builder build.Builder, where string) {
	files := map[string]string{
		"Dockerfile": "FROM scratch\nCOPY . /press/\nCMD [\"/press/run\"]\n", ".dockerignore": "left-out\n",
		"run": "one", "left-out": "secret", "folder/file": "x",
	}
	f := newFolder(t, files)
	var told []string
	first, err := builder.Build(t.Context(), f, func(text string) { told = append(told, text) })
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Contains(told, f.Name+": step 2/3, COPY . /press/") {
		t.Errorf("progress %q", told)
	}
	if first.Unchanged || first.Arch != runtime.GOARCH || !strings.HasPrefix(first.Name(), "hellox.local/built/press-of-a-test:") {
		t.Errorf("the first: %s, unchanged %t, for %s", first.Name(), first.Unchanged, first.Arch)
	}
	again, err := builder.Build(t.Context(), f, func(string) {})
	if err != nil || again.Name() != first.Name() || !again.Unchanged {
		t.Errorf("without a change: %v, %v", again, err)
	}
	if err := os.WriteFile(filepath.Join(f.Dir, "left-out"), []byte("another"), 0o600); err != nil {
		t.Fatal(err)
	}
	if again, err = builder.Build(t.Context(), f, func(string) {}); err != nil || !again.Unchanged {
		t.Errorf("what is left out has changed: %v, %v", again, err)
	}
	if err := os.WriteFile(filepath.Join(f.Dir, "run"), []byte("two"), 0o700); err != nil {
		t.Fatal(err)
	}
	second, err := builder.Build(t.Context(), f, func(string) {})
	if err != nil || second.Name() == first.Name() || second.Unchanged {
		t.Errorf("with a change: %v, %v", second, err)
	}
	if !first.InPlace() {
		names := filesOf(t, second)
		if !slices.Contains(names, "press/run") || slices.Contains(names, "press/left-out") {
			t.Errorf("the image holds %v", names)
		}
	}
	for name, c := range map[string]struct{ dockerfile, sentence string }{
		"nothing to copy": {"FROM scratch\n\nCOPY absent /\n", "Dockerfile, line 3, COPY absent /: "},
		"unknown word":    {"FROM scratch\nCOPPY a /\n", "Dockerfile, line 2: unknown instruction: COPPY"},
		"BuildKit":        {"FROM scratch\nCOPY --link run /\n", "Dockerfile, line 2: COPY --link needs BuildKit, which " + where},
	} {
		f := newFolder(t, map[string]string{"Dockerfile": c.dockerfile, "run": ""})
		_, err := builder.Build(t.Context(), f, func(string) {})
		failed := (*step.Error)(nil)
		if !errors.As(err, &failed) || !strings.Contains(failed.Error(), c.sentence) || !strings.HasPrefix(failed.Error(), "build press-of-a-test: "+f.Dir) || failed.Hint == "" {
			t.Errorf("%s: %v, want %q", name, err, c.sentence)
		}
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	enough := errors.New("enough")
	cancel(enough)
	if _, err := builder.Build(ctx, f, func(string) {}); !errors.Is(err, enough) && !errors.Is(err, context.Canceled) {
		t.Errorf("interrupted: %v", err)
	}
}

// filesOf returns the names of the files in the last layer of the image's archive.
func filesOf(t *testing.T, image *build.Image) (names []string) {
	t.Helper()
	var archive bytes.Buffer
	if err := image.WriteArchive(t.Context(), &archive, false); err != nil {
		t.Fatal(err)
	}
	for outer := tar.NewReader(&archive); ; {
		header, err := outer.Next()
		if errors.Is(err, io.EOF) {
			return names
		}
		if err != nil {
			t.Fatal(err)
		}
		for inner := tar.NewReader(outer); header.Typeflag == tar.TypeReg; {
			file, err := inner.Next()
			if err != nil {
				break // the end, or no layer
			}
			names = append(names, file.Name)
		}
	}
}

// without skips the test, and fails it where CI says that everything is there.
func without(t *testing.T, what string) {
	t.Helper()
	if os.Getenv("CI") == "true" && runtime.GOOS == "linux" {
		t.Fatal("no " + what)
	}
	t.Skip("no " + what)
}

func newHost(t *testing.T) build.Host {
	t.Helper()
	if exec.CommandContext(t.Context(), "docker", "info").Run() != nil {
		without(t, "Docker")
	}
	return build.Host{Runner: run.New(os.Environ())}
}

func TestHost(t *testing.T) {
	host := newHost(t)
	if exec.CommandContext(t.Context(), "docker", "buildx", "version").Run() == nil {
		t.Setenv("DOCKER_BUILDKIT", "0") // the classic builder is what this is about
		host.Runner = run.New(os.Environ())
	}
	repository := build.Folder{Name: "press-of-a-test"}.Repository()
	images := func() []string {
		out, err := exec.CommandContext(context.WithoutCancel(t.Context()), "docker", "images", "-q", repository, "--format", "{{.Repository}}:{{.Tag}}").Output()
		if err != nil {
			t.Error(err)
		}
		return strings.Fields(string(out))
	}
	host.Remove(t.Context(), images())
	cases(t, host, "this Docker is without")
	if left := images(); len(left) != 2 {
		t.Errorf("%v are in the engine, want the last two", left)
	}
	if n, left := host.Remove(t.Context(), images()); n != 2 || len(left)+len(images()) != 0 {
		t.Errorf("removed %d, left %v", n, images())
	}
}

// An image that the engine keeps, because a container of it runs, is returned.
func TestHostLeavesImagesInUse(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("the engine of this test is a script")
	}
	bin := t.TempDir()
	const script = `#!/bin/sh
case "$*" in
"rmi hellox.local/built/press:used") exit 1 ;;
"rmi hellox.local/built/press:absent") exit 1 ;;
"images --format {{.Repository}}:{{.Tag}} hellox.local/built/press:used") echo hellox.local/built/press:used ;;
"images --format {{.Repository}}:{{.Tag}}") echo alpine:3; echo hellox.local/built/press:used ;;
esac
`
	if err := os.WriteFile(filepath.Join(bin, "docker"), []byte(script), 0o700); err != nil {
		t.Fatal(err)
	}
	host := build.Host{Runner: run.New([]string{"PATH=" + bin})}
	n, left := host.Remove(t.Context(), []string{"hellox.local/built/press:1", "hellox.local/built/press:used", "hellox.local/built/press:absent"})
	if n != 1 || !slices.Equal(left, []string{"hellox.local/built/press:used"}) {
		t.Errorf("removed %d, left %q", n, left)
	}
	built, remove := host.Built(t.Context())
	if !slices.Equal(built, left) || remove != "docker rmi hellox.local/built/press:used" {
		t.Errorf("built %q, %s", built, remove)
	}
}

// A step that fails is told with its line, its exit code and its last words.
func TestHostStepFails(t *testing.T) {
	host := newHost(t)
	busybox, err := os.ReadFile("/usr/bin/busybox")
	if err != nil {
		without(t, "busybox (apt-get install busybox-static)")
	}
	f := newFolder(t, map[string]string{
		"busybox": string(busybox),
		// One stream: Docker does not keep the order of two.
		"Dockerfile": "FROM scratch\nCOPY busybox /bin/busybox\n\nRUN [\"/bin/busybox\", \"sh\", \"-c\", \"exec 2>&1; echo one; for i in 1 2 3 4 5; do echo line $i; done; echo no stamp is there >&2; exit 7\"]\n",
	})
	_, err = host.Build(t.Context(), f, func(string) {})
	failed := (*step.Error)(nil)
	if !errors.As(err, &failed) || !strings.Contains(failed.Error(), "Dockerfile, line 4, RUN ") || !strings.HasSuffix(failed.Error(), ": it ended with exit code 7") {
		t.Fatalf("error %v", err)
	}
	if len(failed.Evidence) == 0 || !slices.Contains(failed.Evidence, "no stamp is there") {
		t.Errorf("evidence %q", failed.Evidence)
	}
	left, err := exec.CommandContext(t.Context(), "docker", "ps", "--all", "--no-trunc", "--format", "{{.ID}} {{.Command}}").Output()
	if err != nil || strings.Contains(string(left), "no stamp is there") {
		t.Errorf("containers of the step are left: %s, %v", left, err)
	}
}

// A build that gets nothing from the network says so: the Dockerfile is right, and the engine
// runs. An image that its registry does not have is the Dockerfile's fault.
func TestHostWithoutNetwork(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("the engine of this test is a script")
	}
	const (
		correct = "correct "
		connect = "connect this machine to the network"
		kit     = "#1 [internal] load build definition from Dockerfile\n#1 DONE 0.0s\n"
	)
	for name, c := range map[string]struct {
		said, sentence, hint string
		kind                 step.Kind
	}{
		"BuildKit, the base image": {
			kit + "#2 [internal] load metadata for docker.io/library/golang:1.26\n#2 ERROR: failed to do request\nERROR: failed to build: failed to solve: golang:1.26: failed to resolve source metadata for docker.io/library/golang:1.26: failed to do request: Head \"https://registry-1.docker.io/v2/library/golang/manifests/1.26\": dial tcp: lookup registry-1.docker.io on 127.0.0.11:53: no such host\n",
			"Dockerfile, line 2, FROM --platform=linux/amd64 golang:1.26 AS build: the base image golang:1.26 could not be fetched: dial tcp: lookup registry-1.docker.io on 127.0.0.11:53: no such host", connect, step.Missing,
		},
		"classic, the base image": {
			"Sending build context to Docker daemon  2.048kB\nStep 1/2 : FROM --platform=linux/amd64 golang:1.26 AS build\nError response from daemon: Get \"https://registry-1.docker.io/v2/\": net/http: request canceled while waiting for connection (Client.Timeout exceeded while awaiting headers)\n",
			"the base image golang:1.26 could not be fetched: request canceled while waiting for connection", connect, step.Missing,
		},
		"a module": {
			kit + "#5 [2/2] RUN go mod download\n#5 0.4 go: example.org/x@v1.0.0: Get \"https://proxy.golang.org/\": dial tcp: lookup proxy.golang.org on 127.0.0.11:53: server misbehaving\nERROR: failed to solve: process \"/bin/sh -c go mod download\" did not complete successfully: exit code: 1\n",
			"Dockerfile, line 3, RUN go mod download: what it fetches could not be fetched: dial tcp: lookup proxy.golang.org on 127.0.0.11:53: server misbehaving", connect, step.Missing,
		},
		"curl in a step": {
			kit + "#5 [2/2] RUN go mod download\n#5 0.4 curl: (7) Failed to connect to example.org port 443 after 3 ms\nERROR: failed to solve: process \"/bin/sh -c go mod download\" did not complete successfully: exit code: 7\n",
			"what it fetches could not be fetched: Failed to connect to example.org port 443", connect, step.Missing,
		},
		"no such image": {
			kit + "ERROR: failed to solve: golang:1.26: docker.io/library/golang:1.26: not found\n",
			"Dockerfile: golang:1.26: docker.io/library/golang:1.26: not found", correct, step.Failed,
		},
		"the engine is not running": {"ERROR: Cannot connect to the Docker daemon at unix:///var/run/docker.sock.\n", "docker is not running", "", step.Missing},
	} {
		f := newFolder(t, map[string]string{"Dockerfile": "# of a test\nFROM --platform=linux/amd64 golang:1.26 AS build\nRUN go mod download\n"})
		bin := t.TempDir()
		script := "#!/bin/sh\n[ \"$1\" = build ] || exit 1\ncat >&2 <<'END'\n" + c.said + "END\nexit 1\n"
		if err := os.WriteFile(filepath.Join(bin, "docker"), []byte(script), 0o700); err != nil {
			t.Fatal(err)
		}
		_, err := build.Host{Runner: run.New([]string{"PATH=" + bin + string(os.PathListSeparator) + os.Getenv("PATH")})}.Build(t.Context(), f, func(string) {})
		e, ok := errors.AsType[*step.Error](err)
		if !ok || e.Kind != c.kind || !strings.Contains(e.Sentence, c.sentence) || !strings.HasPrefix(e.Hint, c.hint) {
			t.Errorf("%s: %v (%+v), want %q and the hint %q", name, err, e, c.sentence, c.hint)
		}
	}
}

func TestHostWithout(t *testing.T) {
	f := newFolder(t, map[string]string{"Dockerfile": "FROM scratch\n"})
	_, err := build.Host{Runner: run.New([]string{"PATH=" + t.TempDir()})}.Build(t.Context(), f, func(string) {})
	missing := (*step.Error)(nil)
	if !errors.As(err, &missing) || missing.Kind != step.Missing || !strings.Contains(missing.Sentence, "neither Docker nor Podman is installed") {
		t.Errorf("no engine: %v", err)
	}
	if runtime.GOOS == "windows" {
		return
	}
	if _, err := exec.LookPath("docker"); err != nil {
		without(t, "docker")
	}
	_, err = build.Host{Runner: run.New(append(os.Environ(), "DOCKER_HOST=unix://"+filepath.Join(t.TempDir(), "none.sock")))}.Build(t.Context(), f, func(string) {})
	if !errors.As(err, &missing) || missing.Kind != step.Missing || !strings.Contains(missing.Sentence, "docker is not running") {
		t.Errorf("the engine does not run: %v", err)
	}
}

// TestDaemon builds in a real daemon behind TLS, as in minikube's.
func TestDaemon(t *testing.T) {
	l := bootstraptest.NewLaptop(t, "minikube")
	l.API("127.0.0.1") // it makes the certificates
	address := l.Dockerd()
	certs := filepath.Join(l.Dir, "minikube", "certs")
	ca, err := os.ReadFile(filepath.Join(certs, "ca.pem"))
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(ca)
	cert, err := tls.LoadX509KeyPair(filepath.Join(certs, "cert.pem"), filepath.Join(certs, "key.pem"))
	if err != nil {
		t.Fatal(err)
	}
	daemon := build.Daemon{Base: "https://" + address, Client: &http.Client{Transport: &http.Transport{
		TLSClientConfig: &tls.Config{RootCAs: pool, Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS12},
	}}}
	bootstraptest.WaitFor(t, "the daemon", func() bool {
		res, err := daemon.Client.Get(daemon.Base + "/_ping")
		if err == nil {
			res.Body.Close()
		}
		return err == nil
	})
	if t.Failed() {
		return
	}
	began := time.Now()
	cases(t, daemon, "minikube's Docker does not offer")
	t.Logf("%s", time.Since(began))
}
