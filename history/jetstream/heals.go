package jetstream

import (
	"crypto/tls"
	"errors"

	natsgo "github.com/nats-io/nats.go"

	"hellox/history"
)

// Heals reports whether a history that could not be opened with err may be opened later:
// all heals that the nodes, which may begin later, can change. hint is what to do.
func Heals(err error) (hint string, heals bool) {
	if errors.Is(err, natsgo.ErrAuthorization) || errors.Is(err, natsgo.ErrPermissionViolation) {
		return "", false
	}
	if errors.Is(err, history.ErrUnfinished) {
		return "Wait until it has ended, or type the hellox history copy again.", true
	}
	if _, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return "Give the authority that signed the nodes' certificates with --history-ca (hellox certs --peer).", true
	}
	return "Start the nodes (hellox nats --help): the history is opened when most of them answer, the first time all of them.", true
}
