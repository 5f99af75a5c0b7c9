package mqtt

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"io"
	"log"
	"math/big"
	"net"
	"net/http/httptest"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/eclipse/paho.mqtt.golang/packets"

	"hellox/stream"
)

// listenTLS lets b speak MQTT over TLS with that certificate, and returns the address.
func (b *testBroker) listenTLS(t *testing.T, config *tls.Config) string {
	t.Helper()
	ln, err := tls.Listen("tcp", "127.0.0.1:0", config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ln.Close() })
	go func() {
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			go func() { _ = b.Establish("tls", conn) }()
		}
	}()
	return ln.Addr().String()
}

// TestWrongListener connects by each scheme to a listener for each other one:
// the error tells what is there as far as that shows, and the hint has the URL
// to use instead.
func TestWrongListener(t *testing.T) {
	b := startBroker(t)
	servers := map[string]*httptest.Server{"ws": httptest.NewUnstartedServer(b.webSocketHandler()), "wss": httptest.NewUnstartedServer(b.webSocketHandler())}
	for _, s := range servers {
		s.Config.ErrorLog = log.New(io.Discard, "", 0)
		t.Cleanup(s.Close)
	}
	servers["ws"].Start()
	servers["wss"].StartTLS()
	at := map[string]string{
		"mqtt":  b.Addr,
		"mqtts": b.listenTLS(t, servers["wss"].TLS),
		"ws":    servers["ws"].Listener.Addr().String(),
		"wss":   servers["wss"].Listener.Addr().String(),
	}
	authorities := x509.NewCertPool()
	authorities.AddCert(servers["wss"].Certificate())
	for scheme := range at {
		for other, address := range at {
			t.Run(scheme+" to "+other, func(t *testing.T) {
				if scheme[0] == 'm' && other[0] == 'w' { // net/http would wait for the end of a line
					var config *tls.Config
					if secure(other) {
						config = servers["wss"].TLS
					}
					address = listenRaw(t, config, []byte("HTTP/1.1 400 Bad Request\r\n\r\n"))
				}
				broker := Broker{Scheme: scheme, Host: address, TLS: &tls.Config{RootCAs: authorities, MinVersion: tls.VersionTLS12}}
				if scheme[0] == 'w' {
					broker.Path = "/mqtt"
				}
				conn, err := Dial(t.Context(), DialOptions{Broker: broker})
				if scheme == other {
					if err != nil {
						t.Fatal(err)
					}
					conn.Close()
					return
				}
				if err == nil {
					conn.Close()
					t.Fatal("connected")
				}
				// The next URL to try is right in TLS; of a listener whose answer tells
				// what it is, it is right altogether.
				hint, next := stream.Hint(err), other
				if secure(scheme) != secure(other) {
					next = map[string]string{"mqtt": "mqtts", "mqtts": "mqtt", "ws": "wss", "wss": "ws"}[scheme]
				}
				if !strings.Contains(hint, next+"://"+address) && !strings.Contains(hint, other+"://"+address) {
					t.Errorf("%v\nhint %q does not have the URL of %s", err, hint, next)
				}
				if sentence := err.Error(); strings.Contains(sentence, "failed to") || strings.Contains(sentence, "http: ") || strings.Contains(sentence, "malformed") {
					t.Errorf("words of a library: %s", sentence)
				}
			})
		}
	}
}

// listenRaw accepts connections, over TLS if config is not nil, answers what comes
// first with those bytes and closes. It returns the address.
func listenRaw(t *testing.T, config *tls.Config, answer []byte) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ln.Close() })
	if config != nil {
		ln = tls.NewListener(ln, config)
	}
	go func() {
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			_, _ = conn.Read(make([]byte, 1000))
			_, _ = conn.Write(answer)
			conn.Close()
		}
	}()
	return ln.Addr().String()
}

func secure(scheme string) bool { return scheme == "mqtts" || scheme == "wss" }

// TestTLSAlert is a listener that answers plain MQTT, or HTTP, with an alert.
func TestTLSAlert(t *testing.T) {
	address := listenRaw(t, nil, []byte{0x15, 3, 1, 0, 2, 2, 70}) // protocol_version
	for _, scheme := range []string{"mqtt", "ws"} {
		_, err := Dial(t.Context(), DialOptions{Broker: Broker{Scheme: scheme, Host: address}})
		if err == nil || !strings.Contains(err.Error(), "it speaks TLS there") || !strings.Contains(stream.Hint(err), scheme+"s://"+address) {
			t.Errorf("%v, hint %q", err, stream.Hint(err))
		}
	}
}

// TestCertificates holds that the error of a certificate says what is wrong with
// it, and the hint what to do.
func TestCertificates(t *testing.T) {
	b := startBroker(t)
	now := time.Now()
	names := []string{"a.example", "b.example", "c.example", "d.example", "e.example", "f.example", "g.example"}
	tests := map[string]struct {
		certificate x509.Certificate
		unknown     bool // not given as --ca
		says, hint  []string
	}{
		"CN alone": {x509.Certificate{Subject: pkix.Name{CommonName: "127.0.0.1"}}, false,
			[]string{"only in its CN (127.0.0.1)", "no subjectAltName"}, []string{"subjectAltName=IP:127.0.0.1", "--insecure"}},
		"no name": {x509.Certificate{}, false,
			[]string{"names no host"}, []string{"subjectAltName=IP:127.0.0.1"}},
		"another name": {x509.Certificate{DNSNames: []string{"broker.example"}, IPAddresses: []net.IP{net.IPv4(10, 0, 0, 1)}}, false,
			[]string{"is for broker.example, 10.0.0.1, not for 127.0.0.1"}, []string{"--server-name broker.example"}},
		"a wildcard": {x509.Certificate{DNSNames: []string{"*.example"}}, false,
			[]string{"is for *.example"}, []string{"--server-name NAME"}},
		"many names": {x509.Certificate{DNSNames: names}, false,
			[]string{"a.example, b.example, c.example, d.example, e.example and 2 more"}, []string{"--server-name a.example"}},
		"self-signed": {x509.Certificate{IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}}, true,
			[]string{"signed by itself", "authority"}, []string{"--ca FILE", "--insecure"}},
		"expired": {x509.Certificate{IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, NotAfter: now.Add(-time.Hour)}, false,
			[]string{"was valid until " + now.Add(-time.Hour).UTC().Format(time.DateTime)}, []string{"clock"}},
		"for clients": {x509.Certificate{IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}}, false,
			[]string{"is not for a server (its extended key usage lacks serverAuth)"}, []string{"hellox certs DIR makes server.crt"}},
		"an extension that is not known": {x509.Certificate{IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, ExtraExtensions: []pkix.Extension{{Id: []int{1, 2, 3, 4}, Critical: true, Value: []byte{5, 0}}}}, false,
			[]string{"cannot be checked: unhandled critical extension"}, []string{"openssl s_client -showcerts"}},
		"not yet valid": {x509.Certificate{IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, NotBefore: now.Add(time.Hour), NotAfter: now.Add(2 * time.Hour)}, false,
			[]string{"is valid from " + now.Add(time.Hour).UTC().Format(time.DateTime)}, []string{"clock"}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			pair := issue(t, test.certificate)
			broker := Broker{Scheme: "mqtts", Host: b.listenTLS(t, &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12})}
			broker.TLS = &tls.Config{RootCAs: x509.NewCertPool(), MinVersion: tls.VersionTLS12}
			if !test.unknown {
				broker.TLS.RootCAs.AddCert(pair.Leaf)
			}
			_, err := Dial(t.Context(), DialOptions{Broker: broker})
			if err == nil {
				t.Fatal("connected")
			}
			for _, want := range test.says {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("%v\ndoes not say %q", err, want)
				}
			}
			for _, want := range test.hint {
				if !strings.Contains(stream.Hint(err), want) {
					t.Errorf("the hint %q\ndoes not say %q", stream.Hint(err), want)
				}
			}
			if strings.Contains(err.Error(), "x509") {
				t.Errorf("words of a library: %v", err)
			}
		})
	}
}

// issue returns a certificate of that template, signed by itself.
func issue(t *testing.T, template x509.Certificate) tls.Certificate { return issueBy(t, template, nil) }

// issueBy returns one that is signed by another.
func issueBy(t *testing.T, template x509.Certificate, by *tls.Certificate) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template.SerialNumber = big.NewInt(1)
	template.BasicConstraintsValid, template.IsCA = true, true
	if template.NotBefore.IsZero() {
		template.NotBefore = time.Now().Add(-2 * time.Hour)
	}
	if template.NotAfter.IsZero() {
		template.NotAfter = time.Now().Add(time.Hour)
	}
	parent, signer := &template, any(key)
	if by != nil {
		parent, signer = by.Leaf, by.PrivateKey
	}
	der, err := x509.CreateCertificate(rand.Reader, &template, parent, &key.PublicKey, signer)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}
}

// TestUnansweredConnect holds that a connection without an answer says what had
// come to pass, and how long it waited in truth.
func TestUnansweredConnect(t *testing.T) {
	for at, want := range map[stage]string{
		stageTCP:       "no answer within 3s",
		stageTLS:       "connected, but no answer to the TLS handshake within 3s",
		stageWebSocket: "connected, but no answer to the request for a WebSocket within 3s",
		stageMQTT:      "connected, but no answer to CONNECT within 3s",
	} {
		err := newConnectError(Broker{Scheme: "wss", Host: "h:1"}, asking{}, &stageError{at, os.ErrDeadlineExceeded}, 2900*time.Millisecond)
		if err.Cause != want {
			t.Errorf("stage %d: %q, want %q", at, err.Cause, want)
		}
		if (err.Hint() == "") != (at == stageTCP) {
			t.Errorf("stage %d: hint %q", at, err.Hint())
		}
	}
}

// TestRefusedConnect has each code of CONNACK be told as far as it and what was asked
// for say.
func TestRefusedConnect(t *testing.T) {
	broker := Broker{Scheme: "mqtt", Host: "h:1", User: "alice"}
	shown := Broker{Scheme: "mqtts", Host: "h:1", Files: Files{Cert: "desk.crt", Key: "desk.key"}}
	for _, k := range []struct {
		err         error
		broker      Broker
		who         asking
		cause, hint string
	}{
		{packets.ErrorRefusedBadUsernameOrPassword, Broker{}, asking{}, "asks for a user name", "--user"},
		{packets.ErrorRefusedBadUsernameOrPassword, broker, asking{}, `does not know the user "alice" with this password`, "--password"},
		{packets.ErrorRefusedNotAuthorised, broker, asking{}, "does not let this user in", "--user"},
		{packets.ErrorRefusedNotAuthorised, broker, asking{willTopic: "hellox/presence/x"}, "or not with a last will on hellox/presence/x", "role USER broadcast"},
		{packets.ErrorRefusedNotAuthorised, shown, asking{}, "does not let the client certificate of desk.crt in", "must allow something to its URI"},
		{packets.ErrorRefusedNotAuthorised, shown, asking{willTopic: "hellox/presence/x"}, "desk.crt in, or not with a last will on hellox/presence/x", "role its URI broadcast"},
		{syscall.ECONNREFUSED, broker, asking{}, "nothing listens there", "start the broker there"},
		{packets.ErrorRefusedIDRejected, broker, asking{clientID: "hellox-receive"}, `the client ID "hellox-receive"`, "role receive"},
		{packets.ErrorRefusedIDRejected, broker, asking{clientID: "broadcast-1"}, `the client ID "broadcast-1"`, "role broadcast"},
		{packets.ErrorRefusedIDRejected, broker, asking{clientID: "a/b"}, `the client ID "a/b"`, "/ + # $"},
		{packets.ErrorRefusedIDRejected, broker, asking{clientID: strings.Repeat("x", 65)}, "the client ID", "this one has 65"},
		{packets.ErrorRefusedIDRejected, broker, asking{clientID: "phone"}, `the client ID "phone"`, "another user"},
		{packets.ErrorRefusedServerUnavailable, broker, asking{}, "unavailable", "--max-sessions"},
		{io.EOF, broker, asking{}, "closed before the broker answered", "--max-connections"},
	} {
		err := newConnectError(k.broker, k.who, &stageError{stageMQTT, k.err}, 0)
		if !strings.Contains(err.Cause, k.cause) || !strings.Contains(err.Hint(), k.hint) {
			t.Errorf("%v for %+v: %s\nhint: %s", k.err, k.who, err.Cause, err.Hint())
		}
	}
}

// TestLeadToComponent: a client in a pod that lacks what the manifests' component client
// brings is led to it; one that has it, or is elsewhere, is not.
func TestLeadToComponent(t *testing.T) {
	authority := x509.UnknownAuthorityError{Cert: &x509.Certificate{}}
	for _, k := range []struct {
		url  string
		err  error
		file string // of the token
		led  bool
	}{
		{"mqtt://broker:1883", syscall.ECONNREFUSED, "", true},
		{"mqtt://broker.press.svc:1883", os.ErrDeadlineExceeded, "", true},
		{"mqtt://broker:8883", speaksTLS, "", true},
		{"mqtts://broker.press.svc.cluster.local:8883", authority, "", true},
		{"mqtts://broker:8883", x509.HostnameError{Certificate: &x509.Certificate{}, Host: "broker"}, "", true},
		{"mqtts://broker.press.svc:8883", packets.ErrorRefusedBadUsernameOrPassword, "", true},
		{"mqtts://broker.press.svc:8883", packets.ErrorRefusedNotAuthorised, "", true},
		{"mqtts://broker.press.svc:8883", packets.ErrorRefusedNotAuthorised, "/hellox/token", false},
		{"mqtts://broker:8883", syscall.ECONNREFUSED, "", false}, // the broker is not there
		{"mqtt://broker.example:1883", syscall.ECONNREFUSED, "", false},
		{"mqtt://127.0.0.1:1883", syscall.ECONNREFUSED, "", false},
		{"mqtts://mine:8883", authority, "", false},
	} {
		b, err := ParseBroker(k.url)
		if err != nil {
			t.Fatal(err)
		}
		b.Files.Password = k.file
		e := newConnectError(b, asking{}, &stageError{stageMQTT, k.err}, time.Second)
		if led := strings.Contains(e.Hint(), "the component client: hellox manifests --eject DIR"); led != k.led {
			t.Errorf("%s, %v: %s\nhint: %s", k.url, k.err, e.Cause, e.Hint())
		}
	}
}
