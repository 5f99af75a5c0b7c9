package bootstrap

import (
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"hellox/bootstrap/bootstraptest"
	"hellox/bootstrap/step"
)

// What docker and podman print for the containers of kind's nodes.
const kindContainers = `
hxb-control-plane|Up 2 minutes|127.0.0.1:33325->6443/tcp|hxb
hxa-control-plane|Up About a minute (Paused)|127.0.0.1:46503->6443/tcp|hxa
many-worker|Up 3 hours||many
many-control-plane2|Exited (130) 2 days ago||many
many-external-load-balancer|Up 3 hours|0.0.0.0:40001->6443/tcp, [::]:40001->6443/tcp|many
gone-control-plane|Created||gone
a line of something else
`

func TestParseKind(t *testing.T) {
	want := []kindCluster{
		{"gone", []kindNode{{"gone-control-plane", Stopped, nil}}, Stopped},
		{"hxa", []kindNode{{"hxa-control-plane", Paused, []hostPort{{"127.0.0.1", 46503}}}}, Paused},
		{"hxb", []kindNode{{"hxb-control-plane", Running, []hostPort{{"127.0.0.1", 33325}}}}, Running},
		{"many", []kindNode{
			{"many-worker", Running, nil}, {"many-control-plane2", Stopped, nil},
			{"many-external-load-balancer", Running, []hostPort{{"0.0.0.0", 40001}, {"[::]", 40001}}}}, Stopped},
	}
	if got := parseKind(kindContainers); !reflect.DeepEqual(got, want) {
		t.Errorf("%+v", got)
	}
	if got := parseKind(""); len(got) != 0 {
		t.Errorf("from nothing: %+v", got)
	}
}

func TestKindServerMustBePublished(t *testing.T) {
	for _, c := range []struct {
		server, ports string
		ok            bool
	}{
		{"https://127.0.0.1:46503", "127.0.0.1:46503->6443/tcp", true},
		{"https://localhost:46503", "127.0.0.1:46503->6443/tcp", true},
		{"https://127.0.0.1:46503", "0.0.0.0:46503->6443/tcp, [::]:46503->6443/tcp", true},
		{"https://[::1]:46503", "::1:46503->6443/tcp", true},
		{"https://127.0.0.1:46504", "127.0.0.1:46503->6443/tcp", false},
		{"https://127.0.0.1:46503", "127.0.0.1:46503->80/tcp", false},
		{"https://127.0.0.1:46503", "", false},
		{"https://203.0.113.7:46503", "0.0.0.0:46503->6443/tcp", false},
		{"https://prod.example.org:46503", "0.0.0.0:46503->6443/tcp", false},
		{"http://127.0.0.1:46503", "127.0.0.1:46503->6443/tcp", false},
	} {
		l := newLaptop(t)
		text := "apiVersion: v1\nkind: Config\nclusters:\n- name: kind-hxa\n  cluster: {server: '" + c.server + "'}\n" +
			"contexts:\n- name: kind-hxa\n  context: {cluster: kind-hxa, user: kind-hxa}\n"
		bootstraptest.Must(os.WriteFile(l.Script.Kubeconfig, []byte(text), 0o600))
		clusters := parseKind("hxa-control-plane|Up|" + c.ports + "|hxa")
		if err := clusters[0].publishes(l.userConfig()); (err == nil) != c.ok {
			t.Errorf("server %s, published %q: %v", c.server, c.ports, err)
		}
	}
}

func TestDetectEngine(t *testing.T) {
	for _, c := range []struct {
		name     string
		programs string
		variable string
		dockerV  string
		want     containerEngine
		problem  step.Kind
	}{
		{name: "nothing", problem: step.Missing},
		{name: "docker", programs: "docker", want: "docker"},
		{name: "podman", programs: "podman", want: "podman"},
		{name: "both", programs: "docker podman", dockerV: "engine/docker", want: "docker"},
		{name: "podman under docker's name", programs: "docker podman", dockerV: "engine/podman", want: "podman"},
		{name: "nerdctl before podman", programs: "nerdctl podman", want: "nerdctl"},
		{name: "finch", programs: "finch", want: "finch"},
		{name: "as kind is told", programs: "docker podman", variable: "podman", want: "podman"},
		{name: "told nonsense", programs: "docker", variable: "lxc", problem: step.Ambiguous},
	} {
		l := newLaptop(t, strings.Fields(c.programs)...)
		l.Script.Recordings = t.TempDir()
		bootstraptest.Must(os.Mkdir(filepath.Join(l.Script.Recordings, "engine"), 0o700))
		bootstraptest.Must(os.WriteFile(filepath.Join(l.Script.Recordings, "engine", "docker.stdout"), []byte("Docker version 29.0.0, build 1\n"), 0o600))
		bootstraptest.Must(os.WriteFile(filepath.Join(l.Script.Recordings, "engine", "podman.stdout"), []byte("podman version 5.6.0\n"), 0o600))
		l.Scene("now", bootstraptest.Play{Call: "docker -v", Recording: c.dockerV})
		l.Setenv("KIND_EXPERIMENTAL_PROVIDER", c.variable)
		got, err := detectEngine(t.Context(), l.Runner())
		typed := (*step.Error)(nil)
		if errors.As(err, &typed) != (c.problem != step.Failed) || typed != nil && typed.Kind != c.problem || got != c.want {
			t.Errorf("%s: %q, %v", c.name, got, err)
		}
	}
}

// A container engine that is installed and does not run is no reason not to
// go on without one, and is a reason if kind was asked for.
func TestFindWithoutEngine(t *testing.T) {
	l := newLaptop(t, "docker", "kind")
	l.Scene("now") // docker knows no call: it ends with 97 and a sentence
	f, err := l.found(t.Context())
	if err != nil || f.Target != Local || !strings.Contains(f.Why, "minikube is not installed") || !strings.Contains(f.Why, "docker does not answer") {
		t.Errorf("%v, %v", f, err)
	}
	l.find.Target = KindTarget
	if _, err := l.found(t.Context()); err == nil || hintOf(err) != "docker info" {
		t.Errorf("%v, hint %q", err, hintOf(err))
	}
}

func TestKindLog(t *testing.T) {
	var steps []string
	log := kindLog(func(s string) { steps = append(steps, s) })
	log.V(0).Infof(" • %s  ...\n", "Starting control-plane 🕹️")
	log.V(0).Infof(" ✓ %s\n", "Starting control-plane 🕹️")
	log.V(0).Info(" • Waiting ≤ 2m0s for control-plane = Ready ⏳  ...")
	log.V(1).Info(" • too much")
	log.Warn("cgroup v1 is deprecated")
	if want := []string{"Starting control-plane", "Waiting  2m0s for control-plane = Ready"}; !reflect.DeepEqual(steps, want) {
		t.Errorf("%q", steps)
	}
}
