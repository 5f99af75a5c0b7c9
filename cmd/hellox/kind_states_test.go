package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"hellox/history"
	"hellox/stream"
)

// testKindStates brings the cluster into states that a laptop's may be in, and expects
// the truth from status, one sentence from what needs the stream, and from up that all
// is well afterwards.
func testKindStates(t *testing.T, r *kindRig) {
	at := []string{"--target", "kind", "--profile", r.cluster}
	// A shell that has evaluated minikube docker-env, whose Docker is not there.
	up := r.program(r.hellox, r.up()...)
	up.Env = append(slices.Clone(r.env), "DOCKER_HOST=tcp://192.168.49.2:2376", "DOCKER_TLS_VERIFY=1", "DOCKER_CERT_PATH=/nowhere", "MINIKUBE_ACTIVE_DOCKERD=minikube")
	_, said := r.do(t, up)
	contains(t, "up after docker-env", said, "unchanged")

	for _, c := range []struct {
		state, out string
		into       []string
	}{
		{"paused", "unpause", []string{"pause"}},
		{"stopped", "start", []string{"stop", "--time", "1"}},
	} {
		state := c.state
		r.do(t, r.program("docker", append(c.into, r.node)...))
		text, _ := r.run(t, append([]string{"status"}, at...)...)
		contains(t, "status while it is "+state, text, "  not running\n", "its cluster is "+state)
		for _, words := range [][]string{{"watch", "-n", "1"}, {"publish", "hi"}} {
			began := time.Now()
			code, _, said := outcome(t, r.program(r.hellox, append(words, at...)...))
			if took := time.Since(began); code != exitMissing || took > 30*time.Second {
				t.Errorf("%s while it is %s: exit %d after %s", words[0], state, code, took)
			}
			contains(t, words[0], said, "its cluster is "+state, "hint: hellox up --target kind --profile "+r.cluster)
		}
		_, said := r.run(t, append([]string{"up", "--dry-run"}, at...)...)
		contains(t, "up --dry-run while it is "+state, said, "it is "+state+" and will be "+c.out)
		_, said = r.run(t, r.up()...)
		t.Log(said)
		if s := r.status(t, "hellox"); !s.Running || s.State != stateRunning {
			t.Errorf("after it was %s and up: %s, %s", state, s.State, s.Cause)
		}
		// What is published from now on is stored: the name server of a cluster that
		// was started needs half a minute, and the roll-out does not wait for it.
		var stats history.Stats
		if err := get(r.page+"/api/stats", &stats); err != nil || stats.Link.State != stream.Connected {
			t.Errorf("after it was %s and up the receiver's connection to the broker is %+v (%v)", state, stats.Link, err)
		}
		r.goesOn(t, "the cluster was "+state)
	}
}

// TestKindNodeImageAbsent has no network for the node image of the first cluster: up
// says which one is wanted, and leaves nothing.
func TestKindNodeImageAbsent(t *testing.T) {
	if os.Getenv("HELLOX_E2E") == "" {
		t.Skip("HELLOX_E2E is not set: it takes a container engine")
	}
	dir := t.TempDir()
	kubeconfig := filepath.Join(dir, "kubeconfig")
	if err := os.WriteFile(kubeconfig, []byte(mine), 0o600); err != nil {
		t.Fatal(err)
	}
	r := &kindRig{dir: dir, cluster: "hellox-ci-absent", env: append(os.Environ(), "NO_COLOR=1", "KUBECONFIG="+kubeconfig,
		"XDG_STATE_HOME="+filepath.Join(dir, "state"), "XDG_CACHE_HOME="+filepath.Join(dir, "cache"))}
	r.removeCluster(t)
	defer r.removeCluster(t)
	const image = "registry.invalid/node:v1.34.4" // no name server knows .invalid (RFC 6761)
	code, _, said := outcome(t, r.program("hellox", "up", "--target", "kind", "--profile", r.cluster, "--node-image", image))
	if code != exitMissing {
		t.Errorf("it ended with %d", code)
	}
	contains(t, "up", said, `hellox: create kind cluster "hellox-ci-absent": its node image `+image+" is not here and cannot be pulled: ",
		"hint: docker pull "+image+" where the network allows it, or --node-image REF: docker image ls lists what is here")
	if left, _ := r.do(t, r.program("docker", "ps", "-aq", "--filter", "label=io.x-k8s.kind.cluster="+r.cluster)); left != "" {
		t.Errorf("up left the containers %s", left)
	}
	_, said = r.do(t, r.program("hellox", "down", "--target", "kind", "--profile", r.cluster))
	r.noFiles(t)
	t.Log(said)
}

// sleep is how long the laptop sleeps: HELLOX_E2E_PAUSE, longer than a token is valid, or
// seconds.
func sleep(t *testing.T) time.Duration {
	t.Helper()
	given := os.Getenv("HELLOX_E2E_PAUSE")
	if given == "" {
		return 5 * time.Second
	}
	d, err := time.ParseDuration(given)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// testKindForwards has the laptop asleep, and its network changed: the process that holds
// the forwards is frozen with the node, and the node leaves its network for a while. A new
// connection is made as soon as a pod is ready, by the same process.
func testKindForwards(t *testing.T, r *kindRig) {
	before := r.status(t, "hellox").Forward
	signal := func(name string) *exec.Cmd { return r.program("kill", "-s", name, strconv.Itoa(before.PID)) }
	passes := func(after string) {
		t.Helper()
		// An API server that goes on may fail the first requests.
		until(t, "after "+after+" page and broker are ready", func() bool {
			return r.program("kubectl", "--context", "kind-"+r.cluster, "-n", "hellox", "wait", "--for=condition=Ready", "pod",
				"-l", "app.kubernetes.io/component in (broker,receive)", "--timeout=20s").Run() == nil
		})
		began := time.Now()
		until(t, "after "+after+" the page answers", func() bool { return r.newest() > 0 })
		host, port := hostPort(t, r.mqtt)
		r.do(t, r.program("mosquitto_pub", "-h", host, "-p", port, "-q", "1", "-t", "hello_world/forwards", "-m", after))
		t.Logf("after %s page and broker answered a new connection %s after their pods were ready", after, time.Since(began).Round(10*time.Millisecond))
		if now := r.status(t, "hellox").Forward; now == nil || now.PID != before.PID || now.PageState != forwardReady || now.MQTTState != forwardReady {
			t.Errorf("after %s the forwards are %+v; before %+v", after, now, before)
		}
	}
	r.browser.open(t, r.page)
	l, asleep := r.load(t), sleep(t)
	r.do(t, signal("STOP"))
	defer func() { _ = signal("CONT").Run() }()
	r.do(t, r.program("docker", "pause", r.node))
	time.Sleep(asleep)
	r.do(t, r.program("docker", "unpause", r.node))
	r.do(t, signal("CONT"))
	woken := time.Now()
	passes("a sleep")
	r.whole(t, l, "a sleep")
	if took := time.Since(woken); took > 2*time.Minute {
		t.Errorf("after a sleep of %s all were back after %s", asleep, took.Round(time.Second))
	} else {
		t.Logf("after a sleep of %s all were back after %s", asleep, took.Round(time.Second))
	}

	address, _ := r.do(t, r.program("docker", "inspect", "--format", "{{range $name, $n := .NetworkSettings.Networks}}{{$name}} {{$n.IPAddress}}{{end}}", r.node))
	network, ip, _ := strings.Cut(strings.TrimSpace(address), " ")
	r.do(t, r.program("docker", "network", "disconnect", network, r.node))
	time.Sleep(3 * time.Second) // without a network
	r.do(t, r.program("docker", "network", "connect", "--ip", ip, network, r.node))
	passes("a change of the network")
}
