package mqtt

import (
	"cmp"
	"crypto/tls"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"strings"
	"unicode"
	"unicode/utf8"

	"hellox/stream"
)

// A Broker is the address of a broker and the client's credentials for it.
type Broker struct {
	Scheme string // mqtt, mqtts, ws or wss
	Host   string // with its port
	// Others are more hosts of the same broker, whose nodes know the same sessions: a
	// connection is to any one of them all.
	Others   []string `json:",omitempty"`
	Path     string   // of ws and wss: begins with /
	User     string
	Password string      `json:"-"` // never in a log, an error or String
	TLS      *tls.Config `json:"-"` // of mqtts and wss; nil: the system's authorities
	Files    Files       `json:"-"` // go before Password and TLS
	// MaxPacket bounds one packet to or from this broker, in bytes after its
	// fixed header; 0 means 16 MiB. Of a hellox broker it is stream.MaxPacket.
	MaxPacket int
}

const foreignMaxPacket = 16 << 20

// ParseBroker reads a broker's URL: mqtt://host, mqtts://host, ws://host/path
// or wss://host/path, each with an optional :port (1883, 8883, 80, 443) and
// user:password@. tcp is mqtt; ssl and tls are mqtts. Several hosts of one broker stand
// with commas between them. Its errors have a Hint.
func ParseBroker(s string) (Broker, error) {
	wrong := func(hint, format string, args ...any) (Broker, error) {
		return Broker{}, stream.WithHint(fmt.Errorf("broker URL %q "+format, append([]any{redactPassword(s)}, args...)...), hint)
	}
	const example = "write it like mqtt://127.0.0.1:1883"
	if s == "" {
		return Broker{}, stream.WithHint(fmt.Errorf("the broker URL is empty"), example)
	}
	scheme, rest, found := strings.Cut(s, "://")
	if !found {
		return wrong("write it like mqtt://"+redactPassword(s), "has no scheme")
	}
	b := Broker{}
	var port string
	switch strings.ToLower(scheme) {
	case "mqtt", "tcp":
		b.Scheme, port = "mqtt", "1883"
	case "mqtts", "ssl", "tls":
		b.Scheme, port = "mqtts", "8883"
	case "ws":
		b.Scheme, port = "ws", "80"
	case "wss":
		b.Scheme, port = "wss", "443"
	default:
		return wrong("mqtt, mqtts, ws and wss are known", "has the unknown scheme %q", scheme)
	}
	rest, others := cutHosts(scheme, rest)
	u, err := url.Parse(b.Scheme + "://" + rest)
	if part, sign := rawSign(rest, b.Scheme[0] == 'm' || err != nil); sign != "" {
		return wrong(fmt.Sprintf("write it as %s, or give user and password with --user and HELLOX_PASSWORD", url.PathEscape(sign)),
			"has a %s in its %s that is not encoded", sign, part)
	}
	if err != nil {
		return wrong(example, "cannot be read") // url's own error repeats the password
	}
	switch {
	case u.Hostname() == "":
		return wrong(example, "names no host")
	case u.RawQuery != "" || u.Fragment != "":
		return wrong("a topic filter is given with --topic", "has a query or a fragment, which mean nothing here")
	case b.Scheme[0] == 'm' && u.Path != "" && u.Path != "/":
		return wrong("a topic filter is given with --topic", "has the path %q, which only ws and wss have", u.Path)
	}
	b.Host = hostPort(u, port)
	for _, other := range others {
		o, err := url.Parse(b.Scheme + "://" + other)
		if err != nil || o.Host != other || o.Hostname() == "" {
			return wrong(example+",127.0.0.1:1884", "has %q in its list, which is not HOST:PORT", other)
		}
		b.Others = append(b.Others, hostPort(o, port))
	}
	if b.Scheme[0] == 'w' {
		b.Path = cmp.Or(u.EscapedPath(), "/")
	}
	b.User = u.User.Username()
	b.Password, _ = u.User.Password()
	return b, nil
}

// hostPort returns the host of u with its port, or the usual one.
func hostPort(u *url.URL, usual string) string {
	return net.JoinHostPort(u.Hostname(), cmp.Or(u.Port(), usual))
}

// rawSign returns the first character that must not stand in a URL's user or
// password as it is, and in which of the two it is. rest is what follows the
// scheme. With noPath, what follows a / is none either: the scheme has no paths, or
// rest is no URL. A percent sign that begins an encoded character is none of them,
// nor is an @ before the last.
func rawSign(rest string, noPath bool) (part, sign string) {
	at := strings.LastIndexByte(rest, '@')
	if at < 0 {
		return "", ""
	}
	part = "user name"
	for i, r := range rest[:at] {
		switch {
		case r == ':':
			part = "password"
		case r == '/' && (!noPath || part == "user name"):
			return "", "" // a path, in which an @ may stand
		case r == '%':
			if _, err := url.PathUnescape(rest[i:min(i+3, at)]); err != nil {
				return part, "%"
			}
		case r != '@' && !isUserinfo(r):
			return part, string(r)
		}
	}
	return "", ""
}

// isUserinfo reports whether r may stand in a user or password as it is: RFC 3986,
// userinfo.
func isUserinfo(r rune) bool {
	return r < utf8.RuneSelf && (unicode.IsLetter(r) || unicode.IsDigit(r)) || strings.ContainsRune("-._~!$&'()*+,;=", r)
}

// redactPassword cuts out what stands between the first : of the user part
// and its @, in a URL that need not be a right one.
func redactPassword(s string) string {
	start := 0
	if i := strings.Index(s, "://"); i >= 0 {
		start = i + len("://")
	}
	at := strings.LastIndexByte(s, '@')
	if at < start {
		return s
	}
	colon := strings.IndexByte(s[start:at], ':')
	if colon < 0 {
		return s
	}
	return s[:start+colon] + ":xxxxx" + s[at:]
}

// String is the broker's URL without user and password.
func (b Broker) String() string {
	return b.Scheme + "://" + strings.Join(append([]string{b.Host}, b.Others...), ",") + b.Path
}

// GoString is String: no verb of fmt prints the password.
func (b Broker) GoString() string { return b.String() }

// LogValue is String.
func (b Broker) LogValue() slog.Value { return slog.StringValue(b.String()) }

// Check returns why b cannot be dialled, or nil.
func (b Broker) Check() error {
	if b.Scheme == "" || b.Host == "" {
		return fmt.Errorf("no broker is given")
	}
	return nil
}

func (b Broker) maxPacket() int {
	if b.MaxPacket == 0 {
		return foreignMaxPacket
	}
	return b.MaxPacket
}
