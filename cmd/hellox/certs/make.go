package certs

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"math/big"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"hellox/smallfile"
)

// Options say what Make makes.
type Options struct {
	Dir     string
	Hosts   []string // names and addresses of the broker
	AnyHost bool     // a server.crt that is there may be for other hosts
	Clients []string // names of clients
	Peer    bool     // peer.crt, too: of a node of several
	Now     time.Time
}

const (
	lifetime  = 365 * 24 * time.Hour
	backdated = 5 * time.Minute // clocks differ
)

// A pair is a certificate with its key, in two files.
type pair struct{ name string }

func (p pair) files(dir string) (certificate, key string) {
	return filepath.Join(dir, p.name+".crt"), filepath.Join(dir, p.name+".key")
}

// An Unusable is the error of files that are there and not what they should be.
type Unusable struct {
	// Files are those to delete, so that Make makes them anew. There are none if the
	// authority cannot sign what is missing: without it all that it has signed is of
	// no use, so that another folder is needed.
	Files []string
	text  string
}

func (u *Unusable) Error() string { return u.text }

func unusable(files []string, format string, a ...any) error {
	return &Unusable{files, fmt.Sprintf(format, a...)}
}

// Make makes the authority and what it signs, and returns the paths of the files
// that it made. It overwrites none: what is there already stays if it is what was
// asked for, and an authority that is there signs what is missing. Files that are
// broken or for something else are an *Unusable, before anything is made.
func Make(o Options) (made []string, err error) {
	if err := os.MkdirAll(o.Dir, 0o700); err != nil {
		return nil, err
	}
	authority, err := o.there(pair{"ca"})
	if broken := new(Unusable); errors.As(err, &broken) {
		broken.Files = nil
	}
	if err != nil {
		return nil, err
	}
	pairs := o.pairs()
	if authority != nil {
		if err := o.permits(authority.Leaf); err != nil {
			return nil, err
		}
	}
	missing := pairs[:0:0]
	for _, p := range pairs {
		is, err := o.check(p, authority)
		if err != nil {
			return nil, err
		}
		if !is {
			missing = append(missing, p)
		}
	}
	if authority == nil {
		if authority, err = o.makeAuthority(&made); err != nil {
			return made, err
		}
	}
	for _, p := range missing {
		if err := o.sign(&made, p.pair, p.template, authority); err != nil {
			return made, err
		}
	}
	return made, nil
}

// A signed is a pair that the authority signs.
type signed struct {
	pair
	template *x509.Certificate
}

// pairs returns what the authority is to sign.
func (o Options) pairs() []signed {
	server := &x509.Certificate{Subject: pkix.Name{CommonName: "hellox broker"}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}}
	server.DNSNames, server.IPAddresses = o.hosts()
	all := []signed{{pair{"server"}, server}}
	if o.Peer {
		peer := *server
		peer.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}
		all = append(all, signed{pair{"peer"}, &peer})
	}
	for _, name := range o.Clients {
		// One URI and no other name: it is compared whole.
		all = append(all, signed{pair{name}, &x509.Certificate{
			Subject: pkix.Name{CommonName: commonName(name)}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
			URIs: []*url.URL{{Scheme: "hellox", Host: uriHost, Path: "/client/" + name}},
		}})
	}
	return all
}

// uriHost is the host of clients' URIs.
const uriHost = "local"

// commonName returns the common name of a client: its name, so that brokers can take
// it for a user's, cut to the 64 characters that one may have (RFC 5280, appendix A.1).
// What could be a name of DNS is made none, for OpenSSL compares that with what the
// authority may sign for. Nothing is decided by it here.
func commonName(name string) string {
	if strings.Contains(name, ".") {
		name = "client " + name
	}
	return name[:min(len(name), 64)]
}

// hosts returns the names and the addresses of the broker.
func (o Options) hosts() (names []string, addresses []net.IP) {
	for _, host := range o.Hosts {
		if ip := net.ParseIP(host); ip != nil {
			addresses = append(addresses, ip)
		} else {
			names = append(names, host)
		}
	}
	return names, addresses
}

// noDomain is a domain that no certificate can be for (RFC 2606).
const noDomain = "none.invalid"

// constrain has an authority sign for the hosts of the broker and for clients alone:
// whoever gets hold of its key can pass for nothing else, also where its certificate
// was put among the system's.
func (o Options) constrain(authority *x509.Certificate) {
	names, addresses := o.hosts()
	authority.PermittedDNSDomainsCritical = true
	authority.PermittedURIDomains = []string{uriHost}
	authority.PermittedEmailAddresses = []string{noDomain}
	authority.PermittedDNSDomains = []string{noDomain}
	if len(names) > 0 {
		authority.PermittedDNSDomains = nil
	}
	for _, name := range names {
		name, _ = strings.CutPrefix(name, "*.")
		authority.PermittedDNSDomains = append(authority.PermittedDNSDomains, name)
	}
	whole := func(ip net.IP) *net.IPNet { return &net.IPNet{IP: ip, Mask: net.CIDRMask(8*len(ip), 8*len(ip))} }
	for _, ip := range addresses {
		if four := ip.To4(); four != nil {
			ip = four
		}
		authority.PermittedIPRanges = append(authority.PermittedIPRanges, whole(ip))
	}
	if len(addresses) == 0 {
		authority.PermittedIPRanges = []*net.IPNet{whole(net.IPv4zero.To4()), whole(net.IPv6zero)}
	}
}

// permits returns why an authority that is there cannot sign for the hosts that were
// asked for, or nil.
func (o Options) permits(authority *x509.Certificate) error {
	if o.AnyHost || len(authority.PermittedDNSDomains)+len(authority.PermittedIPRanges) == 0 {
		return nil // one of before signs for any
	}
	var lacks []string
	names, addresses := o.hosts()
	for _, name := range names {
		bare, _ := strings.CutPrefix(strings.ToLower(name), "*.")
		if !slices.ContainsFunc(authority.PermittedDNSDomains, func(domain string) bool {
			domain = strings.ToLower(domain)
			return bare == domain || strings.HasSuffix(bare, "."+domain)
		}) {
			lacks = append(lacks, name)
		}
	}
	for _, ip := range addresses {
		if !slices.ContainsFunc(authority.PermittedIPRanges, func(n *net.IPNet) bool { return n.Contains(ip) }) {
			lacks = append(lacks, ip.String())
		}
	}
	if len(lacks) == 0 {
		return nil
	}
	certificate, _ := pair{"ca"}.files(o.Dir)
	return unusable(nil, "the authority %s may not sign for %s: it was made for other hosts", certificate, strings.Join(lacks, ", "))
}

// there returns the pair that is in the folder, or nil if neither of its files is.
func (o Options) there(p pair) (*tls.Certificate, error) {
	certificate, key := p.files(o.Dir)
	_, err := os.Lstat(certificate)
	_, errKey := os.Lstat(key)
	switch {
	case errors.Is(err, fs.ErrNotExist) && errors.Is(errKey, fs.ErrNotExist):
		return nil, nil //nolint:nilnil // there is none
	case errors.Is(err, fs.ErrNotExist):
		return nil, unusable([]string{key}, "of %s and %s one is there and one is not", certificate, key)
	case errors.Is(errKey, fs.ErrNotExist):
		return nil, unusable([]string{certificate}, "of %s and %s one is there and one is not", certificate, key)
	case err != nil || errKey != nil:
		return nil, errors.Join(err, errKey)
	}
	both := []string{certificate, key}
	c, err := smallfile.KeyPair(certificate, key)
	switch {
	case errors.Is(err, fs.ErrPermission):
		return nil, err
	case err != nil:
		return nil, unusable(both, "%s", err)
	case o.Now.After(c.Leaf.NotAfter):
		return nil, unusable(both, "%s was valid until %s", certificate, c.Leaf.NotAfter.UTC().Format(time.DateOnly))
	case p.name == "ca" && !c.Leaf.IsCA:
		return nil, unusable(both, "%s is not the certificate of an authority", certificate)
	}
	return &c, nil
}

// check reports whether a pair is in the folder, and returns why it is not what was
// asked for.
func (o Options) check(p signed, authority *tls.Certificate) (bool, error) {
	c, err := o.there(p.pair)
	if c == nil {
		return false, err
	}
	certificate, key := p.files(o.Dir)
	both := []string{certificate, key}
	if authority == nil {
		return false, unusable(nil, "%s is there without the authority that signed it, ca.crt and ca.key", certificate)
	}
	if err := c.Leaf.CheckSignatureFrom(authority.Leaf); err != nil {
		return false, unusable(both, "%s is not signed by the authority of %s", certificate, o.Dir)
	}
	usage := p.template.ExtKeyUsage[0]
	if !slices.Contains(c.Leaf.ExtKeyUsage, usage) {
		return false, unusable(both, "%s is not the certificate of a %s", certificate, map[bool]string{true: "broker", false: "client"}[usage == x509.ExtKeyUsageServerAuth])
	}
	if usage == x509.ExtKeyUsageServerAuth && o.AnyHost {
		return true, nil
	}
	if lacks := lacking(c.Leaf, p.template); len(lacks) > 0 {
		return false, unusable(both, "%s is for %s, not for %s", certificate, strings.Join(names(c.Leaf), ", "), strings.Join(lacks, ", "))
	}
	return true, nil
}

// lacking returns the names of wanted that has does not have.
func lacking(has, wanted *x509.Certificate) []string {
	all := names(has)
	return slices.DeleteFunc(names(wanted), func(name string) bool {
		return slices.ContainsFunc(all, func(s string) bool { return strings.EqualFold(s, name) })
	})
}

// names returns whom a certificate is for.
func names(c *x509.Certificate) []string {
	all := slices.Clone(c.DNSNames)
	for _, ip := range c.IPAddresses {
		all = append(all, ip.String())
	}
	for _, u := range c.URIs {
		all = append(all, u.String())
	}
	return all
}

// makeAuthority makes the authority of the folder.
func (o Options) makeAuthority(made *[]string) (*tls.Certificate, error) {
	own := pair{"ca"}
	template := &x509.Certificate{
		Subject: pkix.Name{CommonName: "hellox certs"}, IsCA: true, MaxPathLenZero: true, KeyUsage: x509.KeyUsageCertSign,
	}
	o.constrain(template)
	err := o.sign(made, own, template, nil)
	if err != nil {
		return nil, err
	}
	a, err := smallfile.KeyPair(own.files(o.Dir))
	return &a, err
}

// sign makes a certificate with its key, signed by the authority or by itself.
func (o Options) sign(made *[]string, p pair, template *x509.Certificate, authority *tls.Certificate) error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	if template.SerialNumber, err = rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127)); err != nil {
		return err
	}
	template.BasicConstraintsValid = true
	template.NotBefore, template.NotAfter = o.Now.Add(-backdated), o.Now.Add(lifetime)
	parent, signer := template, any(key)
	if authority != nil {
		parent, signer = authority.Leaf, authority.PrivateKey
		template.KeyUsage = x509.KeyUsageDigitalSignature
		if template.NotAfter.After(parent.NotAfter) {
			template.NotAfter = parent.NotAfter
		}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, &key.PublicKey, signer)
	if err != nil {
		return err
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return err
	}
	certificatePath, keyPath := p.files(o.Dir)
	// The key first: a certificate without its key is of no use.
	if err := create(keyPath, "PRIVATE KEY", private); err != nil {
		return err
	}
	if err := create(certificatePath, "CERTIFICATE", der); err != nil {
		return errors.Join(err, os.Remove(keyPath)) // half a pair would stop the next run
	}
	*made = append(*made, keyPath, certificatePath)
	return nil
}

// create writes a file that must not be there. It is there whole or not at all.
func create(path, kind string, der []byte) error {
	return smallfile.Create(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
}
