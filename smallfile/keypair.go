package smallfile

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"strings"
)

// KeyPair returns the certificate and the key of two PEM files. Its errors name the
// file that is wrong.
func KeyPair(cert, key string) (tls.Certificate, error) {
	certText, err := Read(cert)
	if err != nil {
		return tls.Certificate{}, err
	}
	keyText, err := Read(key)
	if err != nil {
		return tls.Certificate{}, err
	}
	return ParseKeyPair(cert, key, certText, keyText)
}

// ParseKeyPair is KeyPair of files that have been read.
func ParseKeyPair(cert, key string, certText, keyText []byte) (tls.Certificate, error) {
	if _, ok := findBlock(certText, "CERTIFICATE"); !ok {
		return tls.Certificate{}, fmt.Errorf("%s holds no certificate in PEM", cert)
	}
	if _, ok := findBlock(keyText, "PRIVATE KEY"); !ok {
		return tls.Certificate{}, fmt.Errorf("%s holds no private key in PEM", key)
	}
	pair, err := tls.X509KeyPair(certText, keyText)
	if err != nil {
		return pair, explainPair(cert, key, certText, keyText, err)
	}
	return pair, nil
}

// A PairError says what is wrong with a certificate and its key, which package tls has in
// words of its own.
type PairError struct {
	sentence, hint string
	err            error
}

func (e *PairError) Error() string { return e.sentence }
func (e *PairError) Unwrap() error { return e.err }

// Hint is what to try next.
func (e *PairError) Hint() string { return e.hint }

// explainPair explains err, which X509KeyPair gave of files that have a certificate and a
// key in PEM.
func explainPair(cert, key string, certText, keyText []byte, err error) *PairError {
	first, _ := findBlock(certText, "CERTIFICATE")
	private, _ := findBlock(keyText, "PRIVATE KEY")
	switch _, damaged := x509.ParseCertificate(first.Bytes); {
	case damaged != nil:
		return &PairError{cert + " has a certificate that is damaged: " + strings.TrimPrefix(damaged.Error(), "x509: "), "openssl x509 -noout -text -in " + cert + " says more", err}
	case private.Type == "ENCRYPTED PRIVATE KEY" || private.Headers["DEK-Info"] != "":
		return &PairError{key + " has a key that is encrypted with a passphrase, for which hellox does not ask", "openssl pkey -in " + key + " -out FILE decrypts it; keep FILE from others", err}
	case strings.Contains(err.Error(), "does not match"):
		return &PairError{key + " is not the key of " + cert, "give a certificate and the key that it was made with: openssl x509 -noout -pubkey -in " + cert + " and openssl pkey -pubout -in " + key + " print the same of a pair", err}
	}
	return &PairError{key + " has a key that is damaged or of no kind that TLS has here (RSA, ECDSA, Ed25519)", "openssl pkey -noout -text -in " + key + " says more", err}
}

// findBlock returns the first block of a PEM text of a kind, also of such as EC PRIVATE
// KEY for PRIVATE KEY, and reports whether there is one.
func findBlock(text []byte, kind string) (*pem.Block, bool) {
	for {
		block, rest := pem.Decode(text)
		if block == nil {
			return nil, false
		}
		if block.Type == kind || strings.HasSuffix(block.Type, " "+kind) {
			return block, true
		}
		text = rest
	}
}
