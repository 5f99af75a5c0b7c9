package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"hellox/stream"
)

// threeNodes configures kind's cluster of three nodes: the pods run on the two workers.
const threeNodes = `kind: Cluster
apiVersion: kind.x-k8s.io/v1alpha4
nodes:
- role: control-plane
- role: worker
- role: worker
`

// nodesCluster is what the cluster of several nodes is called that the test makes.
const nodesCluster = "hellox-ci-nodes"

// makeNodes begins to make the cluster of several nodes, which takes a minute, with a
// kubeconfig of its own. HELLOX_E2E_NODES names one to use instead, which stays.
func (r *kindRig) makeNodes(t *testing.T) {
	t.Helper()
	r.nodes = &kindRig{cluster: os.Getenv("HELLOX_E2E_NODES"), dir: r.dir, env: slices.Clone(r.env)}
	r.nodesMade = make(chan error, 1)
	config := filepath.Join(r.dir, "kubeconfig-nodes")
	create := r.program("kind", "export", "kubeconfig", "--name", r.nodes.cluster, "--kubeconfig", config)
	if r.nodes.cluster == "" {
		r.nodes.cluster, r.nodes.made = nodesCluster, true
		create = r.program("kind", "create", "cluster", "--name", nodesCluster, "--config", "-", "--wait", "2m", "--kubeconfig", config)
		create.Stdin = strings.NewReader(threeNodes)
		if image := os.Getenv("HELLOX_E2E_NODE_IMAGE"); image != "" {
			create.Args = append(create.Args, "--image", image)
		}
		r.nodes.removeCluster(t) // of a run that was cut off
	}
	r.nodes.node = r.nodes.cluster + "-control-plane"
	// The user's kubeconfig is two files; the first one says what is current.
	r.nodes.env = append(r.nodes.env, "KUBECONFIG="+filepath.Join(r.dir, "kubeconfig")+string(os.PathListSeparator)+config)
	var said bytes.Buffer
	create.Stdout, create.Stderr = &said, &said
	if err := create.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		defer close(r.nodesMade)
		if err := create.Wait(); err != nil {
			r.nodesMade <- fmt.Errorf("%s: %w\n%s", strings.Join(create.Args, " "), err, &said)
		}
	}()
	t.Cleanup(func() {
		<-r.nodesMade
		if r.nodes.made {
			r.nodes.removeCluster(t)
		}
	})
}

// joinNodes joins the nodes' pod networks where the node image does not bring what
// does that, kindnet.
func (r *kindRig) joinNodes(t *testing.T) {
	t.Helper()
	if r.kubectl(t, "-n", "kube-system", "get", "daemonset", "kindnet", "--ignore-not-found", "-o", "name") != "" {
		return
	}
	networks := strings.Split(r.kubectl(t, "get", "nodes", "-o", `jsonpath={range .items[*]}{.metadata.name} {.spec.podCIDR} {.status.addresses[?(@.type=="InternalIP")].address}{"\n"}{end}`), "\n")
	for _, from := range networks {
		node := strings.Fields(from)[0]
		for _, to := range networks {
			if f := strings.Fields(to); f[0] != node {
				// It fails while the node is off: it is joined when it is back.
				_ = r.program("docker", "exec", node, "ip", "route", "replace", f[1], "via", f[2]).Run()
			}
		}
	}
}

// testKindNodes has a second cluster beside the first for a while, of three nodes.
func testKindNodes(t *testing.T, r *kindRig) {
	if err := <-r.nodesMade; err != nil {
		t.Fatal(err)
	}
	n := r.nodes
	n.hellox = r.hellox
	n.joinNodes(t)
	_, said := n.run(t, n.up("--broadcasters", "5", "--web-port", "0", "--mqtt-port", "0")...)
	t.Log(said)
	nodes := strings.Fields(n.kubectl(t, "get", "nodes", "-o", "jsonpath={.items[*].metadata.name}"))
	contains(t, "up", said, "on nodes "+strings.Join(nodes, ", "))
	n.page = n.status(t, "hellox").Forward.Web
	until(t, "five senders are heard from all nodes", func() bool { return len(n.senders()) == 5 })
	n.spread(t)
	t.Run("two clusters", func(t *testing.T) { testKindTwoClusters(t, r) })
	t.Run("a worker stopped", func(t *testing.T) { testKindWorkerStopped(t, n) })
	t.Run("down without a worker", func(t *testing.T) { testKindDownWithoutWorker(t, n) })
	n.contextIsKept(t)
	if r.page != "" {
		r.goesOn(t, "the other cluster's installation was removed")
	}
	if n.made {
		n.do(t, n.program("kind", "delete", "cluster", "--name", n.cluster))
	}
}

// spread checks that pods run on several nodes, each with the image that was loaded.
func (r *kindRig) spread(t *testing.T) {
	t.Helper()
	on := strings.Fields(r.kubectl(t, "-n", "hellox", "get", "pods", "-o", "jsonpath={.items[*].spec.nodeName}"))
	slices.Sort(on)
	if len(on) != 7 || len(slices.Compact(on)) < 2 && len(strings.Fields(r.kubectl(t, "get", "nodes", "-o", "name"))) > 2 {
		t.Errorf("7 pods are on %v", on)
	}
}

// testKindTwoClusters tries both clusters at once: what is not selected is asked for,
// and neither hears of the other.
func testKindTwoClusters(t *testing.T, r *kindRig) {
	n := r.nodes
	if r.page == "" {
		t.Skip("nothing is up in the first cluster")
	}
	for _, target := range []string{"auto", "kind"} {
		if _, err := exec.LookPath("minikube"); err == nil && target == "auto" {
			continue // it prefers that
		}
		code, _, said := outcome(t, n.program(n.hellox, "up", "--dry-run", "--target", target))
		if code != 2 {
			t.Errorf("up --target %s with two clusters ended with %d", target, code)
		}
		contains(t, "up --target "+target+" with two clusters", said, "several kind clusters are running: ", r.cluster, n.cluster, "hint: hellox up --target kind --profile ")
	}
	if n.page == r.page {
		t.Fatalf("both pages are at %s", n.page)
	}
	for _, args := range [][]string{{"watch", "-n", "1"}, {"scale", "2"}, {"publish", "to whom?"}, {"down"}} {
		code, _, said := outcome(t, n.program(n.hellox, args...))
		if code != 2 {
			t.Errorf("%s with two clusters ended with %d", args[0], code)
		}
		contains(t, args[0]+" with two clusters", said, "--profile "+r.cluster, "--profile "+n.cluster)
	}
	out, _ := n.run(t, "status")
	contains(t, "status", out, "kind-"+r.cluster, "kind-"+n.cluster)

	n.run(t, "publish", "only for the nodes", "--target", "kind", "--profile", n.cluster)
	heard := func(m stream.Message) bool { return string(m.Payload) == "only for the nodes" }
	until(t, "the second cluster has what was published to it", func() bool {
		return slices.ContainsFunc(n.messages(t, 0, nil), heard)
	})
	if slices.ContainsFunc(r.messages(t, 0, nil), heard) {
		t.Error("the first cluster has what was published to the second")
	}
	r.goesOn(t, "a second cluster came")
}

// stopWorker stops a worker on which there are pods of hellox.
func (r *kindRig) stopWorker(t *testing.T) (name string) {
	t.Helper()
	workers := strings.Fields(r.kubectl(t, "get", "nodes", "-l", "!node-role.kubernetes.io/control-plane", "-o", "jsonpath={.items[*].metadata.name}"))
	on := strings.Fields(r.kubectl(t, "-n", "hellox", "get", "pods", "-o", "jsonpath={.items[*].spec.nodeName}"))
	i := slices.IndexFunc(workers, func(w string) bool { return slices.Contains(on, w) })
	if i < 0 {
		t.Fatalf("of the workers %v none has a pod: they are on %v", workers, on)
	}
	r.do(t, r.program("docker", "stop", "--time", "1", workers[i]))
	return workers[i]
}

// testKindDownWithoutWorker removes it while a worker is off: down does not wait for
// what only that node's kubelet could report, and says what is left there.
func testKindDownWithoutWorker(t *testing.T, r *kindRig) {
	worker := r.stopWorker(t)
	began := time.Now()
	_, said := r.run(t, "down", "--target", "kind", "--profile", r.cluster)
	t.Logf("down took %s:\n%s", time.Since(began), said)
	contains(t, "down without a worker", said, "not waited for, as its node is not ready: pod ", " on node "+worker,
		"left: the images on node "+worker+", which is not ready: its container does not run", "namespace hellox removed")
	for _, node := range strings.Fields(r.kubectl(t, "get", "nodes", "-o", "jsonpath={.items[*].metadata.name}")) {
		if node == worker {
			continue
		}
		if on, _ := r.do(t, r.program("docker", "exec", node, "ctr", "-n", "k8s.io", "images", "ls", "-q")); strings.Contains(on, "hellox.local/hellox") {
			t.Errorf("down left an image on node %s:\n%s", node, on)
		}
	}
	r.do(t, r.program("docker", "start", worker))
}

// testKindWorkerStopped takes a worker away, in the 40 s in which Kubernetes does not
// know it: up starts it.
func testKindWorkerStopped(t *testing.T, r *kindRig) {
	worker := r.stopWorker(t)
	_, said := r.run(t, "up", "--dry-run", "--target", "kind", "--profile", r.cluster)
	contains(t, "up --dry-run", said, "it runs without "+worker+", to be started")
	began := time.Now()
	up := r.foreground(t, r.program(r.hellox, r.up()...))
	for ended := false; !ended; {
		r.joinNodes(t) // the routes were lost with the node's network
		select {
		case <-up.done:
			ended = true
		case <-time.After(time.Second):
		}
	}
	t.Logf("up took %s:\n%s", time.Since(began), up.said(t))
	if up.err != nil {
		t.Errorf("up: %v", up.err)
	}
	if running, _ := r.do(t, r.program("docker", "inspect", "--format", "{{.State.Running}}", worker)); strings.TrimSpace(running) != "true" {
		t.Errorf("%s does not run after up", worker)
	}
	if s := r.status(t, "hellox"); !s.Running {
		t.Errorf("after up: %s, %s", s.State, s.Cause)
	}
	var mark int64
	until(t, "the history can be read", func() bool { mark = r.newest(); return mark > 0 })
	until(t, "all five senders go on", func() bool {
		senders := r.senders()
		for _, s := range senders {
			if s.LastID <= mark {
				return false
			}
		}
		return len(senders) == 5
	})
}
