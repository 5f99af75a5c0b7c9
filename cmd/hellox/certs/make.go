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
	"time"
)

// Options say what Make makes.
type Options struct {
	Dir     string
	Hosts   []string // names and addresses of the broker
	Clients []string // names of clients
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

// Make makes the authority and what it signs, and returns the paths of the files
// that it made. It overwrites none: what is there already stays, and an authority
// that is there signs what is missing.
func Make(o Options) (made []string, err error) {
	if err := os.MkdirAll(o.Dir, 0o700); err != nil {
		return nil, err
	}
	authority, err := o.authority(&made)
	if err != nil {
		return made, err
	}
	server := &x509.Certificate{Subject: pkix.Name{CommonName: o.Hosts[0]}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}}
	for _, host := range o.Hosts {
		if ip := net.ParseIP(host); ip != nil {
			server.IPAddresses = append(server.IPAddresses, ip)
		} else {
			server.DNSNames = append(server.DNSNames, host)
		}
	}
	if err := o.sign(&made, pair{"server"}, server, authority); err != nil {
		return made, err
	}
	for _, name := range o.Clients {
		// One URI and no other name: it is compared whole.
		client := &x509.Certificate{
			Subject: pkix.Name{CommonName: name}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
			URIs: []*url.URL{{Scheme: "hellox", Host: "local", Path: "/client/" + name}},
		}
		if err := o.sign(&made, pair{name}, client, authority); err != nil {
			return made, err
		}
	}
	return made, nil
}

// authority returns the authority of the folder, which is made if it is missing.
func (o Options) authority(made *[]string) (*tls.Certificate, error) {
	own := pair{"ca"}
	err := o.sign(made, own, &x509.Certificate{
		Subject: pkix.Name{CommonName: "hellox certs"}, IsCA: true, MaxPathLenZero: true, KeyUsage: x509.KeyUsageCertSign,
	}, nil)
	if err != nil {
		return nil, err
	}
	certificate, key := own.files(o.Dir)
	a, err := tls.LoadX509KeyPair(certificate, key)
	if err != nil {
		return nil, fmt.Errorf("read the authority of %s: %w", o.Dir, err)
	}
	if o.Now.After(a.Leaf.NotAfter) {
		return nil, fmt.Errorf("the authority of %s was valid until %s; make another in an empty folder", o.Dir, a.Leaf.NotAfter.UTC().Format(time.DateOnly))
	}
	return &a, nil
}

// sign makes a certificate with its key, signed by the authority or by itself,
// unless its files are there.
func (o Options) sign(made *[]string, p pair, template *x509.Certificate, authority *tls.Certificate) error {
	certificatePath, keyPath := p.files(o.Dir)
	_, err := os.Lstat(certificatePath)
	_, errKey := os.Lstat(keyPath)
	switch {
	case err == nil && errKey == nil:
		return nil
	case err == nil || errKey == nil:
		return fmt.Errorf("of %s and %s one is there and one is not", certificatePath, keyPath)
	case !errors.Is(err, fs.ErrNotExist):
		return err
	}
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
	// The key first: a certificate without its key is of no use.
	if err := create(made, keyPath, "PRIVATE KEY", private); err != nil {
		return err
	}
	return create(made, certificatePath, "CERTIFICATE", der)
}

// create writes a file that must not be there.
func create(made *[]string, path, kind string, der []byte) error {
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	err = pem.Encode(file, &pem.Block{Type: kind, Bytes: der})
	if err = errors.Join(err, file.Close()); err == nil {
		*made = append(*made, path)
	}
	return err
}
