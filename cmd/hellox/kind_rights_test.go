package main

import (
	"bufio"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"maps"
	"math/big"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"hellox/bootstrap/kube"
	"hellox/bootstrap/portforward"
	"hellox/stream"
)

// A door is the broker's listener for pods, and what a pod of the cluster would need to
// come in. It is dialed through the API server: the broker sees what it would see of a
// pod, and the handshake is its own.
type door struct {
	client    *kube.Client
	namespace string
	ca        *x509.CertPool
	key       *rsa.PrivateKey // that the cluster signs with
	kid       string
	claims    map[string]any // of broadcast-1's own token
}

func newDoor(t *testing.T, r *kindRig) *door {
	t.Helper()
	d := &door{client: r.client(t), namespace: "hellox", ca: x509.NewCertPool()}
	d.ca.AppendCertsFromPEM([]byte(r.kubectl(t, "-n", "hellox", "get", "configmap", "broker-ca", "-o", `jsonpath={.data.ca\.crt}`)))
	text := r.onNode(t, "cat", signingKey.FindStringSubmatch(r.onNode(t, "cat", apiServer))[1]+".key")
	block, _ := pem.Decode([]byte(text))
	var err error
	if d.key, err = x509.ParsePKCS1PrivateKey(block.Bytes); err != nil {
		t.Fatal(err)
	}
	header, claims := parts(t, r.token(t, "broadcast", "broadcast-1"))
	d.kid, d.claims = header["kid"].(string), claims
	return d
}

// token is one for a pod that exists, by the API server, as the kubelet gets it.
func (r *kindRig) token(t *testing.T, account, pod string) string {
	t.Helper()
	return r.kubectl(t, "-n", "hellox", "create", "token", account, "--audience", "hellox-broker", "--bound-object-kind", "Pod", "--bound-object-name", pod)
}

func parts(t *testing.T, token string) (header, claims map[string]any) {
	t.Helper()
	p := strings.Split(token, ".")
	for i, v := range []*map[string]any{&header, &claims} {
		text, err := base64.RawURLEncoding.DecodeString(p[i])
		if err == nil {
			err = json.Unmarshal(text, v)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return header, claims
}

// forged is broadcast-1's token with changed claims, signed by that key.
func (d *door) forged(t *testing.T, algorithm jose.SignatureAlgorithm, key any, kid string, change map[string]any) string {
	t.Helper()
	claims := maps.Clone(d.claims)
	maps.Copy(claims, change)
	text, err := json.Marshal(claims)
	if err != nil {
		t.Fatal(err)
	}
	options := (&jose.SignerOptions{}).WithHeader("kid", kid)
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: algorithm, Key: key}, options)
	if err != nil {
		t.Fatal(err)
	}
	signed, err := signer.Sign(text)
	if err != nil {
		t.Fatal(err)
	}
	token, err := signed.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	return token
}

// with is that by the cluster's own key.
func (d *door) with(t *testing.T, change map[string]any) string {
	t.Helper()
	return d.forged(t, jose.RS256, d.key, d.kid, change)
}

// kubernetes are the claims of Kubernetes with one changed; nil removes it.
func (d *door) kubernetes(name string, value any) map[string]any {
	own := maps.Clone(d.claims["kubernetes.io"].(map[string]any))
	own[name] = value
	if value == nil {
		delete(own, name)
	}
	return map[string]any{"kubernetes.io": own}
}

func unsigned(t *testing.T, claims map[string]any, kid string) string {
	t.Helper()
	encode := func(v any) string {
		text, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		return base64.RawURLEncoding.EncodeToString(text)
	}
	return encode(map[string]any{"alg": "none", "kid": kid}) + "." + encode(claims) + "."
}

// An attempt is one connection to the door.
type attempt struct {
	name        string
	user, token string
	plain       bool        // without TLS
	tls         *tls.Config // nil: as a pod's
	why         string      // what it hears
}

// connect tries, and returns the connection if the broker lets it in: it counts what
// CONNACK says, because the handshake of TLS 1.3 ends before the server has judged.
func (d *door) connect(t *testing.T, a attempt) (c *rawClient, why string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	conn, err := portforward.Dial(ctx, d.client, d.namespace, "broker-0", 8883)
	if err != nil {
		t.Fatal(err)
	}
	// A connection through the API server knows no deadline.
	guard := time.AfterFunc(20*time.Second, func() { conn.Close() })
	if !a.plain {
		config := a.tls
		if config == nil {
			config = &tls.Config{MinVersion: tls.VersionTLS13}
		}
		config.RootCAs, config.ServerName = d.ca, "broker.hellox.svc"
		conn = tls.Client(conn, config)
	}
	c = &rawClient{conn: conn, r: bufio.NewReader(conn), guard: guard}
	if why = c.connect("broadcast-1-9", a.user, a.token); why != "" {
		c.close()
		return nil, why
	}
	return c, ""
}

// testKindRights comes to the broker's door as strangers come, and as broadcast-1, which
// wants what is not its own. A control stands beside each.
func testKindRights(t *testing.T, r *kindRig) {
	d := newDoor(t, r)
	good := attempt{name: "control", user: "broadcast-1", token: r.token(t, "broadcast", "broadcast-1")}
	in := 0
	all := strangersAtTheDoor(t, r, d)
	for _, a := range all {
		c, why := d.connect(t, a)
		if c != nil {
			in++
			t.Errorf("%s: let in", a.name)
			c.close()
		}
		if !strings.Contains(why, a.why) {
			t.Errorf("%s: it hears %s, and not %q", a.name, why, a.why)
		}
		t.Logf("%s: %s", a.name, why)
		if c, why = d.connect(t, good); c == nil {
			t.Fatalf("the control beside %s is not let in: %s", a.name, why)
		}
		c.close()
	}
	t.Logf("at the broker's door: %d tried, %d let in", len(all), in)
	signed := attempt{name: "signed here", user: "broadcast-1", token: d.with(t, nil)}
	if c, why := d.connect(t, signed); c == nil {
		t.Errorf("broadcast-1's claims, unchanged and signed by the cluster's key: %s", why)
	} else {
		c.close()
	}
	c, why := d.connect(t, good)
	if c == nil {
		t.Fatal(why)
	}
	defer c.close()
	c.tryRights(t)
}

// strangersAtTheDoor are those that must not be let in.
func strangersAtTheDoor(t *testing.T, r *kindRig, d *door) []attempt {
	t.Helper()
	now := time.Now().Unix()
	ec, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	foreign, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	public, err := x509.MarshalPKIXPublicKey(d.key.Public())
	if err != nil {
		t.Fatal(err)
	}
	other := map[string]any{"name": "default", "uid": "1"}
	account := d.kubernetes("serviceaccount", other)
	account["sub"] = "system:serviceaccount:hellox:default"
	namespace := d.kubernetes("namespace", "default")
	namespace["sub"] = "system:serviceaccount:default:broadcast"
	for _, a := range []map[string]any{account, namespace} {
		a["aud"] = []string{"hellox-broker"}
	}
	all := []attempt{
		{name: "an expired token", token: d.with(t, map[string]any{"exp": now - 120}), why: "the token was valid until"},
		{name: "a token that is not yet valid", token: d.with(t, map[string]any{"nbf": now + 600, "iat": now}), why: "the token is valid from"},
		{name: "another audience", token: d.with(t, map[string]any{"aud": []string{"https://kubernetes.default.svc.cluster.local"}}), why: "for another audience"},
		{name: "another issuer", token: d.with(t, map[string]any{"iss": "https://example.org"}), why: "another issuer"},
		{name: "another ServiceAccount", token: d.with(t, account), why: "the ServiceAccount default has no rights"},
		{name: "another namespace", token: d.with(t, namespace), why: "that of another namespace"},
		{name: "a token of no pod", token: d.with(t, d.kubernetes("pod", nil)), why: "not bound to a pod"},
		{name: "a token without an end", token: d.with(t, map[string]any{"exp": nil}), why: "does not say when it is valid"},
		{name: "alg none", token: unsigned(t, d.claims, d.kid), why: "another algorithm than RS256 and ES256"},
		{name: "a public key as secret", token: d.forged(t, jose.HS256, public, d.kid, nil), why: "another algorithm than RS256 and ES256"},
		{name: "a key of its own", token: d.forged(t, jose.RS256, foreign, d.kid, nil), why: "signature or form"},
		{name: "a key of its own, another algorithm", token: d.forged(t, jose.ES256, ec, d.kid, nil), why: "another algorithm than its key's"},
		{name: "a key that is not known", token: d.forged(t, jose.RS256, foreign, "other", nil), why: "not the cluster's"},
		{name: "a token for the API server", token: r.kubectl(t, "-n", "hellox", "create", "token", "broadcast", "--bound-object-kind", "Pod", "--bound-object-name", "broadcast-1"), why: "for another audience"},
		{name: "a token cut short", token: d.with(t, nil)[:200], why: "not a token of a ServiceAccount"},
		{name: "no token", token: "", why: "not a token of a ServiceAccount"},
	}
	for i := range all {
		all[i].user = "broadcast-1"
	}
	own := d.with(t, nil)
	return append(all,
		attempt{name: "no user and no token", why: "not a token of a ServiceAccount"},
		attempt{name: "another pod's name", user: "broadcast-2", token: own, why: "that of another pod"},
		attempt{name: "plain TCP", user: "broadcast-1", token: own, plain: true, why: "no CONNACK"},
		attempt{name: "TLS 1.2", user: "broadcast-1", token: own, tls: &tls.Config{MaxVersion: tls.VersionTLS12}, why: "protocol version not supported"},
		attempt{name: "a self-signed certificate", why: "not a token of a ServiceAccount", tls: &tls.Config{
			MinVersion: tls.VersionTLS13, Certificates: []tls.Certificate{selfSigned(t, ec)},
		}},
	)
}

// selfSigned is a client's certificate that claims to be broadcast-1's.
func selfSigned(t *testing.T, key crypto.Signer) tls.Certificate {
	t.Helper()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "broadcast-1"}, NotBefore: time.Now().Add(-time.Minute), NotAfter: time.Now().Add(time.Hour),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

// tryRights tries as broadcast-1-9, one of pod broadcast-1's broadcasters, what is not
// its own, and beside it what is.
func (c *rawClient) tryRights(t *testing.T) {
	t.Helper()
	const own, other = "broadcast-1-9", "broadcast-2"
	denied, allowed := 0, 0
	try := func(what, topic string, may bool, do func(string) (byte, error)) {
		t.Helper()
		code, err := do(topic)
		if err != nil {
			t.Fatalf("%s %s: %v", what, topic, err)
		}
		if got := code < 0x80; got != may {
			t.Errorf("%s %s: %#x, may it: %v", what, topic, code, may)
		}
		if may {
			allowed++
		} else {
			denied++
		}
	}
	for topic, may := range map[string]bool{
		stream.BroadcastTopic(other): false, stream.PresenceTopic(other): false, stream.AnswerTopic(other): false, stream.CommandTopic(other): false,
		stream.BroadcastTopic("broadcast-1"): false, stream.CommandTopic(own): false, stream.TopicPublish: false, "hello_world/x": false,
		stream.BroadcastTopic(own): true, stream.AnswerTopic(own): true,
	} {
		try("publish", topic, may, c.publish)
	}
	for filter, may := range map[string]bool{
		stream.TopicStream: false, stream.TopicControl: false, "#": false, "+/#": false, "$SYS/#": false, stream.CommandTopic("+"): false, stream.CommandTopic(other): false,
		stream.AnswerTopic(other): false, stream.BroadcastTopic(other): false, "$share/g/" + stream.TopicStream: false, "$share/g/" + stream.CommandTopic(other): false,
		stream.CommandTopic(own): true, stream.PresenceTopic(own): true,
	} {
		try("subscribe to", filter, may, c.subscribe)
	}
	t.Logf("as broadcast-1: %d tried that is not its own, all denied: %v; %d of its own", denied, !t.Failed(), allowed)
}

// A rawClient is an MQTT 5 client of a few packets, which shows what the broker answers
// to each.
type rawClient struct {
	conn  net.Conn
	r     *bufio.Reader
	guard *time.Timer
	id    uint16
}

func (c *rawClient) close() {
	c.guard.Stop()
	c.conn.Close()
}

func field(s string) []byte {
	return append(binary.BigEndian.AppendUint16(nil, uint16(len(s))), s...)
}

// ask sends a packet, and returns the body of the next one of the type wanted.
func (c *rawClient) ask(first byte, body []byte, wanted byte) ([]byte, error) {
	packet := binary.AppendUvarint([]byte{first}, uint64(len(body)))
	if _, err := c.conn.Write(append(packet, body...)); err != nil {
		return nil, err
	}
	for {
		kind, err := c.r.ReadByte()
		if err != nil {
			return nil, err
		}
		n, err := binary.ReadUvarint(c.r)
		if err != nil {
			return nil, err
		}
		answer := make([]byte, min(n, 1<<20))
		if _, err := io.ReadFull(c.r, answer); err != nil {
			return nil, err
		}
		if kind>>4 == wanted {
			return answer, nil
		}
		if kind>>4 == 14 { // DISCONNECT
			return nil, fmt.Errorf("disconnected: %#x", answer)
		}
	}
}

// connect returns why it was not let in, "" if it was.
func (c *rawClient) connect(id, user, password string) (why string) {
	flags := byte(0x02) // clean start
	body := append(field("MQTT"), 5, 0, 0, 60, 0)
	body = append(body, field(id)...)
	if user != "" {
		flags |= 0x80
		body = append(body, field(user)...)
	}
	if password != "" {
		flags |= 0x40
		body = append(body, field(password)...)
	}
	body[7] = flags
	answer, err := c.ask(0x10, body, 2)
	switch {
	case err != nil:
		return "no CONNACK: " + err.Error()
	case len(answer) < 3:
		return fmt.Sprintf("CONNACK of %d bytes", len(answer))
	case answer[1] != 0:
		return fmt.Sprintf("CONNACK %#x %q", answer[1], answer[3:])
	}
	return ""
}

func (c *rawClient) publish(topic string) (code byte, err error) {
	c.id++
	body := binary.BigEndian.AppendUint16(field(topic), c.id)
	answer, err := c.ask(0x32, append(body, 0, 'x'), 4)
	if err != nil || len(answer) < 3 {
		return 0, err
	}
	return answer[2], nil
}

func (c *rawClient) subscribe(filter string) (code byte, err error) {
	c.id++
	body := append(binary.BigEndian.AppendUint16(nil, c.id), 0)
	answer, err := c.ask(0x82, append(append(body, field(filter)...), 1), 9)
	if err != nil || len(answer) < 4 {
		return 0, err
	}
	return answer[len(answer)-1], nil
}
