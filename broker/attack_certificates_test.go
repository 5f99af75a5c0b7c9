package broker

import (
	"bufio"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"log/slog"
	"math/big"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/mochi-mqtt/server/v2/packets"

	"hellox/broker/rights"
)

// A signer is a certificate with its key: an authority, or a leaf that passes for one.
type signer struct {
	t    testing.TB
	pair tls.Certificate
}

// newSigner makes an authority that signs itself.
func newSigner(t testing.TB, template x509.Certificate) *signer {
	template.IsCA, template.MaxPathLenZero, template.KeyUsage = true, true, x509.KeyUsageCertSign
	s := &signer{t: t}
	s.pair = s.sign(template)
	return s
}

// sign signs a certificate; a signer without one of its own has it sign itself.
func (s *signer) sign(template x509.Certificate) tls.Certificate {
	s.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		s.t.Fatal(err)
	}
	template.SerialNumber, template.BasicConstraintsValid = big.NewInt(time.Now().UnixNano()), true
	if template.NotBefore.IsZero() {
		template.NotBefore = time.Now().Add(-time.Hour)
	}
	if template.NotAfter.IsZero() {
		template.NotAfter = time.Now().Add(time.Hour)
	}
	parent, by := &template, any(key)
	if s.pair.Leaf != nil {
		parent, by = s.pair.Leaf, s.pair.PrivateKey
	}
	der, err := x509.CreateCertificate(rand.Reader, &template, parent, &key.PublicKey, by)
	if err != nil {
		s.t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		s.t.Fatal(err)
	}
	return tls.Certificate{Certificate: append([][]byte{der}, s.pair.Certificate...), PrivateKey: key, Leaf: leaf}
}

// clientTemplate is the certificate of a client of that name, with some of it changed.
func clientTemplate(name string, change ...func(*x509.Certificate)) x509.Certificate {
	c := x509.Certificate{
		Subject: pkix.Name{CommonName: name}, KeyUsage: x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}, URIs: []*url.URL{clientURI(name)},
	}
	for _, f := range change {
		f(&c)
	}
	return c
}

func clientURI(name string) *url.URL {
	return &url.URL{Scheme: "hellox", Host: "local", Path: "/client/" + name}
}

func pemOf(all ...tls.Certificate) []byte {
	var text []byte
	for _, c := range all {
		text = append(text, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Certificate[0]})...)
	}
	return text
}

// A vault is a broker whose clients show certificates, beside users or without. Its
// second listener is open.
type vault struct {
	t      testing.TB
	ca     *signer
	server tls.Certificate
	roots  *x509.CertPool
	paths  rights.Paths
	files  *rights.Files
	said   *safeBuffer
	b      *Broker
}

const vaultACL = `role hellox://local/client/broadcast-1 broadcast
role hellox://local/client/recv receive
read hellox://local/client/desk hello_world/#
read hellox://local/client/press hello_world/#
write hellox://local/client/press hello_world/%i/#
`

// caConstraints are those of the authority of a vault.
func caConstraints(c *x509.Certificate) {
	c.PermittedDNSDomainsCritical, c.PermittedURIDomains = true, []string{"local"}
}

func newVault(t testing.TB, users bool) *vault {
	t.Helper()
	template := x509.Certificate{Subject: pkix.Name{CommonName: "the authority"}}
	caConstraints(&template)
	dir := t.TempDir()
	v := &vault{t: t, ca: newSigner(t, template), roots: x509.NewCertPool(), said: &safeBuffer{}}
	v.server = v.ca.sign(x509.Certificate{IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}})
	v.roots.AddCert(v.ca.pair.Leaf)
	v.paths = rights.Paths{ACL: filepath.Join(dir, "acl"), ClientCA: filepath.Join(dir, "ca.crt")}
	text := vaultACL
	if users {
		v.paths.Users = filepath.Join(dir, "users")
		v.write(v.paths.Users, "alice:"+cheapHash("secret of alice")+"\n")
		text += "read alice hello_world/#\n"
	}
	v.write(v.paths.ACL, text)
	v.write(v.paths.ClientCA, string(pemOf(v.ca.pair)))
	log := slog.New(slog.NewTextHandler(v.said, nil))
	var err error
	if v.files, err = rights.OpenFiles(v.paths, log); err != nil {
		t.Fatal(err)
	}
	b, stop := startStop(t, Options{Authority: v.files, Log: log, Listeners: []Listener{
		{Net: listenLoopback(t), TLS: v.files.AskForCertificates(&tls.Config{MinVersion: tls.VersionTLS13, Certificates: []tls.Certificate{v.server}})},
		{Net: listenLoopback(t), Open: true},
	}})
	v.b = b
	t.Cleanup(stop)
	return v
}

func (v *vault) write(path, text string) {
	v.t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		v.t.Fatal(err)
	}
}

// trust has the broker trust these authorities of clients alone.
func (v *vault) trust(all ...*signer) {
	v.t.Helper()
	var text []byte
	for _, s := range all {
		text = append(text, pemOf(s.pair)...)
	}
	v.write(v.paths.ClientCA, string(text))
	v.reload()
}

func (v *vault) reload() {
	v.t.Helper()
	if err := v.files.Reload(); err != nil {
		v.t.Fatal(err)
	}
	v.b.Recheck()
}

// config is a client's that shows c, whatever the broker asks for; nil is none.
func (v *vault) config(c *tls.Certificate) *tls.Config {
	config := &tls.Config{RootCAs: v.roots, ServerName: "127.0.0.1", MinVersion: tls.VersionTLS12}
	if c != nil {
		config.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return c, nil }
	}
	return config
}

// try connects and returns the code of the CONNACK, 0xff if there came none. With TLS
// 1.3 a client's handshake is done before the broker has looked at its certificate.
func (v *vault) try(config *tls.Config, h hello) (c *client, code byte) {
	v.t.Helper()
	conn, err := net.Dial("tcp", v.b.Addr(0).String())
	if err != nil {
		v.t.Fatal(err)
	}
	if config != nil {
		conn = tls.Client(conn, config)
	}
	v.t.Cleanup(func() { conn.Close() })
	c = &client{t: v.t, c: conn, r: bufio.NewReader(conn), v5: h.v5}
	if c.trySend(h.packet()) != nil {
		return c, 0xff
	}
	p, err := c.read(testTimeout)
	if err != nil || p.kind() != packets.Connack {
		return c, 0xff
	}
	return c, p.body[1]
}

// letsIn wants a client that shows c to be let in.
func (v *vault) letsIn(c tls.Certificate, h hello) *client {
	v.t.Helper()
	client, code := v.try(v.config(&c), h)
	if code != 0 {
		v.t.Errorf("client %q of %v is answered with %#x", h.id, c.Leaf.URIs, code)
	}
	return client
}

// refuses wants a client not to be let in, and one line of the log to say why.
func (v *vault) refuses(config *tls.Config, h hello, why string) {
	v.t.Helper()
	before := len(linesWith(v.said.String(), why))
	if _, code := v.try(config, h); code == 0 {
		v.t.Errorf("client %q is let in; want %s", h.id, why)
	}
	wait(v.t, "the log has once more: "+why, func() bool { return len(linesWith(v.said.String(), why)) > before })
}

// certificateRow is an attack with one certificate and its control with another, by
// brokers that know users beside and that do not.
func certificateRow(name, why string, bad, good func(v *vault) *tls.Certificate) attack {
	h := hello{id: "press"}
	return vaultRow(name, func(v *vault) { v.refuses(v.config(bad(v)), h, why) }, func(v *vault) { v.letsIn(*good(v), h).disconnect() })
}

func vaultRow(name string, act, control func(v *vault)) attack {
	run := func(f func(v *vault)) func(*arena) {
		return func(a *arena) {
			for _, users := range []bool{false, true} {
				f(newVault(a.t, users))
			}
		}
	}
	return attack{"certificate: " + name, "F1", run(act), run(control)}
}

// press signs a certificate of press by the authority, with some of it changed.
func press(change ...func(*x509.Certificate)) func(v *vault) *tls.Certificate {
	return func(v *vault) *tls.Certificate { return new(v.ca.sign(clientTemplate("press", change...))) }
}

// certificateAttacks is the matrix of client certificates: 14 rows, and what is known of
// other brokers beside.
func certificateAttacks() []attack {
	refusesID := func(name, id, why string) func(v *vault) {
		return func(v *vault) {
			v.refuses(v.config(new(v.ca.sign(clientTemplate(name)))), hello{id: id}, why)
		}
	}
	letsInID := func(name, id string) func(v *vault) {
		return func(v *vault) { v.letsIn(v.ca.sign(clientTemplate(name)), hello{id: id}).disconnect() }
	}
	return []attack{
		vaultRow("none", func(v *vault) {
			why := "the client shows no certificate"
			if v.paths.Users != "" {
				why = "bad user name or password"
			}
			v.refuses(v.config(nil), hello{id: "press"}, why)
		}, func(v *vault) { v.letsIn(*press()(v), hello{id: "press"}).disconnect() }),
		certificateRow("self-signed", "is not signed by an authority of --client-ca", func(v *vault) *tls.Certificate {
			return new((&signer{t: v.t}).sign(clientTemplate("press")))
		}, press()),
		certificateRow("another authority of the same name", "is not signed by an authority of --client-ca", func(v *vault) *tls.Certificate {
			return new(newSigner(v.t, x509.Certificate{Subject: pkix.Name{CommonName: "the authority"}}).sign(clientTemplate("press")))
		}, press()),
		certificateRow("expired", "was valid until", press(func(c *x509.Certificate) { c.NotAfter = time.Now().Add(-time.Minute) }), press(func(c *x509.Certificate) { c.NotAfter = time.Now().Add(time.Minute) })),
		certificateRow("not yet valid", "is valid from", press(func(c *x509.Certificate) { c.NotBefore = time.Now().Add(time.Minute) }), press(func(c *x509.Certificate) { c.NotBefore = time.Now().Add(-time.Minute) })),
		certificateRow("the broker's own", "extended key usage lacks clientAuth", func(v *vault) *tls.Certificate { return &v.server }, press()),
		vaultRow("of another role", refusesID("broadcast-1", "hellox-receive", "reserved for the role receive"), letsInID("recv", "hellox-receive")),
		certificateRow("outside the authority's constraints", "names that its authority may not sign for",
			press(func(c *x509.Certificate) {
				c.URIs = []*url.URL{{Scheme: "hellox", Host: "elsewhere", Path: "/client/press"}}
			}), press()),
		certificateRow("signed by a leaf", "is not signed by an authority of --client-ca", func(v *vault) *tls.Certificate {
			leaf := &signer{t: v.t, pair: *press()(v)}
			return new(leaf.sign(clientTemplate("press")))
		}, press()),
		certificateRow("signed by an authority that the authority may not make", "is signed by an authority that may not be one", func(v *vault) *tls.Certificate {
			template := x509.Certificate{Subject: pkix.Name{CommonName: "another authority"}, IsCA: true, KeyUsage: x509.KeyUsageCertSign}
			below := &signer{t: v.t, pair: v.ca.sign(template)}
			return new(below.sign(clientTemplate("press")))
		}, press()),
		vaultRow("the client ID of another", refusesID("press", "desk", "reserved for the client certificate of that name"), letsInID("desk", "desk")),
		vaultRow("revoked by a new authority", func(v *vault) {
			old := *press()(v)
			c := v.letsIn(old, hello{id: "press"})
			v.trust(newSigner(v.t, x509.Certificate{Subject: pkix.Name{CommonName: "the authority"}}))
			c.closed()
			v.refuses(v.config(&old), hello{id: "press"}, "is not signed by an authority of --client-ca")
		}, func(v *vault) {
			next := newSigner(v.t, x509.Certificate{Subject: pkix.Name{CommonName: "the next authority"}})
			stays := v.letsIn(*press()(v), hello{id: "press"})
			v.trust(v.ca, next)
			v.letsIn(next.sign(clientTemplate("desk")), hello{id: "desk"}).disconnect()
			stays.publish("hello_world/press/x", "x", 1, false)
		}),
		vaultRow("a resumed session after that", func(v *vault) {
			config := v.config(press()(v))
			config.ClientSessionCache = tls.NewLRUClientSessionCache(4)
			if _, code := v.try(config, hello{id: "press"}); code != 0 {
				v.t.Errorf("the first time it is answered with %#x", code)
			}
			v.trust(newSigner(v.t, x509.Certificate{Subject: pkix.Name{CommonName: "the authority"}}))
			v.refuses(config, hello{id: "press"}, "is not signed by an authority of --client-ca")
		}, func(v *vault) {
			config := v.config(press()(v))
			config.ClientSessionCache = tls.NewLRUClientSessionCache(4)
			for range 2 {
				if _, code := v.try(config, hello{id: "press"}); code != 0 {
					v.t.Errorf("it is answered with %#x", code)
				}
			}
		}),
		vaultRow("over TLS 1.2", func(v *vault) {
			config := v.config(press()(v))
			config.MaxVersion = tls.VersionTLS12
			v.refuses(config, hello{id: "press"}, "this listener speaks TLS 1.3")
		}, func(v *vault) { v.letsIn(*press()(v), hello{id: "press"}).disconnect() }),
		vaultRow("plain", func(v *vault) { v.refuses(nil, hello{id: "press"}, "the client does not speak TLS") },
			func(v *vault) { v.letsIn(*press()(v), hello{id: "press"}).disconnect() }),

		certificateRow("no URI, the name of another as its common name", "has no URI", press(func(c *x509.Certificate) { c.URIs = nil }), press()),
		certificateRow("two URIs", "has 2 URIs", press(func(c *x509.Certificate) { c.URIs = append(c.URIs, clientURI("recv")) }), press()),
		certificateRow("a URI that begins with that of another, or ends with it", "the ACL does not name hellox://local/",
			press(func(c *x509.Certificate) { c.URIs = []*url.URL{clientURI("press/x")} }), press()),
		certificateRow("a URI of another case", "the ACL does not name hellox://local/client/PRESS", press(func(c *x509.Certificate) { c.URIs = []*url.URL{clientURI("PRESS")} }), press()),
		{"certificate: a wrong one beside the right password", "F1", func(a *arena) {
			v := newVault(a.t, true)
			alice := hello{id: "alice"}.as("alice")
			v.refuses(v.config(new((&signer{t: v.t}).sign(clientTemplate("press")))), alice, "is not signed by an authority")
			v.refuses(v.config(press(func(c *x509.Certificate) { c.URIs = nil })(v)), alice, "has no URI")
			// Nor does the password of alice make press alice.
			v.refuses(v.config(press()(v)), hello{id: "alice"}.as("alice"), "reserved for the user of that name")
		}, func(a *arena) {
			v := newVault(a.t, true)
			if _, code := v.try(v.config(nil), hello{id: "alice"}.as("alice")); code != 0 {
				a.t.Errorf("alice is answered with %#x", code)
			}
			v.letsIn(*press()(v), hello{id: "press", user: "alice", password: "wrong"}).disconnect()
		}},
		vaultRow("rights that the ACL takes away", func(v *vault) {
			c := v.letsIn(*press()(v), hello{id: "press"})
			v.write(v.paths.ACL, strings.Replace(readText(v.t, v.paths.ACL), "write hellox://local/client/press", "write hellox://local/client/desk", 1))
			v.reload()
			c.closed()
			v.write(v.paths.ACL, strings.ReplaceAll(readText(v.t, v.paths.ACL), "client/press", "client/other"))
			v.reload()
			v.refuses(v.config(press()(v)), hello{id: "press"}, "the ACL does not name hellox://local/client/press")
		}, func(v *vault) {
			c := v.letsIn(*press()(v), hello{id: "press"})
			v.reload()
			c.publish("hello_world/press/x", "x", 1, false)
		}),
		vaultRow("topics of another", func(v *vault) {
			c := v.letsIn(*press()(v), hello{id: "press"})
			c.send(c.publishPacket("hello_world/desk/x", "x", 1, false, 1))
			c.closed()
		}, func(v *vault) {
			spy := connect(v.t, v.b.Addr(1), hello{id: "spy"})
			spy.subscribe(0, "#")
			v.letsIn(*press()(v), hello{id: "press"}).publish("hello_world/press/x", "x", 1, false)
			if got := spy.take(); got.topic != "hello_world/press/x" {
				v.t.Errorf("got %+v", got)
			}
		}),
	}
}

func readText(t testing.TB, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// TestCertificateEnds has a certificate end while its client is connected: so does the
// connection, with the reason, and the client is not let in again.
func TestCertificateEnds(t *testing.T) {
	v := newVault(t, false)
	short := press(func(c *x509.Certificate) { c.NotAfter = time.Now().Add(2 * time.Second) })(v)
	c := v.letsIn(*short, hello{id: "press"})
	c.subscribe(0, "hellox/refused/press")
	if reason := c.readRefusal("press"); reason != "the certificate of this connection has expired; connect again with a new one" {
		t.Errorf("the client is told %q", reason)
	}
	c.closed()
	v.refuses(v.config(short), hello{id: "press"}, "was valid until")
}
