package nats

import (
	"slices"

	"github.com/nats-io/jwt/v2"

	"hellox/broker/rights"
	"hellox/stream/subject"
)

// reserved are the subjects of nats-server and of hellox's own streams: no MQTT client
// publishes or reads there, whatever it may do else.
var reserved = []string{
	"$JS.>", "$KV.>", "$O.>", "$OBJ.>", "$SYS.>", "$SRV.>", "$NRG.>", "$JSC.>", "$LDS.>", "$GR.>", "$GNR.>", "$HELLOX.>",
	"_INBOX.>", "_R_.>", "_GR_.>", "$G.>",
}

// Those below $MQTT.> may not be published to. Of what is read below it, nats-server
// itself subscribes to the two of internal for its MQTT clients, and lets no client
// subscribe to any.
const mqttOwn = "$MQTT.>"

var internal = []string{"$MQTT.sub.>", "$MQTT.deliver.pubrel.>"}

// permissions returns the rights of an MQTT client as permissions of subjects. What
// cannot be expressed exactly is denied. One difference stays: a rule that begins with
// a wildcard allows topics that begin with $, too, but the reserved ones.
func permissions(r *rights.Rights) jwt.Permissions {
	deny := slices.Clone(reserved)
	for _, f := range r.Deny {
		subjects, _, err := subject.Filter(f)
		if err == nil { // else no client has such a topic
			deny = append(deny, subjects...)
		}
	}
	var p jwt.Permissions
	p.Pub.Allow, p.Sub.Allow = allowed(r.Publish), append(allowed(r.Subscribe), internal...)
	p.Pub.Deny, p.Sub.Deny = append(slices.Clone(deny), mqttOwn), deny
	if len(p.Pub.Allow) == 0 {
		p.Pub.Deny = jwt.StringList{">"} // an empty list allows everything
	}
	return p
}

func allowed(topicFilters []string) (subjects jwt.StringList) {
	for _, f := range topicFilters {
		if s, exact, err := subject.Filter(f); err == nil && exact {
			subjects = append(subjects, s...)
		}
	}
	return subjects
}
