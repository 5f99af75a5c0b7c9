package clienturi

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"strings"
	"testing"
)

// TestURIOf has the URI of a certificate as it stands there, also where package x509
// would have it otherwise.
func TestURIOf(t *testing.T) {
	for _, k := range []struct {
		names []string // beginning with the tag
		want  string
		fails string
	}{
		{[]string{"6hellox://local/client/press"}, "hellox://local/client/press", ""},
		{[]string{"2press.example", "6hellox://local/client/press"}, "hellox://local/client/press", ""},
		{[]string{"6HELLOX://local/client/press"}, "hellox://local/client/press", ""},
		{[]string{"6Spiffe://Press@Host.Example:1/Client/A%2F?X#Y"}, "spiffe://Press@host.example:1/Client/A%2F?X#Y", ""},
		{[]string{"6URN:X:y"}, "urn:X:y", ""},
		{[]string{"6hellox://LOCAL"}, "hellox://local", ""},
		{[]string{"6hellox://local/client/press#"}, "hellox://local/client/press#", ""},
		{[]string{"6hellox://local/client/%70ress"}, "hellox://local/client/%70ress", ""},
		{[]string{"2press.example"}, "", "has no URI"},
		{[]string{"6a:b", "6a:b"}, "", "has 2 URIs"},
		{[]string{"6pod:hellox/receive"}, "", "the scheme pod"},
		{[]string{"6POD:hellox/receive"}, "", "the scheme pod"},
		{[]string{"6local/client/press"}, "", "is no URI with a scheme"},
		{[]string{"6hellox://local/client/a b"}, "", "has spaces"},
	} {
		var names []asn1.RawValue
		for _, name := range k.names {
			names = append(names, asn1.RawValue{Class: asn1.ClassContextSpecific, Tag: int(name[0] - '0'), Bytes: []byte(name[1:])})
		}
		value, err := asn1.Marshal(names)
		if err != nil {
			t.Fatal(err)
		}
		got, err := Of(&x509.Certificate{Extensions: []pkix.Extension{{Id: asn1.ObjectIdentifier{2, 5, 29, 17}, Value: value}}})
		if got != k.want || (err == nil) != (k.fails == "") || err != nil && !strings.Contains(err.Error(), k.fails) {
			t.Errorf("%q: %q, %v", k.names, got, err)
		}
	}
}
