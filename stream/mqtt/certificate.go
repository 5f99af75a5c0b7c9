package mqtt

import (
	"bytes"
	"crypto/x509"
	"fmt"
	"net"
	"slices"
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

// unknownAuthority explains a certificate whose issuer is not trusted. hasCA says that
// authorities were given. Why one that was tried is not its issuer stands in package
// x509's words alone.
func unknownAuthority(e x509.UnknownAuthorityError, hasCA bool) (cause, hint string) {
	const insecure = ", or connect without checking it: --insecure"
	c := e.Cert
	if c == nil {
		return "its certificate is signed by an authority that is not known here", "give the authority's certificate with --ca FILE" + insecure
	}
	issuer := safetext.Clean(c.Issuer.String())
	switch tried := e.Error(); {
	case strings.Contains(tried, "insecure algorithm"):
		return fmt.Sprintf("its certificate is signed by an algorithm that is no longer secure (%s)", c.SignatureAlgorithm), "issue it again, signed with SHA-256" + insecure
	case bytes.Equal(c.RawSubject, c.RawIssuer):
		return "its certificate is signed by itself or by an authority of its name, which is not known here",
			"give it, or the authority's, with --ca FILE" + insecure
	case strings.Contains(tried, "verification"):
		return fmt.Sprintf("its certificate is signed by an authority that is not known here: the one that is known by this name (%s) has another key", issuer),
			"give the authority's certificate of now with --ca FILE: one that was made anew has another key" + insecure
	}
	hint = "give the authority's certificate with --ca FILE"
	if hasCA {
		hint += "; if that is signed by the one that was given, the broker is to send it after its own (--tls-cert)"
	}
	return fmt.Sprintf("its certificate is signed by an authority that is not known here (%s)", issuer), hint + insecure
}

// invalidCertificate explains a certificate that must not be used at now.
func invalidCertificate(e x509.CertificateInvalidError, now time.Time) (cause, hint string) {
	const clock = "look at this machine's clock; --insecure connects without checking the certificate"
	whose := "its certificate"
	if e.Cert != nil && e.Cert.IsCA && len(certificateNames(e.Cert)) == 0 {
		whose = fmt.Sprintf("the certificate of its authority (%s)", safetext.Clean(e.Cert.Subject.String()))
	}
	switch c := e.Cert; {
	case e.Reason == x509.Expired && c != nil && now.After(c.NotAfter):
		return whose + " was valid until " + moment(c.NotAfter), clock
	case e.Reason == x509.Expired && c != nil && now.Before(c.NotBefore):
		return whose + " is valid from " + moment(c.NotBefore), clock
	case e.Reason == x509.IncompatibleUsage:
		return "its certificate is not for a server (its extended key usage lacks serverAuth)", "give the broker one that is (--tls-cert): hellox certs DIR makes server.crt"
	case e.Reason == x509.CANotAuthorizedForThisName:
		return "its certificate is for names that its authority may not sign for", "one of hellox certs signs for the hosts of its --host alone: for others make another folder"
	}
	return "its certificate is not valid: " + inOwnWords(e), showsChain
}

func moment(t time.Time) string { return t.UTC().Format(time.DateTime) + " UTC" }

// showsChain is what helps where a certificate is wrong in a way that is not explained.
const showsChain = "openssl s_client -showcerts -connect HOST:PORT shows what it sends; --insecure connects without checking it"

// inOwnWords returns what packages tls and x509 say, without their names.
func inOwnWords(err error) string {
	return safetext.Clean(strings.NewReplacer("x509: ", "", "tls: ", "").Replace(innermost(err).Error()))
}

// makesOne is the command that makes a certificate of a client.
const makesOne = "hellox certs DIR --client NAME"

// refusedCertificate explains an alert about the client's own certificate, by which a
// broker refuses it: it says less than what is in the certificate.
func (b Broker) refusedCertificate(said string, now time.Time) (cause, hint string) {
	cause = "it does not let the client certificate of " + safetext.Clean(b.Files.Cert) + " in"
	pair, err := b.Files.keyPair()
	if err != nil || pair.Leaf == nil {
		return cause + ": " + said, "the broker's log says why"
	}
	clock := "look at this machine's clock, which says " + moment(now)
	switch c := pair.Leaf; {
	case now.After(c.NotAfter):
		return cause + ", which was valid until " + moment(c.NotAfter), "make another, as " + makesOne + " does; or " + clock
	case now.Before(c.NotBefore):
		return cause + ", which is valid from " + moment(c.NotBefore), clock
	case len(c.ExtKeyUsage) > 0 && !slices.Contains(c.ExtKeyUsage, x509.ExtKeyUsageClientAuth) && !slices.Contains(c.ExtKeyUsage, x509.ExtKeyUsageAny):
		return cause + ", which is not for a client (its extended key usage lacks clientAuth)", makesOne + " makes one that is"
	case said == "unknown certificate authority":
		return fmt.Sprintf("%s: it does not accept the authority that signed it (%s)", cause, safetext.Clean(c.Issuer.String())),
			"a hellox broker accepts those of its --client-ca that are valid now; authorities between those and the client's belong into " + safetext.Clean(b.Files.Cert) + ", after the client's own"
	case said == "expired certificate":
		return cause + ": " + said, "by this machine's clock, which says " + moment(now) + ", it is valid: look at the broker's clock and at the authority's certificate"
	}
	return cause + ": " + said, "the broker's log says why"
}
