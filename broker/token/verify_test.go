package token

import (
	"bytes"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"strings"
	"testing"
	"time"

	"hellox/broker/token/tokentest"
)

var now = time.Date(2026, 11, 29, 12, 0, 0, 0, time.UTC)

func parse(t testing.TB, text []byte) *Keys {
	t.Helper()
	k, err := ParseKeys(text)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func kubernetes(t *testing.T, claims map[string]any, name string, value any) map[string]any {
	t.Helper()
	own, ok := claims["kubernetes.io"].(map[string]any)
	if !ok {
		t.Fatal("no claims of Kubernetes")
	}
	return tokentest.With(claims, map[string]any{"kubernetes.io": tokentest.With(own, map[string]any{name: value})})
}

// TestVerify has the right tokens, and beside them each that must be refused.
func TestVerify(t *testing.T) {
	c := tokentest.New(t)
	c.AddRSA("rsa", 2048)
	c.AddEC("old")
	c.AddEC("foreign")
	k := parse(t, c.File("ec", "rsa", "old"))
	good := tokentest.Claims("broadcast", "broadcast-1", now)
	with := func(name string, value any) string {
		return c.Sign("ec", tokentest.With(good, map[string]any{name: value}))
	}
	der, err := x509.MarshalPKIXPublicKey(c.Public("rsa"))
	if err != nil {
		t.Fatal(err)
	}
	asPEM := pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
	header := func(h map[string]any) string { return c.SignAs("ec", h, good) }
	signature := func(size int) string {
		text, _, _ := cutLast(c.Sign("ec", good))
		return text + "." + strings.Repeat("A", size)
	}
	swapped, _, _ := cutLast(c.Sign("ec", good))
	_, other, _ := cutLast(with("jti", "other"))
	for name, k2 := range map[string]struct{ token, want string }{
		"ES256":                          {c.Sign("ec", good), ""},
		"RS256":                          {c.Sign("rsa", good), ""},
		"the second key for ES256":       {c.Sign("old", good), ""},
		"one of two audiences":           {with("aud", []string{"other", "hellox-broker"}), ""},
		"expired for less than a minute": {with("exp", now.Add(-59*time.Second).Unix()), ""},
		"valid in less than a minute":    {with("nbf", now.Add(59*time.Second).Unix()), ""},

		"empty":                      {"", "not a token"},
		"a password":                 {"swordfish", "not a token"},
		"none":                       {c.Unsigned("ec", good), "another algorithm than RS256 and ES256"},
		"none without a kid":         {c.Unsigned("", good), "another algorithm than RS256 and ES256"},
		"HS256 with the PEM":         {c.HMAC("rsa", asPEM, good), "another algorithm than RS256 and ES256"},
		"HS256 with the DER":         {c.HMAC("rsa", der, good), "another algorithm than RS256 and ES256"},
		"ES256 of the key for RS256": {c.SignAs("ec", map[string]any{"alg": "ES256", "kid": "rsa"}, good), "another algorithm than its key's"},
		"RS256 of the key for ES256": {c.SignAs("rsa", map[string]any{"alg": "RS256", "kid": "ec"}, good), "another algorithm than its key's"},
		"PS256":                      {header(map[string]any{"alg": "PS256", "kid": "ec"}), "another algorithm than RS256 and ES256"},
		"without a kid":              {header(map[string]any{"alg": "ES256"}), "does not name its key"},
		"an unknown kid":             {c.Sign("foreign", good), "a key that is not the cluster's"},
		"another key's kid":          {c.SignAs("foreign", map[string]any{"alg": "ES256", "kid": "ec"}, good), "signature or form"},
		"its own key in the header":  {c.SignAs("foreign", map[string]any{"alg": "ES256", "kid": "ec", "jwk": c.JWK("foreign")}, good), "signature or form"},
		"a critical header":          {header(map[string]any{"alg": "ES256", "kid": "ec", "crit": []string{"x"}, "x": 1}), "signature or form"},
		"another token's signature":  {swapped + "." + other, "signature or form"},
		"a signature of 0 bytes":     {signature(0), "signature or form"},
		"a signature of 63 bytes":    {signature(84), "signature or form"},
		"a signature of 64 zeros":    {signature(86), "signature or form"},
		"a signature of 66 bytes":    {signature(88), "signature or form"},
		"one with the end of a line": {c.Sign("ec", good) + "\n", "not a token"},
		"one cut by a line":          {swapped[:100] + "\r\n" + swapped[100:] + "." + other, "not a token"},
		"a huge one":                 {strings.Repeat("A", 60_000), "has 60000 bytes; at most 8192"},

		"another issuer":            {with("iss", "https://other"), "another issuer"},
		"no issuer":                 {with("iss", nil), "another issuer"},
		"another audience":          {with("aud", []string{"https://kubernetes.default.svc"}), "another audience than hellox-broker"},
		"no audience":               {with("aud", nil), "another audience than hellox-broker"},
		"expired":                   {with("exp", now.Add(-61*time.Second).Unix()), "was valid until 2026-11-29 11:58:59 UTC; the clock here says 2026-11-29 12:00:00 UTC"},
		"without an end":            {with("exp", nil), "does not say when it is valid"},
		"not valid yet":             {with("nbf", now.Add(61*time.Second).Unix()), "is valid from 2026-11-29 12:01:01 UTC"},
		"without a beginning":       {with("nbf", nil), "does not say when it is valid"},
		"issued in the future":      {with("iat", now.Add(time.Hour).Unix()), "issued in the future"},
		"times that are no numbers": {with("exp", "tomorrow"), "signature or form"},

		"another namespace":               {c.Sign("ec", kubernetes(t, good, "namespace", "other")), "another namespace"},
		"another namespace's subject":     {with("sub", "system:serviceaccount:other:broadcast"), "whose ServiceAccount"},
		"another ServiceAccount's claims": {with("sub", "system:serviceaccount:hellox:receive"), "whose ServiceAccount"},
		"a user's":                        {with("sub", "admin"), "whose ServiceAccount"},
		"a ServiceAccount without a uid":  {c.Sign("ec", kubernetes(t, good, "serviceaccount", map[string]any{"name": "broadcast"})), "whose ServiceAccount"},
		"no pod":                          {c.Sign("ec", kubernetes(t, good, "pod", nil)), "not bound to a pod"},
		"a pod without a uid":             {c.Sign("ec", kubernetes(t, good, "pod", map[string]any{"name": "broadcast-1"})), "not bound to a pod"},
		"a pod without a name":            {c.Sign("ec", kubernetes(t, good, "pod", map[string]any{"uid": "1"})), "not bound to a pod"},
		"nothing of Kubernetes":           {with("kubernetes.io", nil), "another namespace"},
	} {
		claims, err := k.Verify(k2.token, now)
		switch {
		case k2.want == "" && err != nil:
			t.Errorf("%s is refused: %v", name, err)
		case k2.want == "" && (claims.Pod != "broadcast-1" || claims.ServiceAccount != "broadcast" || claims.PodUID == "" || k.gone(claims.Proof) != ""):
			t.Errorf("%s says %+v", name, claims)
		case k2.want != "" && (err == nil || !strings.Contains(err.Error(), k2.want)):
			t.Errorf("%s: %v, want %q", name, err, k2.want)
		}
	}
}

// cutLast cuts a token before its signature.
func cutLast(token string) (text, signature string, ok bool) {
	i := strings.LastIndexByte(token, '.')
	return token[:i], token[i+1:], i > 0
}

// TestKeysChange has a key go while another stays, and its ID be given to another
// key.
func TestKeysChange(t *testing.T) {
	c := tokentest.New(t)
	c.AddEC("next")
	both := parse(t, c.File("ec", "next"))
	claims, err := both.Verify(c.Token("ec", "broadcast", "broadcast-1", now), now)
	if err != nil {
		t.Fatal(err)
	}
	if parse(t, c.File("ec")).gone(claims.Proof) != "" {
		t.Error("the key that stayed is gone")
	}
	if parse(t, c.File("next")).gone(claims.Proof) == "" {
		t.Error("the key that is gone is still known")
	}
	c.AddEC("ec")
	if parse(t, c.File("ec", "next")).gone(claims.Proof) == "" {
		t.Error("another key with the same ID is taken for it")
	}
}

func TestParseKeys(t *testing.T) {
	c := tokentest.New(t)
	c.AddRSA("small", 1024)
	file := func(change func(map[string]any)) []byte {
		var f map[string]any
		if err := json.Unmarshal(c.File("ec"), &f); err != nil {
			t.Fatal(err)
		}
		change(f)
		text, err := json.Marshal(f)
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	set := func(name string, value any) []byte { return file(func(f map[string]any) { f[name] = value }) }
	withKey := func(jwk map[string]any) []byte {
		return file(func(f map[string]any) { f["keys"] = append(f["keys"].([]any), jwk) }) //nolint:forcetypeassert // as File writes it
	}
	whole := c.File("ec")
	for name, k := range map[string]struct {
		text []byte
		want string
	}{
		"whole":                      {whole, ""},
		"with a key for other uses":  {withKey(tokentest.With(c.JWK("ec"), map[string]any{"kid": "2", "use": "enc"})), ""},
		"with a key of another kind": {withKey(map[string]any{"kty": "OKP", "crv": "Ed25519", "kid": "2", "x": "AAAA"}), ""},
		"empty":                      {nil, "not JSON"},
		"cut short":                  {whole[:len(whole)-1], "not JSON"},
		"two of them":                {bytes.Repeat(whole, 2), "not JSON"},
		"no issuer":                  {set("issuer", ""), "has no issuer"},
		"no audience":                {set("audience", nil), "has no audience"},
		"no namespace":               {set("namespace", ""), "has no namespace"},
		"a long issuer":              {set("issuer", strings.Repeat("x", 1000)), "its issuer has 1000 bytes"},
		"no keys":                    {set("keys", []any{}), "no key for RS256 or ES256"},
		"keys of other kinds alone":  {set("keys", []any{map[string]any{"kty": "OKP", "crv": "Ed25519", "kid": "2", "x": "AAAA"}}), "no key for RS256 or ES256"},
		"too many keys":              {set("keys", make([]any, 65)), "has 65 keys"},
		"a key that is a number":     {set("keys", []any{1}), "key 1: it is not an object"},
		"a secret":                   {withKey(map[string]any{"kty": "oct", "kid": "2", "k": "swordfish"}), "key 2: it is a secret"},
		"a private key":              {withKey(tokentest.With(c.JWK("ec"), map[string]any{"kid": "2", "d": "swordfish"})), "key 2: it is a secret"},
		"a key without a kid":        {withKey(tokentest.With(c.JWK("ec"), map[string]any{"kid": ""})), "key 2: it has no kid"},
		"a kid twice":                {withKey(c.JWK("ec")), "key 2: its kid stands in the file twice"},
		"a small key":                {withKey(c.JWK("small")), "key 2: it has 1024 bits"},
		"a point off the curve":      {withKey(tokentest.With(c.JWK("ec"), map[string]any{"kid": "2", "y": c.JWK("ec")["x"]})), "key 2: it is no valid"},
	} {
		_, err := ParseKeys(k.text)
		switch {
		case k.want == "" && err != nil:
			t.Errorf("%s: %v", name, err)
		case k.want != "" && (err == nil || !strings.Contains(err.Error(), k.want)):
			t.Errorf("%s: %v, want %q", name, err, k.want)
		case err != nil && strings.Contains(err.Error(), "swordfish"):
			t.Errorf("%s: the error has the secret: %v", name, err)
		}
	}
}

// FuzzVerify lets in no token but those that were signed: it changes one, or makes
// its own.
func FuzzVerify(f *testing.F) {
	c := tokentest.New(f)
	k := parse(f, c.File("ec"))
	good := c.Token("ec", "broadcast", "broadcast-1", now)
	f.Add("", 0)
	f.Add(good, 0)
	f.Add("", len(good)-1)
	f.Add(c.Unsigned("ec", tokentest.Claims("receive", "receive-0", now)), 0)
	text, _, _ := cutLast(good)
	f.Fuzz(func(t *testing.T, insert string, at int) {
		token := insert
		if at > 0 && at < len(good) {
			token = good[:at] + insert + good[at:]
		}
		claims, err := k.Verify(token, now)
		if err == nil && !strings.HasPrefix(token, text+".") {
			t.Errorf("%q is let in as %+v", token, claims)
		}
	})
}

// FuzzParseKeys reads any file without a panic, and takes none without a key.
func FuzzParseKeys(f *testing.F) {
	f.Add(tokentest.New(f).File("ec"))
	f.Add([]byte(`{"issuer":"i","audience":"a","namespace":"n","keys":[{"kty":"RSA","kid":"1","n":"AQAB","e":"AQAB"}]}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		if k, err := ParseKeys(text); err == nil && (len(k.byID) == 0 || k.Issuer == "" || k.Audience == "" || k.Namespace == "") {
			t.Errorf("%q is taken: %+v", text, k)
		}
	})
}
