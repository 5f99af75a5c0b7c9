package clienturi

import (
	"crypto/x509"
	"encoding/asn1"
	"errors"
	"fmt"
	"net/url"
	"strings"
)

// maxBytes is how long a URI may be.
const maxBytes = 255

// Check returns why uri does not identify a client, or nil.
func Check(uri string) error {
	switch {
	case len(uri) > maxBytes:
		return fmt.Errorf("the URI has %d bytes; at most %d", len(uri), maxBytes)
	case strings.ContainsFunc(uri, func(r rune) bool { return r <= ' ' || r > '~' }):
		return errors.New("the URI has spaces, control characters or others that are not of ASCII")
	}
	u, err := url.Parse(uri)
	switch {
	case err != nil || u.Scheme == "":
		return fmt.Errorf("%q is no URI with a scheme, such as hellox://local/client/NAME", uri)
	case u.Scheme == "pod":
		return errors.New("the scheme pod is that of the pods of Kubernetes")
	}
	return nil
}

// Normalize returns uri with its scheme and its host in small letters: in those two alone
// small and capital letters are the same (RFC 3986, 6.2.2.1). All else of a URI is
// compared as it is.
func Normalize(uri string) string {
	scheme, rest, ok := strings.Cut(uri, ":")
	if !ok {
		return uri
	}
	scheme = strings.ToLower(scheme)
	authority, isHierarchical := strings.CutPrefix(rest, "//")
	if !isHierarchical {
		return scheme + ":" + rest
	}
	path := ""
	if i := strings.IndexAny(authority, "/?#"); i >= 0 {
		authority, path = authority[:i], authority[i:]
	}
	host := strings.LastIndexByte(authority, '@') + 1 // a user's name is compared as it is
	return scheme + "://" + authority[:host] + strings.ToLower(authority[host:]) + path
}

// Of returns the one URI of a certificate, normalized and otherwise as it stands there:
// package x509 gives it parsed, and so in parts differently. The error says what a
// certificate has that does not identify a client, and begins with a verb.
func Of(c *x509.Certificate) (string, error) {
	const uniformResourceIdentifier = 6 // RFC 5280, 4.2.1.6
	subjectAltName := asn1.ObjectIdentifier{2, 5, 29, 17}
	var uris []string
	for _, extension := range c.Extensions {
		if !extension.Id.Equal(subjectAltName) {
			continue
		}
		var names []asn1.RawValue
		if rest, err := asn1.Unmarshal(extension.Value, &names); err != nil || len(rest) > 0 {
			return "", errors.New("has subject alternative names that cannot be read")
		}
		for _, name := range names {
			if name.Class == asn1.ClassContextSpecific && name.Tag == uniformResourceIdentifier {
				uris = append(uris, string(name.Bytes))
			}
		}
	}
	switch len(uris) {
	case 0:
		return "", errors.New("has no URI (subject alternative name) that says who the client is")
	case 1:
		if err := Check(uris[0]); err != nil {
			return "", fmt.Errorf("has a URI that does not say who the client is: %w", err)
		}
		return Normalize(uris[0]), nil
	}
	return "", fmt.Errorf("has %d URIs (subject alternative names); one says who the client is", len(uris))
}
