package bootstraptest

import (
	"encoding/base64"
	"encoding/json"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// An APIServer answers with nodes, by the laptop's scene: those of scene "",
// if there are any, in every other. Without nodes it is down.
type APIServer struct {
	laptop *Laptop
	mu     sync.Mutex
	nodes  map[string][]corev1.Node
}

// Set sets the nodes that the server answers with in a scene.
func (a *APIServer) Set(scene string, nodes ...corev1.Node) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.nodes[scene] = nodes
}

func (a *APIServer) now() []corev1.Node {
	a.mu.Lock()
	defer a.mu.Unlock()
	if nodes, ok := a.nodes[a.laptop.Now()]; ok {
		return nodes
	}
	return a.nodes[""]
}

// ServeHTTP implements http.Handler.
func (a *APIServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	nodes := a.now()
	if len(nodes) == 0 || r.URL.Path != "/api/v1/nodes" {
		http.Error(w, `{"message":"not now"}`, http.StatusServiceUnavailable)
		return
	}
	_ = json.NewEncoder(w).Encode(corev1.NodeList{Items: nodes})
}

// Node is a node as the API server returns it.
func Node(name, runtime string, ready bool) corev1.Node {
	n := corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: name}}
	if !strings.HasSuffix(name, "-m02") {
		n.Labels = map[string]string{"node-role.kubernetes.io/control-plane": ""}
	}
	n.Status.NodeInfo = corev1.NodeSystemInfo{Architecture: "amd64", KubeletVersion: "v1.34.4", ContainerRuntimeVersion: runtime + "://1.6.20"}
	condition := corev1.NodeCondition{Type: corev1.NodeReady, Status: corev1.ConditionTrue}
	if !ready {
		condition.Status, condition.Message = corev1.ConditionFalse, "cni plugin not initialized"
	}
	n.Status.Conditions = []corev1.NodeCondition{condition}
	return n
}

// API starts an API server that stands, in all that is played, for the one
// at that address, port 8443.
func (l *Laptop) API(ip string) *APIServer {
	l.T.Helper()
	a := &APIServer{laptop: l, nodes: map[string][]corev1.Node{}}
	l.ServeAPI(ip, a)
	return a
}

// ServeAPI does the same with any handler.
func (l *Laptop) ServeAPI(ip string, h http.Handler) {
	l.T.Helper()
	if l.CA == nil {
		l.newCertificates()
	}
	_, port, err := net.SplitHostPort(l.CA.TLSServer(l.T, h).Listener.Addr().String())
	if err != nil {
		l.T.Fatal(err)
	}
	l.Script.Replace = append(l.Script.Replace,
		[2]string{"https://" + ip + ":8443", "https://127.0.0.1:" + port},
		[2]string{`"IP":"` + ip + `","Port":8443`, `"IP":"127.0.0.1","Port":` + port},
	)
}

// newCertificates makes what minikube keeps in its home.
func (l *Laptop) newCertificates() {
	l.T.Helper()
	l.CA = newAuthority(l.T)
	home := filepath.Join(l.Dir, "minikube")
	cert, key := l.CA.issue(l.T)
	for name, text := range map[string][]byte{
		"ca.crt": l.CA.pem, "certs/ca.pem": l.CA.pem, "certs/cert.pem": cert, "certs/key.pem": key,
		"profiles/minikube/client.crt": cert, "profiles/minikube/client.key": key,
		"profiles/cut/client.crt": cert, "profiles/cut/client.key": key,
		"profiles/twin/client.crt": cert, "profiles/twin/client.key": key,
	} {
		path := filepath.Join(home, filepath.FromSlash(name))
		Must(os.MkdirAll(filepath.Dir(path), 0o700))
		Must(os.WriteFile(path, text, 0o600))
	}
	b64 := base64.StdEncoding.EncodeToString
	l.Script.Replace = append(l.Script.Replace,
		[2]string{"certificate-authority-data: TEVGVC1PVVQ=", "certificate-authority-data: " + b64(l.CA.pem)},
		[2]string{"client-certificate-data: TEVGVC1PVVQ=", "client-certificate-data: " + b64(cert)},
		[2]string{"client-key-data: TEVGVC1PVVQ=", "client-key-data: " + b64(key)},
	)
}
