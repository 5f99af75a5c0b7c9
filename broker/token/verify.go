package token

import (
	"crypto"
	_ "crypto/sha256" // of thumbprint
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
)

const (
	thumbprint = crypto.SHA256 // RFC 7638

	// Leeway is how far the clocks of the cluster and of the broker may differ.
	Leeway = time.Minute

	// maxToken is how many bytes a token may have. That of a pod has about
	// 1,100.
	maxToken = 8 << 10
)

// noToken is why a client is refused that shows something else, or nothing: mostly one in a
// pod that lacks what the manifests bring.
const noToken = "the password is not a token of a ServiceAccount; the component client of the manifests brings a pod one"

// Claims are what a token says, after it was verified.
type Claims struct {
	ServiceAccount string
	Pod, PodUID    string
	Issued         time.Time // from when it is valid
	Expires        time.Time
	Proof          string // of the key that signed it, and for whom
}

// An Error says in one sentence why a token is refused. It has nothing of the
// token that is secret, and may be sent to the client.
type Error struct{ reason string }

func (e *Error) Error() string { return e.reason }

func refuse(format string, args ...any) error { return &Error{fmt.Sprintf(format, args...)} }

// claims are those of Kubernetes, beside the registered ones.
type claims struct {
	Kubernetes struct {
		Namespace string `json:"namespace"`
		Pod       *struct {
			Name string `json:"name"`
			UID  string `json:"uid"`
		} `json:"pod"`
		ServiceAccount struct {
			Name string `json:"name"`
			UID  string `json:"uid"`
		} `json:"serviceaccount"`
	} `json:"kubernetes.io"`
}

// Verify returns what a token says if one of the keys has signed it, for this
// audience, for a pod of this namespace, and it is valid now. The error is an
// *Error.
func (k *Keys) Verify(token string, now time.Time) (Claims, error) {
	if len(token) > maxToken {
		return Claims{}, refuse("the token has %d bytes; at most %d", len(token), maxToken)
	}
	// Go's base64 passes over the ends of lines: a token would have many forms.
	if strings.ContainsFunc(token, isForeign) || strings.Count(token, ".") != 2 {
		return Claims{}, refuse(noToken)
	}
	// Only these two, whatever the token's header says: no "none", and no HS256
	// with a public key as the secret.
	parsed, err := jwt.ParseSigned(token, []jose.SignatureAlgorithm{jose.RS256, jose.ES256})
	if err != nil {
		if e := (*jose.ErrUnexpectedSignatureAlgorithm)(nil); errors.As(err, &e) {
			return Claims{}, refuse("the token is signed by another algorithm than RS256 and ES256")
		}
		return Claims{}, refuse(noToken)
	}
	header := parsed.Headers[0]
	key, known := k.byID[header.KeyID]
	switch {
	case header.KeyID == "":
		return Claims{}, refuse("the token does not name its key (kid)")
	case !known:
		return Claims{}, refuse("the token is signed by a key that is not the cluster's")
	case header.Algorithm != string(key.algorithm):
		return Claims{}, refuse("the token is signed by another algorithm than its key's")
	}
	var registered jwt.Claims
	var own claims
	if err := parsed.Claims(key.public, &registered, &own); err != nil {
		return Claims{}, refuse("the token's signature or form is not right")
	}
	return k.check(&registered, &own, k.proofOf(key), now)
}

// isForeign reports whether r stands in no token.
func isForeign(r rune) bool {
	const base64URL = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	return r != '.' && !strings.ContainsRune(base64URL, r)
}

// check checks the claims of a token whose signature is right.
func (k *Keys) check(registered *jwt.Claims, own *claims, proof string, now time.Time) (Claims, error) {
	if err := k.checkRegistered(registered, now); err != nil {
		return Claims{}, err
	}
	account, pod := own.Kubernetes.ServiceAccount, own.Kubernetes.Pod
	switch {
	case own.Kubernetes.Namespace != k.Namespace:
		return Claims{}, refuse("the token is that of another namespace")
	case account.Name == "" || account.UID == "" || registered.Subject != "system:serviceaccount:"+k.Namespace+":"+account.Name:
		return Claims{}, refuse("the token does not say whose ServiceAccount it is")
	case pod == nil || pod.Name == "" || pod.UID == "":
		return Claims{}, refuse("the token is not bound to a pod")
	}
	return Claims{account.Name, pod.Name, pod.UID, registered.NotBefore.Time(), registered.Expiry.Time(), proof}, nil
}

func (k *Keys) checkRegistered(c *jwt.Claims, now time.Time) error {
	if c.Expiry == nil || c.NotBefore == nil {
		return refuse("the token does not say when it is valid")
	}
	err := c.ValidateWithLeeway(jwt.Expected{Issuer: k.Issuer, AnyAudience: jwt.Audience{k.Audience}, Time: now}, Leeway)
	at := func(d *jwt.NumericDate) string { return d.Time().UTC().Format(time.DateTime) + " UTC" }
	clock := "; the clock here says " + now.UTC().Format(time.DateTime) + " UTC"
	switch {
	case err == nil:
		return nil
	case errors.Is(err, jwt.ErrInvalidIssuer):
		return refuse("the token is that of another cluster: another issuer")
	case errors.Is(err, jwt.ErrInvalidAudience):
		return refuse("the token is for another audience than %s", k.Audience)
	case errors.Is(err, jwt.ErrExpired):
		return refuse("the token was valid until %s%s", at(c.Expiry), clock)
	case errors.Is(err, jwt.ErrNotValidYet):
		return refuse("the token is valid from %s%s", at(c.NotBefore), clock)
	}
	return refuse("the token is issued in the future%s", clock)
}
