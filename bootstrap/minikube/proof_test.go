package minikube

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"hellox/bootstrap/bootstraptest"
	"hellox/bootstrap/step"
)

// What proves that an address on the loopback is a profile's node, where the node has
// none of its own: a port that its container publishes, or minikube's own authority. A
// tunnel to another cluster has neither, though its entry has minikube's mark.
func TestProofOnTheLoopback(t *testing.T) {
	const ps = "docker ps --filter label=name.minikube.sigs.k8s.io=minikube --format {{.Ports}}"
	for _, c := range []struct {
		name      string
		driver    string
		published string // what docker prints
		authority string // of the entry; minikube's own is "minikube's"
		environ   string
		insecure  bool
		ok        bool
	}{
		{name: "the container's port", driver: "docker", published: "127.0.0.1:32769->22/tcp, 127.0.0.1:32772->8443/tcp", ok: true},
		{name: "another port", driver: "docker", published: "127.0.0.1:32773->8443/tcp"},
		{name: "no container", driver: "docker"},
		{name: "a container of another machine", driver: "docker", published: "127.0.0.1:32772->8443/tcp", environ: "DOCKER_HOST=ssh://ann@farm.example.org"},
		{name: "no container, with minikube's authority", driver: "docker", authority: "minikube's"},
		{name: "a virtual machine", driver: "qemu2", authority: "minikube's", ok: true},
		{name: "a virtual machine, and a tunnel", driver: "qemu2", authority: "another's"},
		{name: "not verified", driver: "docker", published: "127.0.0.1:32772->8443/tcp", insecure: true},
	} {
		t.Run(c.name, func(t *testing.T) {
			l := newLaptop(t, "docker")
			if k, v, ok := strings.Cut(c.environ, "="); ok {
				l.Setenv(k, v)
			}
			bootstraptest.Must(os.WriteFile(filepath.Join(l.Dir, "ps.stdout"), []byte(c.published+"\n"), 0o600))
			l.Scene("now", bootstraptest.Play{Call: ps, Recording: "ps"})
			home := filepath.Join(l.Dir, ".minikube")
			bootstraptest.Must(os.Mkdir(home, 0o700))
			bootstraptest.Must(os.WriteFile(filepath.Join(home, "ca.crt"), []byte("minikube's\n"), 0o600))
			bootstraptest.Must(os.WriteFile(filepath.Join(l.Dir, "entry.crt"), []byte(c.authority), 0o600))
			l.Kubeconfig("docker-running/kubeconfig")
			config := l.userConfig()
			entry := config.Clusters["minikube"]
			entry.Server, entry.CertificateAuthority, entry.InsecureSkipTLSVerify = "https://127.0.0.1:32772", filepath.Join(l.Dir, "entry.crt"), c.insecure
			list, _ := bootstraptest.Recorded(t, "docker-running/profile-list-light")
			profiles, err := parseProfiles(list.Stdout)
			if err != nil {
				t.Fatal(err)
			}
			profiles[0].Config.Driver = c.driver
			err = profiles[0].proven(t.Context(), l.Runner(), config)
			if e := (*step.Error)(nil); (err == nil) != c.ok || err != nil && (!errors.As(err, &e) || e.Kind != step.Unsafe) {
				t.Errorf("%v", err)
			}
		})
	}
}

// A profile is not created over a context of the kubeconfig that leads elsewhere, nor
// with the Docker of another machine. What a profile of before has left is no reason.
func TestCreateSparesOtherContexts(t *testing.T) {
	const entry = "apiVersion: v1\nkind: Config\ncontexts:\n- name: minikube\n  context: {cluster: minikube, user: u}\nclusters:\n- name: minikube\n  cluster:\n    server: https://192.0.2.7:6443\n"
	const mark = "    extensions:\n    - name: cluster_info\n      extension: {provider: minikube.sigs.k8s.io}\n"
	for _, c := range []struct{ name, kubeconfig, dockerHost, want string }{
		{"another's context", entry, "", `refused to create minikube profile "minikube": the kubeconfig's context "minikube" leads to 192.0.2.7:6443`},
		{"another machine's Docker", "", "tcp://192.0.2.9:2376", "docker is on another machine: DOCKER_HOST is tcp://192.0.2.9:2376"},
		{"a profile's of before", entry + mark, "", ""},
	} {
		l := newLaptop(t, "minikube")
		l.Setenv("DOCKER_HOST", c.dockerHost)
		bootstraptest.Must(os.WriteFile(l.Script.Kubeconfig, []byte(c.kubeconfig), 0o600))
		l.Scene("none", listed("no-profile/profile-list-light"),
			bootstraptest.Play{Call: "minikube start -p minikube -o json", Recording: "refused/start-as-root"},
			bootstraptest.Play{Call: "minikube delete -p minikube"})
		_, _, err := l.ready(t.Context())
		if started := l.Called("minikube start -p minikube -o json"); started != (c.want == "") {
			t.Errorf("%s: start was called: %t", c.name, started)
		}
		if e := (*step.Error)(nil); c.want != "" && (!errors.As(err, &e) || e.Kind != step.Unsafe || err.Error() != c.want || e.Hint == "") {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}
