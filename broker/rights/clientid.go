package rights

import (
	"errors"
	"fmt"
	"strings"
	"unicode"

	"hellox/stream"
)

// maxClientID is how long a client ID may be where identities exist, in bytes.
const maxClientID = 64

// CheckClientID returns why a client ID cannot be used where identities exist, or
// nil. There it stands in rules as a level of a topic.
func CheckClientID(id string) error {
	switch {
	case len(id) > maxClientID:
		return fmt.Errorf("the client ID has %d bytes; at most %d", len(id), maxClientID)
	case strings.ContainsAny(id, "/+#$"):
		return errors.New("the client ID has one of / + # $")
	case strings.ContainsFunc(id, isInvisible):
		return errors.New("the client ID has control characters")
	}
	return nil
}

func isInvisible(r rune) bool {
	return unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp) || r == unicode.ReplacementChar
}

// checkName returns why an identity cannot be named so, or nil. A name is a level
// of a topic and a word of a file.
func checkName(name string) error {
	switch {
	case name == "":
		return errors.New("the name is empty")
	case len(name) > maxClientID:
		return fmt.Errorf("the name has %d bytes; at most %d", len(name), maxClientID)
	case name == Local || name == Anyone:
		return fmt.Errorf("the name %q is taken by clients without a user", name)
	case strings.ContainsAny(name, "/+#$:%*"):
		return fmt.Errorf("the name %q has one of / + # $ : %% *", name)
	case strings.ContainsFunc(name, func(r rune) bool { return unicode.IsSpace(r) || isInvisible(r) }):
		return fmt.Errorf("the name %q has spaces or control characters", name)
	}
	return nil
}

// A Role is what an identity is in hellox itself. It reserves client IDs.
type Role string

// The roles. The zero one is none.
const (
	RoleReceive      Role = "receive"
	RoleBroadcast    Role = "broadcast"
	RoleBroadcasters Role = "broadcasters" // one process of a fleet: its share of it (stream.ShareOf)
	RoleClient       Role = "client"       // reads the stream, and publishes below its name
)

const (
	receiverID        = "hellox-receive"
	receiverRetained  = "hellox-receive-retained" // reads what the broker retains
	broadcasterPrefix = "broadcast-"
)

// IsByPod reports whether each pod in a role is an identity of its own: one of a
// StatefulSet, which comes back under its name.
func (r Role) IsByPod() bool { return r == RoleBroadcast || r == RoleBroadcasters }

// has reports whether id is that of a broadcaster of an identity in the role.
func (r Role) has(identity, id string) bool {
	switch r {
	case RoleBroadcast:
		return isBroadcaster(identity, id)
	case RoleBroadcasters:
		return stream.InShare(identity, id)
	}
	return false
}

// CheckReserved returns why an identity in a role may not use a client ID, or
// nil: hellox-receive is the receiver's, and a broadcaster's is its identity, or
// that with a number, or in the share of its identity.
func CheckReserved(role Role, identity, clientID string) error {
	switch {
	case clientID == receiverID || clientID == receiverRetained:
		if role != RoleReceive {
			return fmt.Errorf("the client ID %q is reserved for the role receive", clientID)
		}
	case strings.HasPrefix(clientID, broadcasterPrefix):
		if !role.has(identity, clientID) {
			return fmt.Errorf("the client ID %q is reserved for the role broadcast of that name, or the role broadcasters that has it in its share", clientID)
		}
	}
	return nil
}

// isBroadcaster reports whether an identity's broadcasters have this ID:
// broadcast --count N has N, with numbers.
func isBroadcaster(identity, id string) bool {
	rest, ok := strings.CutPrefix(id, identity)
	if !ok || rest == "" {
		return ok
	}
	digits, ok := strings.CutPrefix(rest, "-")
	return ok && digits != "" && strings.Trim(digits, "0123456789") == ""
}

// Broadcaster returns the rights of the role broadcast: it publishes only its own
// broadcasts, presence and answers, and reads only its own commands and, to see
// whether it is contradicted, its own presence. Its ID is its client ID if that is
// one of the identity's, else the identity.
func Broadcaster(identity, clientID string) *Rights {
	id := identity
	if isBroadcaster(identity, clientID) {
		id = clientID
	}
	return &Rights{
		Identity:  identity,
		Publish:   []string{stream.BroadcastTopic(id), stream.PresenceTopic(id), stream.AnswerTopic(id)},
		Subscribe: append(ownTopics(clientID), stream.CommandTopic(id), stream.PresenceTopic(id)),
	}
}

// BroadcasterOf returns the rights of the role broadcasters: those of Broadcaster under a
// client ID in the share of the identity, and none under another one.
func BroadcasterOf(identity, clientID string) *Rights {
	if !stream.InShare(identity, clientID) {
		return &Rights{Identity: identity, Subscribe: ownTopics(clientID)}
	}
	r := Broadcaster(clientID, clientID)
	r.Identity = identity
	return r
}

// Receiver returns the rights of the role receive: it reads everything, sends
// commands, and publishes what its page is asked to.
func Receiver(identity, clientID string) *Rights {
	return &Rights{
		Identity:  identity,
		Publish:   []string{stream.TopicStream, stream.CommandTopic("+")},
		Subscribe: append(ownTopics(clientID), stream.TopicStream, stream.TopicControl),
	}
}

// Client returns the rights of the role client: it reads the stream, and publishes
// where hellox publish does and on hello_world/NAME and below.
func Client(name, clientID string) *Rights {
	return &Rights{
		Identity:  name,
		Publish:   []string{stream.TopicPublish, strings.TrimSuffix(stream.TopicStream, "#") + name + "/#"},
		Subscribe: append(ownTopics(clientID), stream.TopicStream),
	}
}

// ownTopics returns what every client may read: how the broker is, and why it is
// refused.
func ownTopics(clientID string) []string {
	topics := []string{stream.TopicBroker}
	if t, ok := stream.RefusedTopic(clientID); ok {
		topics = append(topics, t)
	}
	return topics
}
