package mqtt

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"syscall"

	"github.com/eclipse/paho.mqtt.golang/packets"

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

// newConnectError explains err, which dialling b or its answer to CONNECT gave.
func newConnectError(b Broker, err error) *ConnectError {
	e := &ConnectError{Broker: b, kind: ErrUnreachable, err: err}
	var (
		dns       *net.DNSError
		authority x509.UnknownAuthorityError
		hostname  x509.HostnameError
		invalid   x509.CertificateInvalidError
		alert     tls.AlertError
		record    tls.RecordHeaderError
	)
	switch {
	case errors.Is(err, packets.ErrorRefusedBadUsernameOrPassword):
		e.kind, e.Cause = ErrDenied, "the broker does not know this user name and password"
		e.hint = "give them with --user and --password"
	case errors.Is(err, packets.ErrorRefusedNotAuthorised):
		e.kind, e.Cause = ErrDenied, "the broker does not let this user in"
		e.hint = "give another with --user and --password"
	case errors.Is(err, packets.ErrorRefusedIDRejected):
		e.kind, e.Cause = ErrDenied, "the broker refuses this client id"
		e.hint = "give another with --client-id"
	case errors.Is(err, packets.ErrorRefusedBadProtocolVersion):
		e.kind, e.Cause = ErrDenied, "the broker does not speak MQTT 3.1.1"
	case errors.Is(err, packets.ErrorRefusedServerUnavailable):
		e.Cause = "the broker says that it is unavailable"
	case errors.As(err, &dns):
		e.Cause = fmt.Sprintf("the host name %q is not known", safetext.Clean(dns.Name))
		if dns.IsTimeout || dns.IsTemporary {
			e.Cause = fmt.Sprintf("the name server does not answer for %q", safetext.Clean(dns.Name))
		}
	case errors.Is(err, syscall.ECONNREFUSED):
		e.Cause = "nothing listens there (connection refused)"
		e.hint = "hellox up starts a broker; hellox status shows where it listens"
	case errors.As(err, &authority):
		e.Cause = "its certificate is signed by an authority that is not known here"
		e.hint = "give the authority's certificate with --ca FILE"
	case errors.As(err, &hostname):
		e.Cause = "its certificate is not for this host name"
	case errors.As(err, &invalid):
		e.Cause = "its certificate is not valid: " + safetext.Clean(invalid.Error())
	case errors.As(err, &record):
		e.Cause = "it does not speak TLS there"
		e.hint = "use mqtt:// or ws:// for a listener without TLS"
	case errors.As(err, &alert):
		e.kind, e.Cause = ErrDenied, "it ends the TLS handshake: "+safetext.Clean(alert.Error())
		e.hint = "a broker that asks for a certificate gets it with --cert FILE --key FILE"
	case errors.Is(err, os.ErrDeadlineExceeded), errors.Is(err, context.DeadlineExceeded), isTimeout(err):
		e.Cause = fmt.Sprintf("no answer within %s", dialTimeout)
	case errors.Is(err, errMalformed):
		e.Cause = "what answers there is no MQTT broker: " + safetext.Clean(malformedCause(err))
	case isClosed(err):
		e.Cause = "the connection was closed before the broker answered"
		if b.Scheme == "mqtt" || b.Scheme == "ws" {
			e.hint = "a listener with TLS wants mqtts:// or wss://"
		}
	default:
		e.Cause = safetext.Clean(innermost(err).Error())
	}
	return e
}

// A lostError is ErrLost with its cause: one clean sentence.
type lostError struct{ cause string }

func (e *lostError) Error() string        { return ErrLost.Error() + ": " + e.cause }
func (e *lostError) Is(target error) bool { return target == ErrLost }

// causeClosed is the cause of a connection that the broker closed without a
// reason.
const causeClosed = "the broker closed the connection"

// lostBecause explains why a connection that stood is no more.
func lostBecause(err error) error {
	e := &lostError{}
	switch {
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
