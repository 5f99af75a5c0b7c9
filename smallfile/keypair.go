package smallfile

import (
	"crypto/tls"
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
	switch {
	case !hasBlock(certText, "CERTIFICATE"):
		return tls.Certificate{}, fmt.Errorf("%s holds no certificate in PEM", cert)
	case !hasBlock(keyText, "PRIVATE KEY"):
		return tls.Certificate{}, fmt.Errorf("%s holds no private key in PEM", key)
	}
	pair, err := tls.X509KeyPair(certText, keyText)
	if err != nil {
		return pair, fmt.Errorf("%s and %s: %w", cert, key, err)
	}
	return pair, nil
}

// hasBlock reports whether a PEM text has a block of a kind, such as PRIVATE KEY or
// EC PRIVATE KEY.
func hasBlock(text []byte, kind string) bool {
	for {
		block, rest := pem.Decode(text)
		if block == nil {
			return false
		}
		if block.Type == kind || strings.HasSuffix(block.Type, " "+kind) {
			return true
		}
		text = rest
	}
}
