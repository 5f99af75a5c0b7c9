package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"hellox/bootstrap/run/runtest"
	"hellox/stream"
)

// A kindRig is a kind cluster, the programs that the test runs, and where the
// stream of the installation in namespace hellox is.
type kindRig struct {
	cluster  string
	made     bool // by up, on the way
	image    string
	node     string // name of its only node, which is a container
	source   string // the repository's root
	dir      string // a folder for the test's files
	env      []string
	hellox   string // path of a static build, as a release would be
	changed  string // the same of a source that says something else
	compiler bool   // a C compiler is installed
	python   string // one that has paho-mqtt

	page, mqtt string // URLs, once it is up
	browser    *kindBrowser
	laptop     *otherLaptop
	nodes      *kindRig   // cluster of several nodes, beside this one
	nodesMade  chan error // closed once that is made, or not
}

// mine is the context that the user works with before hellox comes.
const mine = "apiVersion: v1\nkind: Config\ncurrent-context: mine\ncontexts:\n- name: mine\n  context: {cluster: c, user: u}\n"

// newKindRig finds what is needed, and gives the commands a kubeconfig, a state
// folder and a cache of their own, so that nothing of the user's is touched and
// nothing that an earlier run left helps.
func newKindRig(t *testing.T) *kindRig {
	t.Helper()
	dir := t.TempDir()
	r := &kindRig{cluster: os.Getenv("HELLOX_E2E_CLUSTER"), dir: dir}
	if r.cluster == "" {
		r.cluster, r.made = "hellox-ci", true
	}
	r.node = r.cluster + "-control-plane"
	for _, name := range []string{"go", "docker", "kubectl", "mosquitto_sub", "mosquitto_pub"} {
		if _, err := exec.LookPath(name); err != nil {
			needed(t, name)
		}
	}
	r.python = pythonWithPaho(t)
	_, err := exec.LookPath("gcc")
	r.compiler = err == nil
	if r.source, err = filepath.Abs("../.."); err != nil {
		t.Fatal(err)
	}
	var keep [2]string // Go's own cache and modules stay where they are
	for i, name := range []string{"GOCACHE", "GOMODCACHE"} {
		out, err := exec.Command("go", "env", name).Output()
		if err != nil {
			t.Fatal(err)
		}
		keep[i] = name + "=" + strings.TrimSpace(string(out))
	}
	kubeconfig := filepath.Join(dir, "kubeconfig")
	if err := os.WriteFile(kubeconfig, []byte(mine), 0o600); err != nil {
		t.Fatal(err)
	}
	r.env = append(os.Environ(), keep[0], keep[1], "NO_COLOR=1", "KUBECONFIG="+kubeconfig,
		"XDG_STATE_HOME="+filepath.Join(dir, "state"), "XDG_CACHE_HOME="+filepath.Join(dir, "cache"))
	if r.made || os.Getenv("HELLOX_E2E_NODES") == "" {
		r.makeNetwork(t)
	}
	if r.made {
		r.removeCluster(t) // of a run that was cut off
		t.Cleanup(func() { r.removeCluster(t) })
	} else { // whose entry is in another kubeconfig
		r.do(t, r.program("kind", "export", "kubeconfig", "--name", r.cluster))
		r.do(t, r.program("kubectl", "config", "use-context", "mine"))
	}
	t.Cleanup(func() { endHolders(dir) })
	r.makeNodes(t)
	r.build(t)
	r.laptop = newOtherLaptop(t, r)
	r.browser = newKindBrowser(t)
	return r
}

// kindNetwork is what the network of the clusters is called that the test makes.
const kindNetwork = "hellox-ci"

// makeNetwork makes it. In kind's own, a node that is stopped loses its address to the
// next container of any cluster, or gets a lower one that became free; and the engine
// takes no wish for an address there until it was started anew, as its subnet is not of
// the user's choice. Here it is: the one that the engine would choose.
func (r *kindRig) makeNetwork(t *testing.T) {
	t.Helper()
	r.removeNetwork(t) // of a run that was cut off
	t.Cleanup(func() { r.removeNetwork(t) })
	for tried := 1; ; tried++ {
		r.do(t, r.program("docker", "network", "create", kindNetwork))
		subnet, _ := r.do(t, r.program("docker", "network", "inspect", "--format", "{{(index .IPAM.Config 0).Subnet}}", kindNetwork))
		r.do(t, r.program("docker", "network", "rm", kindNetwork))
		code, _, said := outcome(t, r.program("docker", "network", "create", "--subnet", strings.TrimSpace(subnet), kindNetwork))
		if code == 0 {
			break
		}
		if tried == 5 { // each time, another network has taken the subnet meanwhile
			t.Fatalf("create network %s with subnet %s: %s", kindNetwork, subnet, said)
		}
	}
	r.env = append(r.env, "KIND_EXPERIMENTAL_DOCKER_NETWORK="+kindNetwork)
}

// removeNetwork removes it, and the containers that are connected to it.
func (r *kindRig) removeNetwork(t *testing.T) {
	t.Helper()
	r.removeContainers(t, "network="+kindNetwork)
	if out, _ := r.do(t, r.program("docker", "network", "ls", "-q", "--filter", "name=^"+kindNetwork+"$")); out != "" {
		r.do(t, r.program("docker", "network", "rm", kindNetwork))
	}
}

// up is the command line of an up in the cluster.
func (r *kindRig) up(more ...string) []string {
	args := []string{"up", "--target", "kind", "--profile", r.cluster, "--detach"}
	if image := os.Getenv("HELLOX_E2E_NODE_IMAGE"); image != "" {
		args = append(args, "--node-image", image)
	}
	return append(args, more...)
}

// program prepares a command in the rig's environment.
func (r *kindRig) program(name string, args ...string) *exec.Cmd {
	c := exec.Command(name, args...)
	c.Env, c.Dir = r.env, r.dir
	runtest.Bind(c)
	return c
}

// do runs it; it must end with 0.
func (r *kindRig) do(t *testing.T, c *exec.Cmd) (out, said string) {
	t.Helper()
	began := time.Now()
	code, out, said := outcome(t, c)
	if code != 0 {
		t.Fatalf("%s ended with %d after %s:\n%s\n%s", strings.Join(c.Args, " "), code, time.Since(began).Round(time.Second), out, said)
	}
	return out, said
}

// outcome runs it, and returns how it ended and what it printed.
func outcome(t *testing.T, c *exec.Cmd) (code int, out, said string) {
	t.Helper()
	var stdout, stderr bytes.Buffer
	c.Stdout, c.Stderr = &stdout, &stderr
	// A process that was left behind on purpose may hold the pipes open.
	c.WaitDelay = 2 * time.Second
	err := c.Run()
	if exit := new(exec.ExitError); errors.As(err, &exit) {
		return exit.ExitCode(), stdout.String(), stderr.String()
	}
	if err != nil && !errors.Is(err, exec.ErrWaitDelay) {
		t.Fatalf("%s: %v\n%s", strings.Join(c.Args, " "), err, stderr.String())
	}
	return 0, stdout.String(), stderr.String()
}

// run runs hellox, and returns its stdout and stderr.
func (r *kindRig) run(t *testing.T, args ...string) (out, said string) {
	t.Helper()
	return r.do(t, r.program(r.hellox, args...))
}

func (r *kindRig) kubectl(t *testing.T, args ...string) string {
	t.Helper()
	out, _ := r.do(t, r.program("kubectl", append([]string{"--context", "kind-" + r.cluster}, args...)...))
	return strings.TrimSpace(out)
}

// onNode runs a command in the node's container.
func (r *kindRig) onNode(t *testing.T, args ...string) string {
	t.Helper()
	out, _ := r.do(t, r.program("docker", append([]string{"exec", r.node}, args...)...))
	return strings.TrimSpace(out)
}

// status is that of one installation.
func (r *kindRig) status(t *testing.T, namespace string) installationStatus {
	t.Helper()
	out, _ := r.run(t, "status", "--target", "kind", "--profile", r.cluster, "--namespace", namespace, "--output", "json")
	var all struct{ Installations []installationStatus }
	if err := json.Unmarshal([]byte(out), &all); err != nil {
		t.Fatalf("status: %v in %s", err, out)
	}
	if len(all.Installations) != 1 {
		t.Fatalf("status of namespace %s tells of %d installations: %s", namespace, len(all.Installations), out)
	}
	return all.Installations[0]
}

// messages are all those with an id above after, in the history of the page.
func (r *kindRig) messages(t *testing.T, after int64, query url.Values) []stream.Message {
	t.Helper()
	var all []stream.Message
	if query == nil {
		query = url.Values{}
	}
	query.Set("limit", "10000")
	for {
		var answer struct {
			Messages []stream.Message
			Next     int64
		}
		query.Set("after", fmt.Sprint(after))
		if err := get(r.page+"/api/messages?"+query.Encode(), &answer); err != nil {
			t.Fatalf("read the history: %v", err)
		}
		all = append(all, answer.Messages...)
		if answer.Next == 0 || len(answer.Messages) == 0 {
			return all
		}
		after = answer.Next
	}
}

// newest is the highest id of the history; 0 while the page does not answer.
func (r *kindRig) newest() int64 {
	var s struct {
		LastID int64 `json:"last_id"`
	}
	get(r.page+"/api/stats", &s)
	return s.LastID
}

// senders are those that are there, on time or late, by the page.
func (r *kindRig) senders() map[string]stream.Sender {
	var answer struct{ Senders []stream.Sender }
	get(r.page+"/api/senders", &answer)
	there := make(map[string]stream.Sender)
	for _, s := range answer.Senders {
		if s.Ours && (s.State == stream.OnTime || s.State == stream.Late) {
			there[s.Sender] = s
		}
	}
	return there
}

// podImages are the images that the namespace's pods were told to run.
func (r *kindRig) podImages(t *testing.T, namespace string) []string {
	t.Helper()
	images := strings.Fields(r.kubectl(t, "-n", namespace, "get", "pods", "-o", "jsonpath={.items[*].spec.containers[*].image}"))
	slices.Sort(images)
	return slices.Compact(images)
}

// contextIsKept checks that the user's current context is what it was.
func (r *kindRig) contextIsKept(t *testing.T) {
	t.Helper()
	if out, _ := r.do(t, r.program("kubectl", "config", "current-context")); strings.TrimSpace(out) != "mine" {
		t.Errorf("the kubeconfig's current context was mine and is %s", out)
	}
}

// removeCluster deletes the containers of the cluster, which is what kind does.
func (r *kindRig) removeCluster(t *testing.T) {
	t.Helper()
	r.removeContainers(t, "label=io.x-k8s.kind.cluster="+r.cluster)
}

// removeContainers removes those that docker ps finds with the filter.
func (r *kindRig) removeContainers(t *testing.T, filter string) {
	t.Helper()
	out, _ := r.do(t, r.program("docker", "ps", "-aq", "--filter", filter))
	if ids := strings.Fields(out); len(ids) > 0 {
		t.Logf("removing containers with %s", filter)
		r.do(t, r.program("docker", append([]string{"rm", "-f", "-v"}, ids...)...))
	}
}

// hostPort is the address in a URL.
func hostPort(t *testing.T, address string) (host, port string) {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	host, port, err = net.SplitHostPort(u.Host)
	if err != nil {
		t.Fatal(err)
	}
	return host, port
}

func contains(t *testing.T, what, text string, wanted ...string) {
	t.Helper()
	for _, w := range wanted {
		if !strings.Contains(text, w) {
			t.Errorf("%s does not say %q:\n%s", what, w, text)
		}
	}
}
