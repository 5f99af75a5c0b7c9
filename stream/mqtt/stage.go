package mqtt

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync/atomic"

	"hellox/stream/safetext"
)

// A stage is how far a connection had come when it failed.
type stage int

const (
	stageTCP       stage = iota // nothing is connected yet
	stageTLS                    // the TLS handshake
	stageWebSocket              // the request for a WebSocket
	stageMQTT                   // CONNECT was sent, its answer is awaited
)

// A stageError is an error with the stage at which it came.
type stageError struct {
	stage stage
	err   error
}

func (e *stageError) Error() string { return e.err.Error() }
func (e *stageError) Unwrap() error { return e.err }

// stageOf returns the stage of err, or stageTCP.
func stageOf(err error) stage {
	if s, ok := errors.AsType[*stageError](err); ok {
		return s.stage
	}
	return stageTCP
}

// A progress is the stage that dialling a broker has come to. net/http dials on a
// goroutine of its own.
type progress struct{ at atomic.Int32 }

func (p *progress) stage() stage { return stage(p.at.Load()) }

// connected notes that the network connection stands.
func (p *progress) connected(scheme string) {
	next := stageTLS
	if scheme == "ws" {
		next = stageWebSocket
	}
	p.at.Store(int32(next))
}

// secured notes that the TLS handshake is done. A URL without WebSockets has no
// stage of dialling after it.
func (p *progress) secured() { p.at.Store(int32(stageWebSocket)) }

// A speaks is the error of a listener for another protocol.
type speaks string

func (s speaks) Error() string { return "it speaks " + string(s) + " there" }

// The protocols that a wrong listener is known by.
const (
	speaksTLS  = speaks("TLS")
	speaksHTTP = speaks("HTTP")
)

// protocolOf returns the protocol that an answer is of, if its first bytes, five
// or more, are not of MQTT: a TLS alert or handshake, or HTTP.
func protocolOf(first []byte) (other speaks, ok bool) {
	switch {
	case len(first) > 1 && mayBeOther(first[0]) && first[0] != 'H' && first[1] == 3:
		return speaksTLS, true
	case bytes.HasPrefix(first, []byte("HTTP/")):
		return speaksHTTP, true
	}
	return "", false
}

// mayBeOther reports whether an answer that begins so may be of another protocol.
// None of these begins an answer to CONNECT.
func mayBeOther(first byte) bool { return first == 0x15 || first == 0x16 || first == 'H' }

// A statusError is the error of an HTTP server that opens no WebSocket.
type statusError struct{ status string }

func (e *statusError) Error() string {
	return fmt.Sprintf("it answers %q instead of opening a WebSocket", safetext.Clean(e.status))
}

// upgradeError is the error of a request for a WebSocket; answer may be nil.
func upgradeError(answer *http.Response, err error) error {
	switch {
	case answer != nil && answer.StatusCode == http.StatusBadRequest && wantsHTTPS(answer.Body):
		return speaksTLS
	case answer != nil && answer.StatusCode != http.StatusSwitchingProtocols:
		return &statusError{answer.Status}
	case strings.Contains(err.Error(), `malformed HTTP response "\x15\x03`): // a TLS alert; net/http has no type for it
		return speaksTLS
	}
	return err
}

// wantsHTTPS reports whether a server's answer says, as the usual ones do, that it
// wants TLS. The WebSocket library keeps no more than the answer's beginning.
func wantsHTTPS(body io.Reader) bool {
	text, _ := io.ReadAll(body)
	return bytes.Contains(text, []byte("HTTPS")) || bytes.Contains(text, []byte("SSL"))
}

// otherListener is the hint for a connection that fails as it does when the
// listener is for another scheme; the stage tells for which.
func otherListener(b Broker, at stage) string {
	plain, secure := "mqtt", "mqtts"
	if strings.HasPrefix(b.Scheme, "ws") {
		plain, secure = "ws", "wss"
	}
	other := map[string]string{"mqtt": "ws", "mqtts": "wss", "ws": "mqtt", "wss": "mqtts"}[b.Scheme]
	switch {
	case at == stageTCP:
		return ""
	case at == stageTLS:
		return "if it listens without TLS: " + b.as(plain)
	case b.Scheme == plain:
		return "if it listens with TLS: " + b.as(secure) + "; if " + withWebSockets(other) + " WebSockets: " + b.as(other)
	}
	return "if it listens " + withWebSockets(other) + " WebSockets: " + b.as(other)
}

// withWebSockets returns "with" if the scheme is one of WebSockets, else "without".
func withWebSockets(scheme string) string {
	if strings.HasPrefix(scheme, "ws") {
		return "with"
	}
	return "without"
}

// as returns b's URL with another scheme. The path of a WebSocket that is not
// known is the usual one.
func (b Broker) as(scheme string) string {
	path := b.Path
	switch {
	case strings.HasPrefix(scheme, "mqtt"):
		path = ""
	case path == "":
		path = "/mqtt"
	}
	return safetext.Clean(Broker{Scheme: scheme, Host: b.Host, Path: path}.String())
}
