package mqtt

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"strings"
	"sync"
	"time"

	"hellox/smallfile"
	"hellox/stream"
	"hellox/stream/safetext"
)

// Files are the files of what a client shows and trusts; "" where there is none.
// They are read anew for each connection: tokens and certificates are renewed while
// a client runs. A pipe is read once, by ReadPipes.
type Files struct {
	Password  string
	CA        string // PEM; instead of the system's authorities
	Cert, Key string // PEM

	pipes map[string][]byte // what came out of those that are pipes, by path
	last  *loaded           // of Shared; nil: each Load makes its own
}

// ReadPipes returns b with the content of those of its files that are pipes, as a
// shell's <(…) are: Load can be called many times, a pipe is read once. It waits for
// what writes into them until ctx ends.
func (b Broker) ReadPipes(ctx context.Context) (Broker, error) {
	for _, f := range []struct{ flag, path string }{
		{"--password-file", b.Files.Password}, {"--ca", b.Files.CA}, {"--cert", b.Files.Cert}, {"--key", b.Files.Key},
	} {
		if _, done := b.Files.pipes[f.path]; f.path == "" || done || !smallfile.IsPipe(f.path) {
			continue
		}
		text, err := smallfile.ReadPipe(ctx, f.path)
		if err != nil {
			return b, fmt.Errorf("%s: %w", f.flag, err)
		}
		pipes := maps.Clone(b.Files.pipes)
		if pipes == nil {
			pipes = map[string][]byte{}
		}
		pipes[f.path] = text
		b.Files.pipes = pipes
	}
	return b, nil
}

// content returns what a file says now, or what the pipe of that name said.
func (f Files) content(path string) ([]byte, error) {
	if text, ok := f.pipes[path]; ok {
		return text, nil
	}
	return smallfile.Read(path)
}

// keyPair returns the client's certificate.
func (f Files) keyPair() (tls.Certificate, error) {
	cert, err := f.content(f.Cert)
	if err != nil {
		return tls.Certificate{}, err
	}
	key, err := f.content(f.Key)
	if err != nil {
		return tls.Certificate{}, err
	}
	return smallfile.ParseKeyPair(f.Cert, f.Key, cert, key)
}

// contents are what the files say at one time; "" of those that there are not.
type contents struct{ password, ca, cert, key string }

// contents returns what the files say now.
func (f Files) contents() (c contents, err error) {
	for _, file := range []struct {
		flag, path string
		text       *string
	}{
		{"--password-file", f.Password, &c.password}, {"--ca", f.CA, &c.ca}, {"--cert and --key", f.Cert, &c.cert}, {"--cert and --key", f.Key, &c.key},
	} {
		if file.path == "" {
			continue
		}
		text, err := f.content(file.path)
		if err != nil {
			return c, fmt.Errorf("%s: %w", file.flag, err)
		}
		*file.text = string(text)
	}
	return c, nil
}

// A loaded is what was made of files when they were read last.
type loaded struct {
	mu       sync.Mutex
	from     contents
	password string
	tls      *tls.Config
}

// Shared returns b for very many clients of one process: as long as its files say the
// same, all have what Load has made of them once. A set of authorities for each would
// be the most of what a connection with TLS costs.
func (b Broker) Shared() Broker {
	b.Files.last = &loaded{}
	return b
}

// Load returns b with what its files say now. Its errors begin with the flag that
// names the file.
func (b Broker) Load() (Broker, error) {
	c, err := b.Files.contents()
	if err != nil {
		return b, err
	}
	last := b.Files.last
	if last == nil {
		return b.with(c)
	}
	last.mu.Lock()
	defer last.mu.Unlock()
	if last.from == (contents{}) || last.from != c {
		made, err := b.with(c)
		if err != nil {
			return made, err
		}
		last.from, last.password, last.tls = c, made.Password, made.TLS
	}
	b.Password, b.TLS = last.password, last.tls
	return b, nil
}

// with returns b with what is made of its files.
func (b Broker) with(c contents) (Broker, error) {
	if b.Files.Password != "" {
		switch b.Password = strings.TrimRight(c.password, "\r\n"); {
		case b.Password == "":
			return b, fmt.Errorf("--password-file: %s is empty", b.Files.Password)
		case len(b.Password) > stream.MaxPassword:
			return b, fmt.Errorf("--password-file: %s has %d bytes; at most %d", b.Files.Password, len(b.Password), stream.MaxPassword)
		}
	}
	if len(b.Password) > stream.MaxPassword {
		return b, fmt.Errorf("the password has %d bytes; at most %d", len(b.Password), stream.MaxPassword)
	}
	if b.Files.CA == "" && b.Files.Cert == "" {
		return b, nil
	}
	config := &tls.Config{MinVersion: tls.VersionTLS12}
	if b.TLS != nil {
		config = b.TLS.Clone()
	}
	b.TLS = config
	if b.Files.CA != "" {
		config.RootCAs = x509.NewCertPool()
		if !config.RootCAs.AppendCertsFromPEM([]byte(c.ca)) {
			return b, fmt.Errorf("--ca: %s holds no certificate in PEM", b.Files.CA)
		}
	}
	if b.Files.Cert != "" {
		pair, err := smallfile.ParseKeyPair(b.Files.Cert, b.Files.Key, []byte(c.cert), []byte(c.key))
		if err != nil {
			return b, fmt.Errorf("--cert and --key: %w", err)
		}
		// Also if the broker asks for those of other authorities: then its log says what is
		// wrong with this one, not that there is none.
		config.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &pair, nil }
	}
	return b, nil
}

// fresh is Load for a connection that is to be opened.
func (b Broker) fresh() (Broker, error) {
	b, err := b.Load()
	if err != nil {
		return b, &ConnectError{Broker: b, Cause: safetext.Clean(err.Error()), hint: stream.Hint(err), kind: ErrUnreachable, err: err}
	}
	return b, nil
}

// tokenTimes returns from and until when a password is valid that is a JSON Web
// Token, as those of Kubernetes are. It is not verified: that is for the broker.
func tokenTimes(password string) (from, until time.Time, ok bool) {
	parts := strings.Split(password, ".")
	if len(parts) != 3 {
		return from, until, false
	}
	var claims struct {
		NotBefore float64 `json:"nbf"`
		Expires   float64 `json:"exp"`
	}
	text, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil || json.Unmarshal(text, &claims) != nil || claims.Expires <= 0 || claims.Expires > 1<<40 {
		return from, until, false
	}
	return time.Unix(int64(claims.NotBefore), 0), time.Unix(int64(claims.Expires), 0), true
}

// A connection that was opened with a token is renewed this long after the token's
// expiry, or a little earlier: a hellox broker ends it 50 minutes after, and then
// publishes its last will.
const (
	renewAfterExpiry = 45 * time.Minute
	renewSpread      = 5 * time.Minute
)

// errRenewed is the cause of a connection that is renewed.
var errRenewed = errors.New("the connection is opened anew with the token of now")

// explainToken explains why a broker may refuse the token of a file, and reports
// whether it can.
func (e *ConnectError) explainToken(now time.Time) bool {
	from, until, ok := tokenTimes(e.Broker.Password)
	file := safetext.Clean(e.Broker.Files.Password)
	if !ok || file == "" {
		return false
	}
	e.kind = ErrDenied
	e.Cause = fmt.Sprintf("the broker does not let %q in with the token of %s", safetext.Clean(e.Broker.User), file)
	e.hint = "the broker's log says why"
	switch {
	case now.After(until):
		e.Cause += ", which was valid until " + moment(until)
		e.hint = "a projected token is renewed by the kubelet; look at this machine's clock, which says " + moment(now)
	case now.Before(from):
		e.Cause += ", which is valid from " + moment(from)
		e.hint = "look at this machine's clock, which says " + moment(now)
	}
	return true
}
