package tokentest

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"maps"
	"testing"
	"time"
)

// What the tokens and files of Cluster name.
const (
	Issuer    = "https://kubernetes.default.svc.cluster.local"
	Audience  = "hellox-broker"
	Namespace = "hellox"
)

// A Cluster signs tokens.
type Cluster struct {
	t    testing.TB
	keys map[string]crypto.Signer
}

// New returns a Cluster with a key for ES256, "ec".
func New(t testing.TB) *Cluster {
	c := &Cluster{t, map[string]crypto.Signer{}}
	c.AddEC("ec")
	return c
}

// AddEC makes a key for ES256.
func (c *Cluster) AddEC(kid string) {
	c.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		c.t.Fatal(err)
	}
	c.keys[kid] = key
}

// AddRSA makes a key for RS256.
func (c *Cluster) AddRSA(kid string, bits int) {
	c.t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, bits)
	if err != nil {
		c.t.Fatal(err)
	}
	c.keys[kid] = key
}

// Public returns a public key.
func (c *Cluster) Public(kid string) crypto.PublicKey { return c.keys[kid].Public() }

// JWK returns a public key as a JSON Web Key.
func (c *Cluster) JWK(kid string) map[string]any {
	c.t.Helper()
	jwk := map[string]any{"kid": kid, "use": "sig"}
	switch key := c.Public(kid).(type) {
	case *ecdsa.PublicKey:
		point, err := key.Bytes()
		if err != nil {
			c.t.Fatal(err)
		}
		half := (len(point) - 1) / 2
		jwk["kty"], jwk["crv"], jwk["alg"] = "EC", key.Curve.Params().Name, "ES256"
		jwk["x"], jwk["y"] = encode(point[1:1+half]), encode(point[1+half:])
	case *rsa.PublicKey:
		jwk["kty"], jwk["alg"] = "RSA", "RS256"
		jwk["n"], jwk["e"] = encode(key.N.Bytes()), "AQAB"
	}
	return jwk
}

// File returns a keys' file with these keys.
func (c *Cluster) File(kids ...string) []byte {
	c.t.Helper()
	keys := []any{}
	for _, kid := range kids {
		keys = append(keys, c.JWK(kid))
	}
	text, err := json.Marshal(map[string]any{"issuer": Issuer, "audience": Audience, "namespace": Namespace, "keys": keys})
	if err != nil {
		c.t.Fatal(err)
	}
	return text
}

// Claims returns what a token of a pod says, valid for ten minutes from now on, as
// the kubelet asks for it.
func Claims(account, pod string, now time.Time) map[string]any {
	return map[string]any{
		"iss": Issuer, "aud": []string{Audience}, "sub": "system:serviceaccount:" + Namespace + ":" + account,
		"iat": now.Unix(), "nbf": now.Unix(), "exp": now.Add(10 * time.Minute).Unix(), "jti": rand.Text(),
		"kubernetes.io": map[string]any{
			"namespace":      Namespace,
			"node":           map[string]any{"name": "node-0", "uid": "6f1d"},
			"pod":            map[string]any{"name": pod, "uid": "uid of " + pod},
			"serviceaccount": map[string]any{"name": account, "uid": "uid of " + account},
		},
	}
}

// With returns claims with some of them set, or removed where the value is nil.
func With(claims map[string]any, changes map[string]any) map[string]any {
	claims = maps.Clone(claims)
	for name, value := range changes {
		claims[name] = value
		if value == nil {
			delete(claims, name)
		}
	}
	return claims
}

// WithPod returns claims for a pod of that name and uid.
func WithPod(claims map[string]any, name, uid string) map[string]any {
	own, _ := claims["kubernetes.io"].(map[string]any)
	return With(claims, map[string]any{"kubernetes.io": With(own, map[string]any{"pod": map[string]any{"name": name, "uid": uid}})})
}

// Token returns the token of a pod.
func (c *Cluster) Token(kid, account, pod string, now time.Time) string {
	c.t.Helper()
	return c.Sign(kid, Claims(account, pod, now))
}

// Sign returns claims, signed by a key as its kind asks for.
func (c *Cluster) Sign(kid string, claims map[string]any) string {
	c.t.Helper()
	header := map[string]any{"alg": "ES256", "kid": kid}
	if _, ok := c.keys[kid].(*rsa.PrivateKey); ok {
		header["alg"] = "RS256"
	}
	return c.SignAs(kid, header, claims)
}

// SignAs is Sign with a header that need not be right.
func (c *Cluster) SignAs(kid string, header, claims map[string]any) string {
	c.t.Helper()
	return c.join(header, claims, func(text []byte) []byte {
		sum := sha256.Sum256(text)
		if key, ok := c.keys[kid].(*ecdsa.PrivateKey); ok {
			r, s, err := ecdsa.Sign(rand.Reader, key, sum[:])
			if err != nil {
				c.t.Fatal(err)
			}
			signature := make([]byte, 64) // RFC 7518, 3.4
			r.FillBytes(signature[:32])
			s.FillBytes(signature[32:])
			return signature
		}
		signature, err := c.keys[kid].Sign(rand.Reader, sum[:], crypto.SHA256)
		if err != nil {
			c.t.Fatal(err)
		}
		return signature
	})
}

// HMAC returns claims, signed by HS256 with a secret.
func (c *Cluster) HMAC(kid string, secret []byte, claims map[string]any) string {
	c.t.Helper()
	return c.join(map[string]any{"alg": "HS256", "kid": kid}, claims, func(text []byte) []byte {
		mac := hmac.New(sha256.New, secret)
		mac.Write(text)
		return mac.Sum(nil)
	})
}

// Unsigned returns claims with the algorithm none.
func (c *Cluster) Unsigned(kid string, claims map[string]any) string {
	c.t.Helper()
	return c.join(map[string]any{"alg": "none", "kid": kid}, claims, func([]byte) []byte { return nil })
}

func (c *Cluster) join(header, claims map[string]any, sign func([]byte) []byte) string {
	c.t.Helper()
	var text []byte
	for _, part := range []map[string]any{header, claims} {
		b, err := json.Marshal(part)
		if err != nil {
			c.t.Fatal(err)
		}
		if text != nil {
			text = append(text, '.')
		}
		text = append(text, encode(b)...)
	}
	return string(text) + "." + encode(sign(text))
}

func encode(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }
