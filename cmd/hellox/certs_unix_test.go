//go:build unix

package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestCertsSaysWhatHelps asks for a certificate for another host than the one that is
// there, for one of a broken pair, and for one by an authority without its key: the
// hint is a command that makes it good and leaves the authority and its clients as they
// are. A host that is none makes nothing.
func TestCertsSaysWhatHelps(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if out, code := runFor(t, dir, "hellox certs 'my c' --host a.example && hellox certs 'my c' --client press --peer"); code != 0 {
		t.Fatal(out)
	}
	stays := func() (all string) {
		for _, name := range []string{"ca.crt", "press.crt", "press.key"} {
			text, err := os.ReadFile(filepath.Join(dir, "my c", name))
			if err != nil {
				t.Fatal(err)
			}
			all += string(text)
		}
		return all
	}
	before := stays()
	for _, try := range []struct{ line, names, made string }{
		{"hellox certs 'my c' --host a.example --host other.example --peer", "my c/ca.crt may not sign for other.example", "my c-2/peer.crt"},
		{": > 'my c'/server.crt; hellox certs 'my c'", "my c/server.crt ", "my c/server.crt"},
		{"rm 'my c'/ca.key; hellox certs 'my c' --client desk", "my c/ca.crt ", "my c-3/desk.crt"},
	} {
		out, code := runFor(t, dir, try.line)
		_, hint, ok := strings.Cut(out, "hint: ")
		if code != exitFailed || !ok || !strings.Contains(out, try.names) {
			t.Fatalf("%s: exit code %d\n%s", try.line, code, out)
		}
		if out, code := runFor(t, dir, hint); code != 0 || !strings.Contains(out, try.made) {
			t.Errorf("%s: exit code %d\n%s", hint, code, out)
		}
	}
	if stays() != before {
		t.Error("a hint made the authority or a client anew")
	}
	out, code := runFor(t, dir, "hellox certs none --host ä.example")
	if _, err := os.Stat(filepath.Join(dir, "none")); code != exitUsage || !strings.Contains(out, "in ASCII") || !os.IsNotExist(err) {
		t.Errorf("exit code %d, %v\n%s", code, err, out)
	}
}

// TestCertificateThatIsNotLetIn shows a certificate that the ACL does not name: its
// URI is what helps, not a user.
func TestCertificateThatIsNotLetIn(t *testing.T) {
	t.Parallel()
	address := freeAddress(t)
	out, code := runFor(t, t.TempDir(), `hellox certs c --client press --client desk && echo 'write hellox://local/client/press a/#' > acl || exit
		hellox broker --listen mqtts://`+address+` --tls-cert c/server.crt --tls-key c/server.key --client-ca c/ca.crt --acl acl 2> log &
		for i in $(seq 600); do grep -q 'broker ready' log && break; sleep 0.1; done
		hellox watch mqtts://`+address+` --ca c/ca.crt --cert c/desk.crt --key c/desk.key -n 1 --for 60s
		code=$?; kill $!; wait; exit $code`)
	if code != exitMissing || strings.Contains(out, "user") || !strings.Contains(out, "does not let the client certificate of c/desk.crt in") || !strings.Contains(out, "allow something to hellox://local/client/desk") {
		t.Errorf("exit code %d\n%s", code, out)
	}
}
