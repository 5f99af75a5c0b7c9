package mqtt

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"regexp"
	"strings"
	"syscall"
	"time"

	"github.com/eclipse/paho.mqtt.golang/packets"

	"hellox/stream"
	"hellox/stream/safetext"
)

var (
	// ErrUnreachable is the error of a broker that was not reached:
	// no such host, nothing listening, no answer, no trust in its certificate.
	ErrUnreachable = errors.New("the broker was not reached")
	// ErrDenied is the error of a broker that does not let us in or does
	// not let us subscribe.
	ErrDenied = errors.New("the broker refuses")
	// ErrLost is the error of a connection that ended while something
	// waited for it.
	ErrLost = errors.New("the connection to the broker was lost")
)

// A ConnectError says in one sentence why there is no connection to a broker.
// It is ErrUnreachable or ErrDenied to errors.Is.
type ConnectError struct {
	Broker Broker
	Cause  string // one clean sentence without the broker's name
	hint   string
	kind   error
	err    error
}

func (e *ConnectError) Error() string {
	return fmt.Sprintf("connect to %s: %s", safetext.Clean(e.Broker.String()), e.Cause)
}

// Unwrap returns the kind (ErrUnreachable, ErrDenied) and what the network or
// the MQTT library said.
func (e *ConnectError) Unwrap() []error { return []error{e.kind, e.err} }

// Hint is what to try next, or "".
func (e *ConnectError) Hint() string { return e.hint }

// newConnectError explains err, which dialling b or its answer to a CONNECT of who
// gave after waited.
func newConnectError(b Broker, who asking, err error, waited time.Duration) *ConnectError {
	e := &ConnectError{Broker: b, kind: ErrUnreachable, err: err}
	defer e.leadToComponent()
	if e.explainRefusal(who) || e.explainTLS() || e.explainListener() {
		return e
	}
	var dns *net.DNSError
	switch {
	case errors.As(err, &dns):
		e.Cause = fmt.Sprintf("the host name %q is not known", safetext.Clean(dns.Name))
		if dns.IsTimeout || dns.IsTemporary {
			e.Cause = fmt.Sprintf("the name server does not answer for %q", safetext.Clean(dns.Name))
		}
	case errors.Is(err, syscall.ECONNREFUSED):
		e.Cause = "nothing listens there (connection refused)"
		e.hint = "start the broker there, or check the URL's host and port"
	case errors.Is(err, os.ErrDeadlineExceeded), errors.Is(err, context.DeadlineExceeded), isTimeout(err):
		e.Cause = unanswered[stageOf(err)] + " within " + rounded(waited).String()
		e.hint = otherListener(b, stageOf(err))
		if stageOf(err) == stageMQTT {
			e.hint += "; a hellox broker of several nodes gives none while they elect a leader"
		}
	case errors.Is(err, errMalformed):
		e.Cause = "what answers there is no MQTT broker: " + safetext.Clean(malformedCause(err))
	case isClosed(err):
		e.Cause = closedBefore[stageOf(err)]
		e.hint = otherListener(b, stageOf(err))
		if stageOf(err) == stageMQTT {
			e.hint += "; a hellox broker does so when it has its most connections (--max-connections), one of several nodes while most of them are gone, and its log says so"
		}
	default:
		e.Cause = safetext.Clean(innermost(err).Error())
	}
	return e
}

// inCluster are the names by which a pod beside those of hellox has its broker.
var inCluster = regexp.MustCompile(`^broker(?:\.[a-z0-9-]+\.svc(?:\.[a-z0-9.-]+)?)?:(\d+)$`)

// leadToComponent adds to the hint of a client in a pod what brings it all that it lacks, if
// it comes to hellox's broker as none of the manifests' own does: by another port than that
// of its Service, without TLS, or without the authority or the token.
func (e *ConnectError) leadToComponent() {
	m := inCluster.FindStringSubmatch(e.Broker.Host)
	authority, name, other := x509.UnknownAuthorityError{}, x509.HostnameError{}, speaks("")
	refused := errors.Is(e.err, packets.ErrorRefusedBadUsernameOrPassword) || errors.Is(e.err, packets.ErrorRefusedNotAuthorised)
	if m == nil || m[1] == "8883" && !errors.As(e.err, &authority) && !errors.As(e.err, &name) && !errors.As(e.err, &other) && (!refused || e.Broker.Files.Password != "") {
		return
	}
	if e.hint != "" {
		e.hint += "; "
	}
	e.hint += "a pod gets the broker's URL, a token and the authority by the component client: hellox manifests --eject DIR"
}

// What a connection that got no answer, or was closed, had waited for.
var (
	unanswered = map[stage]string{
		stageTCP:       "no answer",
		stageTLS:       "connected, but no answer to the TLS handshake",
		stageWebSocket: "connected, but no answer to the request for a WebSocket",
		stageMQTT:      "connected, but no answer to CONNECT",
	}
	closedBefore = map[stage]string{
		stageTCP:       "the connection was closed before the broker answered",
		stageTLS:       "the connection was closed in the TLS handshake",
		stageWebSocket: "the connection was closed instead of opening a WebSocket",
		stageMQTT:      "the connection was closed before the broker answered",
	}
)

// rounded is d as an error tells it.
func rounded(d time.Duration) time.Duration {
	if d < time.Second {
		return d.Round(time.Millisecond)
	}
	return d.Round(time.Second)
}

// explainTLS explains what is wrong with a certificate or a handshake, and
// reports whether it is that.
func (e *ConnectError) explainTLS() bool {
	var (
		authority x509.UnknownAuthorityError
		hostname  x509.HostnameError
		invalid   x509.CertificateInvalidError
		system    x509.SystemRootsError
		alert     *net.OpError // that is how crypto/tls tells one
		record    tls.RecordHeaderError
	)
	switch err := e.err; {
	case errors.As(err, &hostname):
		e.Cause, e.hint = wrongName(hostname)
	case errors.As(err, &authority):
		e.Cause, e.hint = unknownAuthority(authority, e.Broker.Files.CA != "")
	case errors.As(err, &invalid):
		e.Cause, e.hint = invalidCertificate(invalid, time.Now())
	case errors.As(err, &system):
		e.Cause, e.hint = "the authorities that this machine trusts cannot be read", "give the broker's authority with --ca FILE"
	case errors.Is(err, http.ErrSchemeMismatch), errors.As(err, &record) && string(record.RecordHeader[:]) == "HTTP/":
		e.Cause = "it speaks HTTP there, without TLS"
		e.hint = "use " + e.Broker.as("ws")
	case errors.As(err, &record):
		e.Cause = "it does not speak TLS there"
		e.hint = otherListener(e.Broker, stageTLS)
	case strings.Contains(err.Error(), "tls: protocol version not supported") || strings.Contains(err.Error(), "server selected unsupported protocol version"):
		// crypto/tls has no type for either.
		e.Cause = "it speaks neither TLS 1.2 nor TLS 1.3"
		e.hint = "hellox connects with TLS 1.2 and 1.3 only"
	case errors.As(err, &alert) && alert.Op == "remote error":
		e.kind = ErrDenied
		e.Cause, e.hint = e.alert(safetext.Clean(strings.TrimPrefix(alert.Err.Error(), "tls: ")))
	case strings.Contains(err.Error(), "x509: "):
		e.Cause, e.hint = "its certificate cannot be checked: "+inOwnWords(err), showsChain
	case strings.HasPrefix(innermost(err).Error(), "tls: "):
		e.Cause, e.hint = "the TLS handshake failed: "+inOwnWords(err), otherListener(e.Broker, stageTLS)
	default:
		return false
	}
	return true
}

// alert explains an alert by which a broker ends the TLS handshake. With TLS 1.3 the
// ones about the client's certificate come when the client has sent its CONNECT.
func (e *ConnectError) alert(said string) (cause, hint string) {
	file := safetext.Clean(e.Broker.Files.Cert)
	switch {
	case file == "" && (said == "certificate required" || said == "bad certificate" || said == "handshake failure"):
		return "it wants a client certificate (" + said + ")", "--cert FILE --key FILE; " + makesOne + " makes both"
	case said == "unrecognized name":
		return "it has no certificate for the name by which it is asked (unrecognized name)", "give another name with --server-name NAME"
	case file == "" || !strings.Contains(said, "certificate"):
		return "it ends the TLS handshake: " + said, "a broker that asks for a certificate gets it with --cert FILE --key FILE"
	}
	return e.Broker.refusedCertificate(said, time.Now())
}

// explainListener explains a listener that is known to speak something else, and
// reports whether it is that.
func (e *ConnectError) explainListener() bool {
	var (
		other  speaks
		status *statusError
	)
	switch {
	case errors.As(e.err, &status):
		e.Cause = status.Error()
		if e.Broker.Path != "/mqtt" {
			e.hint = "the path of a broker's WebSocket is often /mqtt: " + Broker{Scheme: e.Broker.Scheme, Path: "/mqtt", Host: e.Broker.Host}.String()
		}
	case !errors.As(e.err, &other):
		return false
	case other == speaksTLS:
		e.Cause = other.Error() + ", and this URL is without TLS"
		e.hint = "use " + e.Broker.as(e.Broker.Scheme+"s")
	default:
		e.Cause = other.Error() + ", and this URL is without WebSockets"
		e.hint = "use " + e.Broker.as(map[string]string{"mqtt": "ws", "mqtts": "wss"}[e.Broker.Scheme])
	}
	return true
}

// A lostError is ErrLost with its cause: one clean sentence.
type lostError struct {
	cause    string
	refused  bool // the broker gave the cause, before it closed the connection
	noticed  bool // it did so by a notice to this client
	answered bool // it did so after it had answered a SUBSCRIBE; the first one asks for notices
}

func (e *lostError) Error() string {
	if e.refused {
		return e.cause
	}
	return ErrLost.Error() + ": " + e.cause
}

func (e *lostError) Is(target error) bool {
	return target == ErrLost || e.noticed && target == stream.ErrRefused
}

// causeClosed is the cause of a connection that the broker closed without a
// reason.
const causeClosed = "the broker closed the connection"

// lostBecause explains why a connection that stood is no more.
func lostBecause(err error) error { return newLostError(err) }

func newLostError(err error) *lostError {
	e := &lostError{}
	refused, ok := errors.AsType[*refusedError](err)
	switch {
	case ok:
		e.cause, e.refused, e.noticed = "the broker closed the connection: "+safetext.Clean(refused.reason), true, true
	case err == nil || isClosed(err):
		e.cause = causeClosed
	case errors.Is(err, errMalformed):
		e.cause = safetext.Clean(malformedCause(err))
	case errors.Is(err, os.ErrDeadlineExceeded), isTimeout(err):
		e.cause = "the broker does not answer any more"
	default:
		e.cause = safetext.Clean(innermost(err).Error())
	}
	return e
}

func isTimeout(err error) bool {
	var n net.Error
	return errors.As(err, &n) && n.Timeout()
}

func isClosed(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, net.ErrClosed) ||
		errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE)
}

// innermost unwraps to the innermost error, which is the cause without the
// addresses and system calls around it.
func innermost(err error) error {
	for {
		switch x := err.(type) { //nolint:errorlint // this is the unwrapping
		case interface{ Unwrap() error }:
			inner := x.Unwrap()
			if inner == nil {
				return err
			}
			err = inner
		case interface{ Unwrap() []error }:
			inner := x.Unwrap()
			if len(inner) == 0 || inner[len(inner)-1] == nil {
				return err
			}
			err = inner[len(inner)-1]
		default:
			return err
		}
	}
}
