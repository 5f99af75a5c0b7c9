package mqtt

import (
	"bytes"
	"crypto/x509"
	"fmt"
	"net"
	"strings"
	"time"

	"hellox/stream/safetext"
)

// wrongName explains a certificate that is not for the host it was checked for.
func wrongName(e x509.HostnameError) (cause, hint string) {
	names := certificateNames(e.Certificate)
	if len(names) > 0 {
		name := names[0]
		if strings.HasPrefix(name, "*") {
			name = "NAME"
		}
		return fmt.Sprintf("its certificate is for %s, not for %s", listed(names), safetext.Clean(e.Host)),
			"connect by a name that it is for, or check it for that name: --server-name " + name
	}
	cause = "its certificate names no host: it has no subjectAltName"
	if cn := e.Certificate.Subject.CommonName; cn != "" {
		cause = fmt.Sprintf("its certificate names its host only in its CN (%s), which is not read; it has no subjectAltName", safetext.Clean(cn))
	}
	kind := "DNS"
	if net.ParseIP(e.Host) != nil {
		kind = "IP"
	}
	return cause, fmt.Sprintf("issue it again with subjectAltName=%s:%s, or connect without checking it: --insecure", kind, safetext.Clean(e.Host))
}

// certificateNames returns the hosts that a certificate is for.
func certificateNames(c *x509.Certificate) []string {
	var names []string
	for _, name := range c.DNSNames {
		names = append(names, safetext.Clean(name))
	}
	for _, ip := range c.IPAddresses {
		names = append(names, ip.String())
	}
	return names
}

// maxNames is how many of a certificate's names an error lists.
const maxNames = 5

// listed returns the first names, and how many there are beyond them.
func listed(names []string) string {
	if more := len(names) - maxNames; more > 0 {
		return fmt.Sprintf("%s and %d more", strings.Join(names[:maxNames], ", "), more)
	}
	return strings.Join(names, ", ")
}

// unknownAuthority explains a certificate whose issuer is not trusted.
func unknownAuthority(e x509.UnknownAuthorityError) (cause, hint string) {
	const insecure = ", or connect without checking it: --insecure"
	switch c := e.Cert; {
	case c == nil:
		return "its certificate is signed by an authority that is not known here", "give the authority's certificate with --ca FILE" + insecure
	case bytes.Equal(c.RawSubject, c.RawIssuer):
		return "its certificate is signed by itself or by an authority of its name, which is not known here",
			"give it, or the authority's, with --ca FILE" + insecure
	default:
		return fmt.Sprintf("its certificate is signed by an authority that is not known here (%s)", safetext.Clean(c.Issuer.String())),
			"give the authority's certificate with --ca FILE" + insecure
	}
}

// invalidCertificate explains a certificate that must not be used at now.
func invalidCertificate(e x509.CertificateInvalidError, now time.Time) (cause, hint string) {
	const clock = "look at this machine's clock; --insecure connects without checking the certificate"
	day := func(t time.Time) string { return t.UTC().Format(time.DateTime) + " UTC" }
	switch c := e.Cert; {
	case e.Reason == x509.Expired && c != nil && now.After(c.NotAfter):
		return "its certificate was valid until " + day(c.NotAfter), clock
	case e.Reason == x509.Expired && c != nil && now.Before(c.NotBefore):
		return "its certificate is valid from " + day(c.NotBefore), clock
	}
	return "its certificate is not valid: " + safetext.Clean(strings.TrimPrefix(e.Error(), "x509: ")), ""
}
