package main

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"sync"
	"time"
)

// A cluster stands for the one of Kubernetes whose pods connect: it signs their tokens,
// by RS256 as clusters do, and has a certificate for the broker, of ECDSA P-256 as up
// makes it.
type cluster struct {
	server tls.Certificate
	roots  *x509.CertPool
	key    *rsa.PrivateKey

	mu     sync.Mutex
	tokens map[string]string // by pod
}

// benchCluster returns the cluster of this process.
var benchCluster = sync.OnceValue(func() *cluster {
	c, err := newCluster()
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
	return c
})

func newCluster() (*cluster, error) {
	own, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &own.PublicKey, own)
	if err != nil {
		return nil, err
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, err
	}
	c := &cluster{server: tls.Certificate{Certificate: [][]byte{der}, PrivateKey: own, Leaf: leaf}, roots: x509.NewCertPool(), tokens: map[string]string{}}
	c.roots.AddCert(leaf)
	c.key, err = rsa.GenerateKey(rand.Reader, 2048)
	return c, err
}

// client is the configuration of a client.
func (c *cluster) client() *tls.Config {
	return &tls.Config{RootCAs: c.roots, ServerName: "127.0.0.1", MinVersion: tls.VersionTLS13}
}

const (
	issuer   = "https://kubernetes.default.svc.cluster.local"
	audience = "hellox-broker"
)

// token returns the token of a pod of the ServiceAccount broadcast, the same each time.
func (c *cluster) token(pod string) (string, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if token := c.tokens[pod]; token != "" {
		return token, nil
	}
	now := time.Now()
	named := func(name string) map[string]any {
		return map[string]any{"name": name, "uid": "2b1c9a4e-1a4f-4a3c-9f6e-0d6f0a3c7b55"}
	}
	claims := map[string]any{
		"iss": issuer, "aud": []string{audience}, "sub": "system:serviceaccount:hellox:broadcast",
		"iat": now.Unix(), "nbf": now.Unix(), "exp": now.Add(time.Hour).Unix(), "jti": rand.Text(),
		"kubernetes.io": map[string]any{"namespace": "hellox", "pod": named(pod), "serviceaccount": named("broadcast"), "node": named("node-1")},
	}
	b64 := base64.RawURLEncoding.EncodeToString
	header, err := json.Marshal(map[string]any{"alg": "RS256", "kid": "bench"})
	if err != nil {
		return "", err
	}
	body, err := json.Marshal(claims)
	if err != nil {
		return "", err
	}
	text := b64(header) + "." + b64(body)
	sum := sha256.Sum256([]byte(text))
	signature, err := rsa.SignPKCS1v15(rand.Reader, c.key, crypto.SHA256, sum[:])
	if err != nil {
		return "", err
	}
	c.tokens[pod] = text + "." + b64(signature)
	return c.tokens[pod], nil
}

// write writes what the broker and hellox's own clients read into dir: tls.crt and
// tls.key, jwks, and the token of a pod.
func (c *cluster) write(dir, pod string) error {
	key, err := x509.MarshalPKCS8PrivateKey(c.server.PrivateKey)
	if err != nil {
		return err
	}
	b64 := base64.RawURLEncoding.EncodeToString
	keys, err := json.Marshal(map[string]any{"issuer": issuer, "audience": audience, "namespace": "hellox", "keys": []any{map[string]any{
		"kty": "RSA", "use": "sig", "alg": "RS256", "kid": "bench", "n": b64(c.key.N.Bytes()), "e": b64(big.NewInt(int64(c.key.E)).Bytes()),
	}}})
	if err != nil {
		return err
	}
	token, err := c.token(pod)
	if err != nil {
		return err
	}
	for name, text := range map[string][]byte{
		"tls.crt": pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.server.Certificate[0]}),
		"tls.key": pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key}),
		"jwks":    keys, "token": []byte(token),
	} {
		err = errors.Join(err, os.WriteFile(filepath.Join(dir, name), text, 0o600))
	}
	return err
}
