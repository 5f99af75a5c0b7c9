package token

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/go-jose/go-jose/v4"
)

// Keys are what a keys' file says: the public keys of a cluster, and for whom it
// signs.
type Keys struct {
	Issuer    string // the iss of its tokens
	Audience  string // one of their aud
	Namespace string // of the pods that may connect

	byID map[string]key
	hash string // of the file, SHA-256 in hex
}

// A key verifies tokens by one algorithm.
type key struct {
	algorithm jose.SignatureAlgorithm
	public    any
	proof     string // the thumbprint: another key with the same ID has another
}

const (
	maxKeys      = 64
	minRSABits   = 2048
	maxRSABits   = 8192 // a larger one takes longer than a client is worth
	maxNameBytes = 512
)

// ParseKeys reads the text of a keys' file. Keys for other algorithms than RS256
// and ES256 are passed over; a file without any other is an error, and so is one
// with a secret key. Its errors are one sentence and never have the text.
func ParseKeys(text []byte) (*Keys, error) {
	var file struct {
		Issuer    string            `json:"issuer"`
		Audience  string            `json:"audience"`
		Namespace string            `json:"namespace"`
		Keys      []json.RawMessage `json:"keys"`
	}
	if err := json.Unmarshal(text, &file); err != nil {
		return nil, errors.New("it is not JSON with issuer, audience, namespace and keys, or is cut short")
	}
	for name, value := range map[string]string{"issuer": file.Issuer, "audience": file.Audience, "namespace": file.Namespace} {
		switch {
		case value == "":
			return nil, fmt.Errorf("it has no %s", name)
		case len(value) > maxNameBytes:
			return nil, fmt.Errorf("its %s has %d bytes; at most %d", name, len(value), maxNameBytes)
		}
	}
	if len(file.Keys) > maxKeys {
		return nil, fmt.Errorf("it has %d keys; at most %d", len(file.Keys), maxKeys)
	}
	sum := sha256.Sum256(text)
	k := &Keys{file.Issuer, file.Audience, file.Namespace, map[string]key{}, hex.EncodeToString(sum[:])}
	for i, raw := range file.Keys {
		if err := k.add(raw); err != nil {
			return nil, fmt.Errorf("key %d: %w", i+1, err)
		}
	}
	if len(k.byID) == 0 {
		return nil, errors.New("it has no key for RS256 or ES256")
	}
	return k, nil
}

// add adds a key of the file, unless it is for something else.
func (k *Keys) add(raw []byte) error {
	var kind struct {
		Type string          `json:"kty"`
		D    json.RawMessage `json:"d"`
		K    json.RawMessage `json:"k"`
	}
	if err := json.Unmarshal(raw, &kind); err != nil {
		return errors.New("it is not an object")
	}
	switch {
	case kind.Type == "oct" || kind.D != nil || kind.K != nil:
		return errors.New("it is a secret; only public keys belong here")
	case kind.Type != "RSA" && kind.Type != "EC":
		return nil
	}
	var jwk jose.JSONWebKey
	if err := jwk.UnmarshalJSON(raw); err != nil || !jwk.Valid() {
		return errors.New("it is no valid JSON Web Key")
	}
	algorithm, err := algorithmOf(jwk.Key)
	switch {
	case err != nil:
		return err
	case algorithm == "" || jwk.Use != "" && jwk.Use != "sig" || jwk.Algorithm != "" && jwk.Algorithm != string(algorithm):
		return nil
	case jwk.KeyID == "":
		return errors.New("it has no kid")
	case k.byID[jwk.KeyID].public != nil:
		return errors.New("its kid stands in the file twice")
	}
	sum, err := jwk.Thumbprint(thumbprint)
	if err != nil {
		return errors.New("it is no valid JSON Web Key")
	}
	k.byID[jwk.KeyID] = key{algorithm, jwk.Key, jwk.KeyID + " " + string(sum)}
	return nil
}

// algorithmOf returns the one algorithm that a public key is for, or "" for a key
// that is for none of ours.
func algorithmOf(public any) (jose.SignatureAlgorithm, error) {
	switch public := public.(type) {
	case *rsa.PublicKey:
		if bits := public.N.BitLen(); bits < minRSABits || bits > maxRSABits {
			return "", fmt.Errorf("it has %d bits; %d to %d are accepted", bits, minRSABits, maxRSABits)
		}
		return jose.RS256, nil
	case *ecdsa.PublicKey:
		if public.Curve == elliptic.P256() {
			return jose.ES256, nil
		}
	}
	return "", nil
}

// proofOf returns what a token shows that was verified by key.
func (k *Keys) proofOf(key key) string {
	return key.proof + " " + fmt.Sprintf("%q %q", k.Issuer, k.Audience)
}

// gone returns why a token with this proof would be refused now, or "".
func (k *Keys) gone(proof string) string {
	reason := "the broker does not have the key any more that signed the pod's token"
	for _, key := range k.byID {
		if k.proofOf(key) == proof {
			return ""
		}
		if strings.HasPrefix(proof, key.proof+" ") {
			reason = "the broker's keys are for another issuer or audience now than the pod's token"
		}
	}
	return reason
}
