package mqtt

import (
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode"

	"github.com/eclipse/paho.mqtt.golang/packets"

	"hellox/stream/clienturi"
	"hellox/stream/safetext"
)

// An asking is what a CONNECT asks for, as far as a broker may refuse it.
type asking struct {
	clientID  string
	willTopic string // "": there is no last will
}

func (o *ClientOptions) asking() asking {
	a := asking{clientID: o.ClientID}
	if o.Will != nil {
		a.willTopic = o.Will.Topic
	}
	return a
}

// explainRefusal explains the codes of CONNACK, and reports whether it is one. MQTT
// 3.1.1 has five, and no room for a reason: of those that a code stands for, what the
// client asked for tells some.
func (e *ConnectError) explainRefusal(who asking) bool {
	err := e.err
	switch {
	case (errors.Is(err, packets.ErrorRefusedBadUsernameOrPassword) || errors.Is(err, packets.ErrorRefusedNotAuthorised)) && e.explainToken(time.Now()):
	case errors.Is(err, packets.ErrorRefusedBadUsernameOrPassword) && e.Broker.User == "":
		e.kind, e.Cause = ErrDenied, "the broker asks for a user name and a password"
		e.hint = "give them with --user and --password"
	case errors.Is(err, packets.ErrorRefusedBadUsernameOrPassword):
		e.kind, e.Cause = ErrDenied, fmt.Sprintf("the broker does not know the user %q with this password", safetext.Clean(e.Broker.User))
		e.hint = "give others with --user and --password"
	case errors.Is(err, packets.ErrorRefusedNotAuthorised) && e.Broker.Files.Cert != "":
		e.explainCertificate(who)
	case errors.Is(err, packets.ErrorRefusedNotAuthorised) && who.willTopic != "":
		e.kind, e.Cause = ErrDenied, "the broker does not let this user in, or not with a last will on "+safetext.Topic(who.willTopic)
		e.hint = "give another with --user and --password; in the ACL of a hellox broker, role USER broadcast allows it"
	case errors.Is(err, packets.ErrorRefusedNotAuthorised):
		e.kind, e.Cause = ErrDenied, "the broker does not let this user in"
		e.hint = "give another with --user and --password"
	case errors.Is(err, packets.ErrorRefusedIDRejected):
		e.kind, e.Cause = ErrDenied, fmt.Sprintf("the broker refuses the client ID %q", safetext.Clean(who.clientID))
		e.hint = "give another with --client-id (broadcast: --id); a hellox broker with users " + whyRefused(who.clientID)
	case errors.Is(err, packets.ErrorRefusedBadProtocolVersion):
		e.kind, e.Cause = ErrDenied, "the broker does not speak MQTT 3.1.1"
	case errors.Is(err, packets.ErrorRefusedServerUnavailable):
		e.Cause = "the broker says that it is unavailable"
		e.hint = "a hellox broker says so when it has its most sessions (--max-sessions), when too many log in at once, while it stops and, of several nodes, while most are gone; its log says which"
	default:
		return false
	}
	return true
}

// explainCertificate explains why a broker may refuse who shows a certificate: it is
// that which says who the client is, not a user.
func (e *ConnectError) explainCertificate(who asking) {
	e.kind, e.Cause = ErrDenied, "the broker does not let the client certificate of "+safetext.Clean(e.Broker.Files.Cert)+" in"
	identity := "its URI"
	if pair, err := e.Broker.Files.keyPair(); err == nil && pair.Leaf != nil {
		uri, err := clienturi.Of(pair.Leaf)
		if err != nil {
			e.Cause += ", which " + safetext.Clean(err.Error())
			e.hint = makesOne + " makes one with the URI hellox://local/client/NAME, as a hellox broker wants it"
			return
		}
		identity = safetext.Clean(uri)
	}
	e.hint = "the ACL of a hellox broker (--acl) must allow something to " + identity
	if who.willTopic != "" {
		e.Cause += ", or not with a last will on " + safetext.Topic(who.willTopic)
		e.hint = "in the ACL of a hellox broker (--acl), role " + identity + " broadcast allows it"
	}
}

// whyRefused says which rule of a hellox broker with users a client ID breaks.
func whyRefused(id string) string {
	const most = 64 // bytes
	switch {
	case len(id) > most:
		return fmt.Sprintf("takes at most %d bytes, and this one has %d", most, len(id))
	case strings.ContainsAny(id, "/+#$") || strings.ContainsFunc(id, unicode.IsControl):
		return "takes none with / + # $ or control characters"
	case strings.HasPrefix(id, "hellox-receive"):
		return "gives this one to the user of role receive only"
	case strings.HasPrefix(id, "broadcast-"):
		return "gives this one to the user of that name and role broadcast only"
	}
	return "keeps it for another user while that one's session exists"
}
