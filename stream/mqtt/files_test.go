package mqtt

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/eclipse/paho.mqtt.golang/packets"

	"hellox/stream"
)

// A gate is a listener with TLS that answers each CONNECT with a code, and keeps
// what came.
type tlsGate struct {
	address     string
	certificate atomic.Pointer[tls.Certificate]
	versions    atomic.Uint32 // the newest version of TLS; 0: any
	code        atomic.Uint32
	passwords   chan string  // of the CONNECTs
	received    atomic.Int64 // bytes after the handshake
	shown       atomic.Int64 // certificates of clients
}

func openGate(t *testing.T, certificate *tls.Certificate) *tlsGate {
	t.Helper()
	g := &tlsGate{passwords: make(chan string, 10)}
	g.certificate.Store(certificate)
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ln.Close() })
	g.address = ln.Addr().String()
	go func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			go g.serve(c)
		}
	}()
	return g
}

func (g *tlsGate) serve(c net.Conn) {
	defer c.Close()
	var certificates []tls.Certificate
	if p := g.certificate.Load(); p != nil {
		certificates = []tls.Certificate{*p}
	}
	secure := tls.Server(c, &tls.Config{
		MinVersion: tls.VersionTLS10, MaxVersion: uint16(g.versions.Load()), Certificates: certificates,
		ClientAuth: tls.RequestClientCert,
		VerifyPeerCertificate: func(raw [][]byte, _ [][]*x509.Certificate) error {
			g.shown.Add(int64(len(raw)))
			return nil
		},
	})
	p, err := packets.ReadPacket(io.TeeReader(secure, (*byteCounter)(&g.received)))
	connect, ok := p.(*packets.ConnectPacket)
	if err != nil || !ok {
		return
	}
	g.passwords <- string(connect.Password)
	ack := packets.NewControlPacket(packets.Connack).(*packets.ConnackPacket) //nolint:forcetypeassert // it is
	ack.ReturnCode = byte(g.code.Load())
	_ = ack.Write(secure)
	_, _ = io.Copy(io.Discard, secure)
}

type byteCounter atomic.Int64

func (n *byteCounter) Write(b []byte) (int, error) {
	(*atomic.Int64)(n).Add(int64(len(b)))
	return len(b), nil
}

// atLoopback issues a certificate for 127.0.0.1.
func atLoopback(t *testing.T) tls.Certificate {
	t.Helper()
	return issue(t, x509.Certificate{IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}})
}

func writePEM(t *testing.T, path string, all ...tls.Certificate) {
	t.Helper()
	var text []byte
	for _, c := range all {
		text = append(text, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Certificate[0]})...)
	}
	writeText(t, path, string(text))
}

func writeText(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// TestFilesReadAnew renews the broker's certificate and the client's token: the
// next connection trusts and shows those of then, also of clients that share them.
func TestFilesReadAnew(t *testing.T) {
	t.Run("alone", func(t *testing.T) { testFilesReadAnew(t, func(b Broker) Broker { return b }) })
	t.Run("shared", func(t *testing.T) { testFilesReadAnew(t, Broker.Shared) })
}

func testFilesReadAnew(t *testing.T, as func(Broker) Broker) {
	t.Helper()
	old, renewed := atLoopback(t), atLoopback(t)
	g := openGate(t, &old)
	dir := t.TempDir()
	files := Files{Password: filepath.Join(dir, "token"), CA: filepath.Join(dir, "ca.crt")}
	b := as(Broker{Scheme: "mqtts", Host: g.address, User: "broadcast-0", Files: files})
	dial := func() error {
		conn, err := Dial(t.Context(), DialOptions{Broker: b})
		if err == nil {
			conn.Close()
		}
		return err
	}
	sent := func(want string) {
		t.Helper()
		if got := <-g.passwords; got != want {
			t.Errorf("the password is %q, want %q", got, want)
		}
	}
	writePEM(t, files.CA, old)
	writeText(t, files.Password, "first\n")
	g.code.Store(uint32(packets.ErrRefusedServerUnavailable)) // no SUBSCRIBE is answered here
	_ = dial()
	sent("first")
	writeText(t, files.Password, "second")
	_ = dial()
	sent("second")
	g.certificate.Store(&renewed)
	if err := dial(); err == nil || !strings.Contains(err.Error(), "signed by itself or by an authority of its name") {
		t.Errorf("with a foreign certificate: %v", err)
	}
	writePEM(t, files.CA, old, renewed)
	_ = dial()
	sent("second")
	for path, want := range map[string]string{files.Password: "--password-file: ", files.CA: "--ca: "} {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, wrong := range []string{"", "gone"} {
			writeText(t, path, wrong)
			if wrong == "gone" {
				os.Remove(path)
			}
			if err := dial(); !errors.Is(err, ErrUnreachable) || !strings.Contains(err.Error(), want) {
				t.Errorf("%s %q: %v", filepath.Base(path), wrong, err)
			}
		}
		writeText(t, path, string(text))
	}
	if len(g.passwords) > 0 {
		t.Error("a connection was made without its files")
	}
}

// TestShared: clients that share their files have one configuration of TLS as long as
// these say the same.
func TestShared(t *testing.T) {
	dir := t.TempDir()
	files := Files{Password: filepath.Join(dir, "token"), CA: filepath.Join(dir, "ca.crt")}
	b := Broker{Scheme: "mqtts", Host: "127.0.0.1:1", Files: files}.Shared()
	load := func() Broker {
		t.Helper()
		loaded, err := b.Load()
		if err != nil {
			t.Fatal(err)
		}
		return loaded
	}
	writePEM(t, files.CA, atLoopback(t))
	writeText(t, files.Password, "first")
	first, again := load(), load()
	if first.TLS == nil || again.TLS != first.TLS || again.Password != "first" {
		t.Errorf("the same files are %p %q, then %p %q", first.TLS, first.Password, again.TLS, again.Password)
	}
	writePEM(t, files.CA, atLoopback(t))
	if renewed := load(); renewed.TLS == first.TLS || renewed.TLS.RootCAs.Equal(first.TLS.RootCAs) {
		t.Error("another authority is not read")
	}
	writeText(t, files.Password, "second")
	if renewed := load(); renewed.Password != "second" {
		t.Errorf("the password is %q, want the second", renewed.Password)
	}
	if alone, err := (Broker{Scheme: "mqtts", Host: "127.0.0.1:1", Files: files}).Load(); err != nil || alone.TLS == load().TLS {
		t.Errorf("who does not share has the same: %v", err)
	}
}

// TestPasswordHasABound: one that a hellox broker would answer by closing the
// connection is refused with a sentence, wherever it comes from.
func TestPasswordHasABound(t *testing.T) {
	file := filepath.Join(t.TempDir(), "password")
	for size, want := range map[int]string{stream.MaxPassword: "", stream.MaxPassword + 1: "has 12289 bytes; at most 12288"} {
		password := strings.Repeat("x", size)
		writeText(t, file, password+"\n")
		for _, b := range []Broker{{Password: password}, {Files: Files{Password: file}}} {
			if _, err := b.Load(); (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
				t.Errorf("%d bytes: %v", size, err)
			}
		}
	}
}

// TestFalseBroker has brokers with each wrong certificate: they get no byte of a
// CONNECT, and the error says what is wrong. The control gets it.
func TestFalseBroker(t *testing.T) {
	right := atLoopback(t)
	loopback := []net.IP{net.IPv4(127, 0, 0, 1)}
	dir := t.TempDir()
	ca, own, ownKey := filepath.Join(dir, "ca.crt"), filepath.Join(dir, "own.crt"), filepath.Join(dir, "own.key")
	mine := atLoopback(t)
	writePEM(t, own, mine)
	key, err := x509.MarshalPKCS8PrivateKey(mine.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	writeText(t, ownKey, string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key})))
	var tried, sent, unclear int64
	t.Cleanup(func() {
		fmt.Printf("false brokers: tried %d, bytes of secrets or messages sent %d, unclear %d\n", tried, sent, unclear)
	})
	before := issue(t, x509.Certificate{Subject: pkix.Name{CommonName: "the authority"}})
	now := issue(t, x509.Certificate{Subject: pkix.Name{CommonName: "the authority"}})
	for name, k := range map[string]struct {
		certificate tls.Certificate
		trusted     bool
		version     uint16
		want        string
	}{
		"self-signed":                {atLoopback(t), false, 0, "signed by itself or by an authority of its name"},
		"another authority's":        {signedBy(t, atLoopback(t), x509.Certificate{IPAddresses: loopback}), false, 0, "not known here"},
		"by a leaf":                  {signedBy(t, signedBy(t, right, x509.Certificate{IPAddresses: loopback}), x509.Certificate{IPAddresses: loopback}), false, 0, "not known here"},
		"swapped":                    {issue(t, x509.Certificate{DNSNames: []string{"receive.hellox.svc"}}), true, 0, "is for receive.hellox.svc, not for 127.0.0.1"},
		"expired":                    {issue(t, x509.Certificate{IPAddresses: loopback, NotAfter: time.Now().Add(-time.Hour)}), true, 0, "was valid until"},
		"not valid yet":              {issue(t, x509.Certificate{IPAddresses: loopback, NotBefore: time.Now().Add(time.Hour), NotAfter: time.Now().Add(2 * time.Hour)}), true, 0, "is valid from"},
		"a client's":                 {signedBy(t, right, x509.Certificate{IPAddresses: loopback, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}}), true, 0, "is not for a server"},
		"outside the constraints":    {signedBy(t, issue(t, x509.Certificate{Subject: pkix.Name{CommonName: "ca"}, PermittedDNSDomainsCritical: true, PermittedDNSDomains: []string{"hellox.svc"}, ExcludedIPRanges: []*net.IPNet{{IP: net.IPv4zero.To4(), Mask: net.CIDRMask(0, 32)}}}), x509.Certificate{IPAddresses: loopback}), true, 0, "is for names that its authority may not sign for"},
		"of the authority of before": {signedBy(t, before, x509.Certificate{IPAddresses: loopback}), false, 0, "of its name"},
		"none":                       {tls.Certificate{}, false, 0, "it ends the TLS handshake"},
		"the right one, TLS 1.1":     {right, true, tls.VersionTLS11, "it speaks neither TLS 1.2 nor TLS 1.3"},
		"control: the right one":     {right, true, 0, ""},
		"control: of the authority":  {signedBy(t, right, x509.Certificate{IPAddresses: loopback}), true, 0, ""},
		"control: the right one 1.2": {right, true, tls.VersionTLS12, ""},
	} {
		t.Run(name, func(t *testing.T) {
			g := openGate(t, &k.certificate)
			g.versions.Store(uint32(k.version))
			g.code.Store(uint32(packets.ErrRefusedNotAuthorised))
			trusted := []tls.Certificate{right, now}
			if k.trusted {
				root := k.certificate.Certificate[len(k.certificate.Certificate)-1]
				trusted = append(trusted, tls.Certificate{Certificate: [][]byte{root}})
			}
			writePEM(t, ca, trusted...)
			_, err := Dial(t.Context(), DialOptions{Broker: Broker{Scheme: "mqtts", Host: g.address, User: "alice", Password: "swordfish", Files: Files{CA: ca, Cert: own, Key: ownKey}}})
			if k.want == "" {
				if !errors.Is(err, ErrDenied) || <-g.passwords != "swordfish" {
					unclear++
					t.Errorf("the right broker: %v", err)
				}
				return
			}
			tried++
			if err == nil || !strings.Contains(err.Error(), k.want) || strings.Contains(err.Error(), "swordfish") {
				t.Errorf("%v, want %q", err, k.want)
			}
			if n := g.received.Load(); n > 0 {
				sent += n
				t.Errorf("%d bytes were sent", n)
			}
			if n := g.shown.Load(); n > 0 {
				t.Error("the client's certificate was shown")
			}
		})
	}
	t.Run("plain", func(t *testing.T) {
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer ln.Close()
		got := make(chan []byte, 1)
		go func() {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			defer c.Close()
			_, _ = c.Write([]byte{0x20, 2, 0, 0, 0xd0, 0}) // a CONNACK and a PINGRESP, before anything was asked
			b, _ := io.ReadAll(c)
			got <- b
		}()
		tried++
		_, err = Dial(t.Context(), DialOptions{Broker: Broker{Scheme: "mqtts", Host: ln.Addr().String(), User: "alice", Password: "swordfish", Files: Files{CA: ca}}})
		if err == nil || !strings.Contains(err.Error(), "it does not speak TLS there") {
			t.Errorf("%v", err)
		}
		if b := <-got; bytes.Contains(b, []byte("swordfish")) || bytes.Contains(b, []byte("MQTT")) {
			sent += int64(len(b))
			t.Errorf("%q was sent", b)
		}
	})
}

// signedBy issues a certificate that is no authority's, signed by parent, with its
// chain.
func signedBy(t *testing.T, parent tls.Certificate, template x509.Certificate) tls.Certificate {
	t.Helper()
	template.Subject.CommonName = "signed"
	own := issue(t, template)
	leaf := own.Leaf
	leaf.IsCA, leaf.MaxPathLen = false, -1
	leaf.RawIssuer = nil
	der, err := x509.CreateCertificate(nil, leaf, parent.Leaf, leaf.PublicKey, parent.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	chain := append([][]byte{der}, parent.Certificate...)
	parsed, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: chain, PrivateKey: own.PrivateKey, Leaf: parsed}
}

// TestTokenRefused has a token of a file be refused: the error says whether it is
// over, and never has it.
func TestTokenRefused(t *testing.T) {
	certificate := atLoopback(t)
	g := openGate(t, &certificate)
	dir := t.TempDir()
	files := Files{Password: filepath.Join(dir, "token"), CA: filepath.Join(dir, "ca.crt")}
	writePEM(t, files.CA, certificate)
	now := time.Now()
	for _, code := range []byte{packets.ErrRefusedBadUsernameOrPassword, packets.ErrRefusedNotAuthorised} {
		g.code.Store(uint32(code))
		for claims, want := range map[string]string{
			fmt.Sprintf(`{"nbf":%d,"exp":%d}`, now.Add(-time.Hour).Unix(), now.Add(-time.Minute).Unix()):   "which was valid until " + now.Add(-time.Minute).UTC().Format(time.DateTime),
			fmt.Sprintf(`{"nbf":%d,"exp":%d}`, now.Add(time.Hour).Unix(), now.Add(2*time.Hour).Unix()):     "which is valid from " + now.Add(time.Hour).UTC().Format(time.DateTime),
			fmt.Sprintf(`{"nbf":%d,"exp":%d}`, now.Add(-time.Hour).Unix(), now.Add(10*time.Minute).Unix()): `does not let "broadcast-0" in with the token of ` + files.Password,
		} {
			token := "head." + base64.RawURLEncoding.EncodeToString([]byte(claims)) + ".signature"
			writeText(t, files.Password, token)
			_, err := Dial(t.Context(), DialOptions{Broker: Broker{Scheme: "mqtts", Host: g.address, User: "broadcast-0", Files: files}})
			<-g.passwords
			if !errors.Is(err, ErrDenied) || !strings.Contains(err.Error(), want) || strings.Contains(err.Error()+stream.Hint(err), "signature") {
				t.Errorf("%v, want %q", err, want)
			}
		}
	}
}

// TestRenewed has the time of a token's connection come: it ends without its last
// will, and is opened anew.
func TestRenewed(t *testing.T) {
	b := startBroker(t)
	path := filepath.Join(t.TempDir(), "token")
	expired := time.Now().Add(-renewAfterExpiry) // long ago: the broker here does not look
	writeText(t, path, "head."+base64.RawURLEncoding.EncodeToString(fmt.Appendf(nil, `{"exp":%d}`, expired.Unix()))+".signature")
	broker := b.broker()
	broker.User, broker.Files.Password = "broadcast-0", path
	watching, err := Connect(t.Context(), ClientOptions{Broker: b.broker(), ClientID: "watching", Handler: func(a stream.Arrival) { t.Errorf("the last will: %s", a.Payload) }})
	if err != nil {
		t.Fatal(err)
	}
	defer watching.Close()
	if err := watching.Subscribe(t.Context(), map[string]byte{"will": 0}); err != nil {
		t.Fatal(err)
	}
	c, err := Connect(t.Context(), ClientOptions{Broker: broker, ClientID: "x", Will: &Message{Topic: "will", Payload: []byte("lost")}})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	select {
	case <-c.Lost():
	case <-time.After(time.Minute):
		t.Fatal("the connection stays")
	}
	if !strings.Contains(c.Err().Error(), "opened anew with the token of now") {
		t.Error(c.Err())
	}
	if err := watching.Subscribe(t.Context(), map[string]byte{"other": 0}); err != nil { // the will would have come before
		t.Fatal(err)
	}
}
