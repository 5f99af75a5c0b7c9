package kind

import (
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"

	"hellox/bootstrap/bootstraptest"
	"hellox/bootstrap/cluster"
	"hellox/bootstrap/minikube"
	"hellox/bootstrap/run"
	"hellox/bootstrap/step"
)

func TestMain(m *testing.M) { os.Exit(bootstraptest.Main(m)) }

// userConfig returns the laptop's kubeconfig.
func userConfig(t *testing.T, l *bootstraptest.Laptop) *clientcmdapi.Config {
	t.Helper()
	config, err := cluster.LoadKubeconfig(l.Runner())
	if err != nil {
		t.Fatal(err)
	}
	return config
}

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
	want := []engineCluster{
		{"gone", []container{{"gone-control-plane", cluster.Stopped, nil}}, cluster.Stopped},
		{"hxa", []container{{"hxa-control-plane", cluster.Paused, []hostPort{{"127.0.0.1", 46503}}}}, cluster.Paused},
		{"hxb", []container{{"hxb-control-plane", cluster.Running, []hostPort{{"127.0.0.1", 33325}}}}, cluster.Running},
		{"many", []container{
			{"many-worker", cluster.Running, nil}, {"many-control-plane2", cluster.Stopped, nil},
			{"many-external-load-balancer", cluster.Running, []hostPort{{"0.0.0.0", 40001}, {"[::]", 40001}}}}, cluster.Stopped},
	}
	if got := parsePS(kindContainers); !reflect.DeepEqual(got, want) {
		t.Errorf("%+v", got)
	}
	if got := parsePS(""); len(got) != 0 {
		t.Errorf("from nothing: %+v", got)
	}
}

// Of several clusters the one that kind's environment names comes first, then
// the one that hellox creates.
func TestPreference(t *testing.T) {
	for environ, want := range map[string][3]int{"": {0, 1, 0}, "KIND_CLUSTER_NAME=a": {2, 1, 0}, "KIND_CLUSTER_NAME=hellox": {0, 2, 0}} {
		p := New(Options{Runner: run.New([]string{environ})})
		for i, name := range []string{"a", "hellox", "b"} {
			c := p.candidate(engineCluster{name: name})
			if c.Preference != want[i] || c.Context != "kind-"+name || c.String() != `kind cluster "`+name+`"` {
				t.Errorf("%s: %+v", environ, c)
			}
		}
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
		l := bootstraptest.NewLaptop(t)
		text := "apiVersion: v1\nkind: Config\nclusters:\n- name: kind-hxa\n  cluster: {server: '" + c.server + "'}\n" +
			"contexts:\n- name: kind-hxa\n  context: {cluster: kind-hxa, user: kind-hxa}\n"
		bootstraptest.Must(os.WriteFile(l.Script.Kubeconfig, []byte(text), 0o600))
		clusters := parsePS("hxa-control-plane|Up|" + c.ports + "|hxa")
		if err := clusters[0].publishes(userConfig(t, l)); (err == nil) != c.ok {
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
		l := bootstraptest.NewLaptop(t, strings.Fields(c.programs)...)
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

// A docker that hangs is named where Podman is installed too: its clusters are not
// Podman's.
func TestHungDockerBesidePodman(t *testing.T) {
	t.Parallel()
	l := bootstraptest.NewLaptop(t, "docker", "podman")
	l.Scene("now", bootstraptest.Play{Call: "docker -v", Hang: true})
	_, err := detectEngine(t.Context(), l.Runner())
	if e := (*step.Error)(nil); !errors.As(err, &e) || !strings.HasPrefix(err.Error(), "docker -v has not answered") || !strings.Contains(e.Hint, "KIND_EXPERIMENTAL_PROVIDER=podman") {
		t.Errorf("%v, %+v", err, e)
	}
}

// A container engine that is installed and does not run is no reason not to
// go on without one, and is a reason if kind was asked for.
func TestFindWithoutEngine(t *testing.T) {
	l := bootstraptest.NewLaptop(t, "docker", "kind")
	l.Scene("now") // docker knows no call: it ends with 97 and a sentence
	find := func(target cluster.Target) (cluster.Found, error) {
		providers := []cluster.Provider{minikube.New(minikube.Options{Runner: l.Runner()}), New(Options{Runner: l.Runner()})}
		return cluster.Find(t.Context(), providers, cluster.FindOptions{Target: target})
	}
	f, err := find(cluster.Auto)
	if err != nil || f.Target != cluster.Local || !strings.Contains(f.Why, "no minikube") || !strings.Contains(f.Why, "docker does not answer") {
		t.Errorf("%v, %v", f, err)
	}
	_, err = find(Target)
	if e := (*step.Error)(nil); !errors.As(err, &e) || e.Hint != "docker info" {
		t.Errorf("%v", err)
	}
}

func TestKindLog(t *testing.T) {
	var steps []string
	log := stepLog(func(s string) { steps = append(steps, s) })
	log.V(0).Infof(" • %s  ...\n", "Starting control-plane 🕹️")
	log.V(0).Infof(" ✓ %s\n", "Starting control-plane 🕹️")
	log.V(0).Info(" • Waiting ≤ 2m0s for control-plane = Ready ⏳  ...")
	log.V(1).Info(" • too much")
	log.Warn("cgroup v1 is deprecated")
	if want := []string{"Starting control-plane", "Waiting  2m0s for control-plane = Ready"}; !reflect.DeepEqual(steps, want) {
		t.Errorf("%q", steps)
	}
}
