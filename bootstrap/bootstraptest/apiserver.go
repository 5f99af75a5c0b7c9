package bootstraptest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// An Authority issues certificates for a test.
type Authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	pem  []byte
}

func newAuthority(t *testing.T) *Authority {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "minikubeCA"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return &Authority{cert, key, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})}
}

// issue returns a certificate for both ends of a connection on the loopback.
func (a *Authority) issue(t *testing.T) (certPEM, keyPEM []byte) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "minikube-user", Organization: []string{"system:masters"}},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
		KeyUsage:    x509.KeyUsageDigitalSignature,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.cert, key.Public(), a.key)
	if err != nil {
		t.Fatal(err)
	}
	keyDER, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}),
		pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: keyDER})
}

// TLSServer starts a server on the loopback that wants the authority's
// clients.
func (a *Authority) TLSServer(t *testing.T, h http.Handler) *httptest.Server {
	t.Helper()
	certPEM, keyPEM := a.issue(t)
	pair, err := tls.X509KeyPair(certPEM, keyPEM)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(a.cert)
	s := httptest.NewUnstartedServer(h)
	s.TLS = &tls.Config{Certificates: []tls.Certificate{pair}, ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: pool}
	s.StartTLS()
	t.Cleanup(s.Close)
	return s
}

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

// Node is a node as the API server tells it.
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
	if l.CA == nil {
		l.newCertificates()
	}
	a := &APIServer{laptop: l, nodes: map[string][]corev1.Node{}}
	_, port, err := net.SplitHostPort(l.CA.TLSServer(l.T, a).Listener.Addr().String())
	if err != nil {
		l.T.Fatal(err)
	}
	l.Script.Replace = append(l.Script.Replace,
		[2]string{"https://" + ip + ":8443", "https://127.0.0.1:" + port},
		[2]string{`"IP":"` + ip + `","Port":8443`, `"IP":"127.0.0.1","Port":` + port},
	)
	return a
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
