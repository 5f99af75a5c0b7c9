package kind

import (
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"hellox/bootstrap/bootstraptest"
	"hellox/bootstrap/cluster"
	"hellox/bootstrap/step"
)

// psCall is how docker is asked for kind's containers.
const psCall = `docker ps -a --filter label=io.x-k8s.kind.cluster --format {{.Names}}|{{.Status}}|{{.Ports}}|{{.Label "io.x-k8s.kind.cluster"}}`

// containers makes a recording of what docker lists.
func containers(l *bootstraptest.Laptop, recording string, lines ...string) bootstraptest.Play {
	bootstraptest.Must(os.WriteFile(filepath.Join(l.Dir, recording+".stdout"), []byte(strings.Join(lines, "\n")+"\n"), 0o600))
	return bootstraptest.Play{Call: psCall, Recording: recording}
}

// A cluster runs without its workers, and is gone without its control plane.
func TestNodesThatDoNotRun(t *testing.T) {
	for _, c := range []struct {
		name    string
		lines   []string
		state   cluster.State
		stopped []string
		starts  []string // calls
	}{
		{"all run", []string{"a-control-plane|Up 2 minutes|127.0.0.1:1->6443/tcp|a", "a-worker|Up 2 minutes||a"}, cluster.Running, nil, nil},
		{"a worker is stopped", []string{"a-control-plane|Up 2 minutes|127.0.0.1:1->6443/tcp|a", "a-worker|Up 2 minutes||a", "a-worker2|Exited (137) 4 seconds ago||a"},
			cluster.Running, []string{"a-worker2"}, []string{"docker start a-worker2"}},
		{"a worker is paused, another was created", []string{"a-control-plane|Up 2 minutes|127.0.0.1:1->6443/tcp|a", "a-worker|Up 2 minutes (Paused)||a", "a-worker2|Created||a"},
			cluster.Running, []string{"a-worker", "a-worker2"}, []string{"docker unpause a-worker", "docker start a-worker2"}},
		{"the control plane is stopped", []string{"a-control-plane|Exited (130) 2 days ago||a", "a-worker|Up 2 minutes||a"},
			cluster.Stopped, []string{"a-control-plane"}, []string{"docker start a-control-plane"}},
		{"all are paused", []string{"a-control-plane|Up 2 days (Paused)||a", "a-worker|Up 2 minutes (Paused)||a"},
			cluster.Paused, []string{"a-control-plane", "a-worker"}, []string{"docker unpause a-control-plane a-worker"}},
		{"the control plane was removed", []string{"a-worker|Up 2 minutes||a"}, cluster.Gone, nil, nil},
		{"the balancer is stopped", []string{"a-control-plane|Up 2 days|127.0.0.1:1->6443/tcp|a", "a-control-plane2|Up 2 days|127.0.0.1:2->6443/tcp|a", "a-external-load-balancer|Exited (0) 1 second ago||a"},
			cluster.Stopped, []string{"a-external-load-balancer"}, []string{"docker start a-external-load-balancer"}},
	} {
		l := bootstraptest.NewLaptop(t, "docker")
		l.Scene("now", containers(l, "ps", c.lines...))
		for _, call := range c.starts {
			l.Scene("now", bootstraptest.Play{Call: call})
		}
		p := New(Options{Runner: l.Runner(), StateDir: l.Dir})
		list, err := p.List(t.Context(), nil)
		if err != nil || len(list) != 1 || list[0].State != c.state || !reflect.DeepEqual(list[0].Stopped, c.stopped) || (list[0].Err != nil) != (c.state == cluster.Gone) {
			t.Errorf("%s: %+v, %v", c.name, list, err)
			continue
		}
		var said []string
		started, err := p.StartNodes(t.Context(), list[0], func(s string) { said = append(said, s) })
		if err != nil || started != (len(c.starts) > 0) || len(said) != len(c.starts) {
			t.Errorf("%s: started %t, %v, said %q", c.name, started, err, said)
		}
		for _, call := range c.starts {
			if !l.Called(call) {
				t.Errorf("%s: %q was not called", c.name, call)
			}
		}
	}
}

// A context of the cluster's name that leads to another machine is refused: whether
// the cluster runs, or would be created and the context overwritten.
func TestContextThatLeadsElsewhere(t *testing.T) {
	for _, server := range []string{"https://192.0.2.7:6443", "https://prod.example.org"} {
		l := bootstraptest.NewLaptop(t, "docker", "kind")
		bootstraptest.Must(os.WriteFile(l.Script.Kubeconfig, []byte("apiVersion: v1\nkind: Config\nclusters:\n- name: kind-a\n  cluster: {server: '"+server+"'}\n"+
			"contexts:\n- name: kind-a\n  context: {cluster: kind-a, user: kind-a}\n"), 0o600))
		l.Scene("now", containers(l, "ps", "a-control-plane|Up 2 minutes|127.0.0.1:1->6443/tcp|a"))
		p := New(Options{Runner: l.Runner(), StateDir: l.Dir})
		list, err := p.List(t.Context(), nil)
		if err != nil || len(list) != 1 {
			t.Fatalf("%+v, %v", list, err)
		}
		_, err = p.Connect(t.Context(), list[0])
		if e := (*step.Error)(nil); !errors.As(err, &e) || e.Kind != step.Unsafe {
			t.Errorf("%s: connect: %v", server, err)
		}
		_, err = p.Create(t.Context(), cluster.Candidate{Target: Target, Unit: "cluster", Name: "a", State: cluster.Absent}, func(string) {})
		if e := (*step.Error)(nil); !errors.As(err, &e) || e.Kind != step.Unsafe || e.Hint == "" {
			t.Errorf("%s: create: %v", server, err)
		}
		if calls := l.Calls(); len(calls) != 1 {
			t.Errorf("%s: calls %q", server, calls)
		}
	}
}
