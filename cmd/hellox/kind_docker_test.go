package main

import (
	"bytes"
	"io"
	"log"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"hellox/bootstrap/bootstraptest"
)

// A dockerNode stands for a minikube profile with the docker runtime: minikube is
// played from recordings, its Docker is a second daemon of this machine behind TLS, and
// its Kubernetes is the rig's cluster, which says docker. It has the images that are in
// that Docker, as it would there, from the first workload on that is applied.
type dockerNode struct {
	t      *testing.T
	rig    *kindRig
	laptop *bootstraptest.Laptop
	api    http.Handler
	docker []string // arguments of docker for its daemon
	share  sync.Once

	mu      sync.Mutex
	applied []string // paths
}

func newDockerNode(t *testing.T, r *kindRig) *dockerNode {
	t.Helper()
	n := &dockerNode{t: t, rig: r, laptop: bootstraptest.NewLaptop(t, "minikube")}
	proxy := r.foreground(t, r.program("kubectl", "--context", "kind-"+r.cluster, "proxy", "--port", "0", "--reject-paths", "^$"))
	to, err := url.Parse("http://" + proxy.wait(t, `Starting to serve on (\S+)`))
	if err != nil {
		t.Fatal(err)
	}
	n.api = &httputil.ReverseProxy{FlushInterval: -1, ErrorLog: log.New(io.Discard, "", 0), ModifyResponse: withDocker, Rewrite: func(p *httputil.ProxyRequest) {
		p.SetURL(to)
		p.Out.Header.Del("Accept-Encoding") // what withDocker reads is not compressed
	}}
	l := n.laptop
	l.ServeAPI("192.168.49.2", n)
	address := l.Dockerd()
	l.Script.Replace = append(l.Script.Replace, [2]string{"192.168.49.2:2376", address})
	l.Kubeconfig("docker-running/kubeconfig")
	l.Scene("now",
		bootstraptest.Play{Call: "minikube profile list -o json --light", Recording: "docker-running/profile-list-light"},
		bootstraptest.Play{Call: dockerEnvCall, Recording: "docker-running/docker-env"})
	certs := filepath.Join(l.Dir, "minikube", "certs")
	n.docker = []string{
		"--host", "tcp://" + address, "--tlsverify", "--tlscacert", filepath.Join(certs, "ca.pem"),
		"--tlscert", filepath.Join(certs, "cert.pem"), "--tlskey", filepath.Join(certs, "key.pem"),
	}
	until(t, "minikube's Docker answers", func() bool { return n.daemon("version").Run() == nil })
	return n
}

const dockerEnvCall = "minikube -p minikube docker-env --shell none -o json"

// daemon prepares a command of minikube's Docker.
func (n *dockerNode) daemon(args ...string) *exec.Cmd {
	return n.rig.program("docker", append(slices.Clone(n.docker), args...)...)
}

// images are those of hellox in minikube's Docker.
func (n *dockerNode) images() []string {
	n.t.Helper()
	out, _ := n.rig.do(n.t, n.daemon("images", "--format", "{{.Repository}}:{{.Tag}}", "--filter", "reference=hellox.local/*", "--filter", "reference=hellox.local/*/*"))
	return strings.Fields(out)
}

// ServeHTTP implements http.Handler: it is the API server.
func (n *dockerNode) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method == http.MethodPatch && r.URL.Query().Get("dryRun") == "" {
		n.mu.Lock()
		n.applied = append(n.applied, r.URL.Path)
		n.mu.Unlock()
		if strings.HasPrefix(r.URL.Path, "/apis/apps/v1/") {
			n.share.Do(n.shareImages)
		}
	}
	n.api.ServeHTTP(w, r)
}

// withDocker says of the nodes that their runtime is docker.
func withDocker(answer *http.Response) error {
	if answer.Request.URL.Path != "/api/v1/nodes" {
		return nil
	}
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		return err
	}
	answer.Body.Close()
	body = regexp.MustCompile(`"containerd://[^"]*"`).ReplaceAll(body, []byte(`"docker://20.10.24"`))
	answer.Body, answer.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	answer.Header.Set("Content-Length", strconv.Itoa(len(body)))
	return nil
}

// shareImages gives the node's runtime what is in minikube's Docker.
func (n *dockerNode) shareImages() {
	save := n.daemon(append([]string{"save"}, n.images()...)...)
	load := n.rig.program("docker", "exec", "-i", n.rig.node, "ctr", "-n", "k8s.io", "images", "import", "-")
	var err error
	if load.Stdin, err = save.StdoutPipe(); err != nil {
		n.t.Error(err)
		return
	}
	if err := save.Start(); err != nil {
		n.t.Error(err)
		return
	}
	if out, err := load.CombinedOutput(); err != nil {
		n.t.Errorf("%v: %s", err, out)
	}
	if err := save.Wait(); err != nil {
		n.t.Error(err)
	}
}

// hellox prepares one on the laptop with that minikube.
func (n *dockerNode) hellox(args ...string) *exec.Cmd {
	c := n.rig.program(n.rig.hellox, append(args, "--target", "minikube", "--namespace", "hellox-docker")...)
	c.Env = append(slices.Clone(c.Env), "KUBECONFIG="+n.laptop.Script.Kubeconfig, "HELLOX_STANDIN="+n.laptop.Dir,
		"PATH="+filepath.Join(n.laptop.Dir, "bin")+string(os.PathListSeparator)+os.Getenv("PATH"))
	return c
}

// testKindDocker builds a user's image straight in minikube's Docker, through what its
// docker-env prints, and runs it.
func testKindDocker(t *testing.T, r *kindRig) {
	n := newDockerNode(t, r)
	dir := r.example(t, "docker")
	up := []string{"up", "--kustomize", dir, "--build", "press=" + dir, "--web-port", "0", "--mqtt-port", "0"}
	held := r.foreground(t, n.hellox(up...))
	held.wait(t, `the page +(http://\S+)`)
	said := held.said(t)
	t.Log(said)
	contains(t, "up --build", said, `minikube profile "minikube" (1 node`, "image hellox.local/built/press:", " built in the node's Docker", "rolled out")
	images := n.images()
	if len(images) != 2 || !strings.HasPrefix(images[0]+images[1], "hellox.local/") || !slices.ContainsFunc(images, regexp.MustCompile(`^hellox\.local/built/press:[0-9a-f]+$`).MatchString) {
		t.Errorf("minikube's Docker has %v", images)
	}
	if here, _ := r.do(t, r.program("docker", "images", "-q", "hellox.local/built/press")); here != "" {
		t.Errorf("this machine's Docker has image %s", here)
	}
	if run := r.podImages(t, "hellox-docker"); !slices.ContainsFunc(run, func(s string) bool { return slices.Contains(images, s) && strings.Contains(s, "/built/press:") }) {
		t.Errorf("the pods run %v", run)
	}
	n.mu.Lock()
	applied := slices.Clone(n.applied)
	n.mu.Unlock()
	for _, workload := range []string{"deployments/press", "deployments/receive", "statefulsets/broker"} {
		if path := "/apis/apps/v1/namespaces/hellox-docker/" + workload; !slices.Contains(applied, path) {
			t.Errorf("%s is not among what was applied: %v", path, applied)
		}
	}
	out, _ := r.do(t, n.hellox("watch", "-n", "1", "--output", "json", "--filter", "topic:hello_world/press"))
	contains(t, "the stream", out, `"stamped"`)
	held.interrupt(t)

	held = r.foreground(t, n.hellox(up...))
	held.wait(t, `the page +(http://\S+)`)
	contains(t, "up --build again", held.said(t), "built in the node's Docker, unchanged", "rolled out, unchanged")
	held.interrupt(t)
	asked := slices.DeleteFunc(n.laptop.Calls(), func(call string) bool { return call != dockerEnvCall })
	if len(asked) != 1 {
		t.Errorf("docker-env was asked %d times, want once: its answer is cached", len(asked))
	}

	r.do(t, n.hellox("down"))
	// hellox's own stays: the rig's installation, in the same cluster, has it too.
	if left := n.images(); !slices.Equal(left, []string{r.image}) {
		t.Errorf("down left %v in minikube's Docker", left)
	}
	for _, image := range images { // those of the stand-in
		if image != r.image {
			r.onNode(t, "ctr", "-n", "k8s.io", "images", "rm", image)
		}
	}
}
