package kind

import (
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"strings"
	"testing"

	"hellox/bootstrap/bootstraptest"
	"hellox/bootstrap/cluster"
	"hellox/bootstrap/run"
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

// How docker is asked for addresses.
const (
	inspectCall = `docker inspect --format {{.Name}}{{range $name, $n := .NetworkSettings.Networks}} {{$name}} {{$n.IPAddress}} {{$n.GlobalIPv6Address}}{{end}} `
	networkCall = `docker network inspect --format {{range .Containers}}{{.Name}} {{.IPv4Address}} {{.IPv6Address}}` + "\n" + `{{end}} kind`
)

// played makes a recording of text.
func played(l *bootstraptest.Laptop, call, recording, text string) bootstraptest.Play {
	bootstraptest.Must(os.WriteFile(filepath.Join(l.Dir, recording+".stdout"), []byte(text), 0o600))
	return bootstraptest.Play{Call: call, Recording: recording}
}

// kubeadmFlags is a node's file with its address.
func kubeadmFlags(l *bootstraptest.Laptop, node, address string) bootstraptest.Play {
	return played(l, "docker cp "+node+":/var/lib/kubelet/kubeadm-flags.env -", "flags-"+node,
		`KUBELET_KUBEADM_ARGS="--pod-infra-container-image=pause --node-ip=`+address+` --node-labels= --provider-id=kind://docker/a/`+node+`"`)
}

// Nodes are started in the order of the addresses that they had. One that gets another
// all the same is given its own, unless its image follows the address, or another
// container has it: a worker at a wrong address is ready to Kubernetes and not reached,
// and up waited its whole --timeout.
func TestNodesKeepTheirAddresses(t *testing.T) {
	const (
		start   = "docker start a-worker a-control-plane"
		stop    = "docker stop a-control-plane"
		connect = "docker network connect --ip 172.18.0.5 kind a-control-plane"
		follows = "docker exec a-control-plane test -e /kind/old-ipv4"
	)
	for _, c := range []struct {
		name    string
		address string // that the control plane gets
		network string // its containers
		follows bool
		calls   []string // that are made
		spared  []string // that are not
		hint    string
	}{
		{"in place", "172.18.0.5", "", false, []string{start}, []string{stop, follows}, ""},
		{"moved", "172.18.0.4", "a-control-plane 172.18.0.4/16 \n", false, []string{start, stop, connect, "docker start a-control-plane"}, nil, ""},
		{"moved, with an image of kind's own", "172.18.0.4", "", true, []string{start, follows}, []string{stop}, ""},
		{"taken", "172.18.0.4", "a-control-plane 172.18.0.4/16 \nother 172.18.0.5/16 \n", false, []string{start}, []string{stop},
			"docker stop other && docker stop a-control-plane && hellox up --target kind --profile a"},
	} {
		l := bootstraptest.NewLaptop(t, "docker")
		l.Scene("now", containers(l, "ps", "a-control-plane|Exited (130) 2 days ago||a", "a-worker|Exited (137) 2 days ago||a"))
		l.Scene("now", kubeadmFlags(l, "a-control-plane", "172.18.0.5"), kubeadmFlags(l, "a-worker", "172.18.0.3"),
			played(l, inspectCall+"a-worker a-control-plane", "inspect", "/a-worker kind 172.18.0.3 fc00::3\n/a-control-plane kind "+c.address+" fc00::2\n"),
			played(l, networkCall, "network", c.network))
		for _, call := range []string{start, stop, "docker network disconnect kind a-control-plane", connect, "docker start a-control-plane"} {
			l.Scene("now", bootstraptest.Play{Call: call})
		}
		if c.follows {
			l.Scene("now", bootstraptest.Play{Call: follows})
		}
		p := New(Options{Runner: l.Runner(), StateDir: l.Dir})
		list, err := p.List(t.Context(), nil)
		if err != nil {
			t.Fatal(err)
		}
		_, err = p.StartNodes(t.Context(), list[0], func(string) {})
		e := (*step.Error)(nil)
		if errors.As(err, &e) != (c.hint != "") || e != nil && (e.Hint != c.hint || !strings.Contains(e.Sentence, "172.18.0.5 for it, which container other has now")) {
			t.Errorf("%s: %v, %+v", c.name, err, e)
		}
		for _, call := range c.calls {
			if !l.Called(call) {
				t.Errorf("%s: %q was not called", c.name, call)
			}
		}
		for _, call := range c.spared {
			if l.Called(call) {
				t.Errorf("%s: %q was called", c.name, call)
			}
		}
	}
}

// A cluster that runs with addresses that Kubernetes does not have for its nodes is
// explained: by what its API server has, or by its files where that does not answer.
func TestExplainMovedNodes(t *testing.T) {
	l := bootstraptest.NewLaptop(t, "docker")
	l.Scene("now", containers(l, "ps", "a-control-plane|Up 2 minutes|127.0.0.1:1->6443/tcp|a", "a-worker|Up 2 minutes||a"),
		kubeadmFlags(l, "a-control-plane", "172.18.0.2"), kubeadmFlags(l, "a-worker", "172.18.0.3"),
		played(l, inspectCall+"a-control-plane a-worker", "inspect", "/a-control-plane kind 172.18.0.2 fc00::2\n/a-worker kind 172.18.0.4 fc00::4\n"),
		played(l, networkCall, "network", "a-control-plane 172.18.0.2/16 \na-worker 172.18.0.4/16 \n"))
	p := New(Options{Runner: l.Runner(), StateDir: l.Dir})
	list, err := p.List(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	nodes := []cluster.Node{{Name: "a-control-plane", Address: "172.18.0.2"}, {Name: "a-worker", Address: "172.18.0.3"}}
	for _, known := range [][]cluster.Node{nodes, nil} {
		e := p.Explain(t.Context(), list[0], known)
		if e == nil || e.Sentence != `node a-worker of kind cluster "a" was started with address 172.18.0.4; Kubernetes has 172.18.0.3 for it` ||
			e.Hint != "docker stop a-worker && hellox up --target kind --profile a" {
			t.Errorf("with %d nodes known: %+v", len(known), e)
		}
	}
	nodes[1].Address = "fc00::4" // a cluster of IPv6
	if e := p.Explain(t.Context(), list[0], nodes); e != nil {
		t.Errorf("nodes at their addresses: %v", e)
	}
}

// A node in which the engine cannot run a program is not known to be broken: a restart
// may help, and only a node without a kubeconfig is of no use.
func TestNodeThatCannotBeAsked(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("the stand-in for docker is a shell script")
	}
	const restart = "docker restart a-control-plane, or try again"
	for said, want := range map[string]struct{ sentence, hint string }{
		"cat: /etc/kubernetes/admin.conf: No such file or directory":                                      {" runs and is not ready", "kind delete cluster --name a, then hellox up --target kind --profile a creates a new one"},
		"OCI runtime exec failed: exec failed: unable to start container process: procReady not received": {" runs and cannot be asked", restart},
		"Error response from daemon: Container 4f2a is not running":                                       {" runs and cannot be asked", restart},
	} {
		dir := t.TempDir()
		// kind's library runs the command itself, in this process's environment.
		bootstraptest.Must(os.WriteFile(filepath.Join(dir, "docker"), []byte(`#!/bin/sh
case "$*" in
"ps -a --filter label=io.x-k8s.kind.cluster --format"*) echo "a-control-plane|Up 2 minutes|127.0.0.1:1->6443/tcp|a" ;;
"ps -a "*) echo a-control-plane ;;
"inspect "*) echo control-plane ;;
"exec "*) echo '`+said+`' >&2; exit 1 ;;
esac
`), 0o700))
		p := New(Options{Runner: run.New([]string{"PATH=" + dir, "HOME=" + dir, "KUBECONFIG=" + filepath.Join(dir, "config")}), StateDir: dir})
		list, err := p.List(t.Context(), nil)
		if err != nil || len(list) != 1 {
			t.Fatalf("%+v, %v", list, err)
		}
		_, err = p.Connect(t.Context(), list[0])
		e := (*step.Error)(nil)
		if !errors.As(err, &e) || e.Sentence != `kind cluster "a"`+want.sentence || e.Hint != want.hint || !strings.Contains(err.Error(), said) {
			t.Errorf("%v", err)
		}
	}
}
