package jetstream

import (
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
	return "Start the nodes (hellox nats --help): the history is opened when most of them answer.", true
}
