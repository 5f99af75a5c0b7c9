package broker

import (
	"cmp"
	"errors"
	"fmt"
	"time"

	mqtt "github.com/mochi-mqtt/server/v2"
	"github.com/mochi-mqtt/server/v2/packets"

	"hellox/stream"
)

// A hook answers mochi's questions. It is the only one: of several, mochi would
// take permission from any (hooks.go:672).
type hook struct {
	mqtt.HookBase
	broker *Broker
}

// Limits on what a client may ask for. Matching a topic costs mochi the square
// of its levels (topics.go, isolateParticle), and each topic filter stays in memory.
const (
	maxLevels       = 16
	maxTopicBytes   = 512
	maxTopicFilters = 50
	maxClientID     = 256
)

// connackV3 returns the MQTT 3.1.1 code for a refusal. mochi translates fewer and
// sends the others as they are, which no client understands.
func connackV3(code packets.Code) packets.Code {
	switch code.Code {
	case packets.ErrClientIdentifierNotValid.Code:
		return packets.Err3ClientIdentifierNotValid
	case packets.ErrNotAuthorized.Code:
		return packets.Err3NotAuthorized
	}
	return packets.Err3ServerUnavailable
}

// connackInvalid returns the MQTT 3.1.1 code for a CONNECT that mochi finds
// invalid, or 0 if the client is to be disconnected without an answer.
func connackInvalid(pk *packets.Packet) byte {
	switch pk.Properties.ReasonString {
	case packets.ErrUnspecifiedError.Reason: // no client ID and no clean session [MQTT-3.1.3-8]
		return packets.Err3ClientIdentifierNotValid.Code
	case packets.ErrProtocolViolationProtocolVersion.Reason, packets.ErrUnsupportedProtocolVersion.Reason: // [MQTT-3.1.2-2]
		return packets.Err3UnsupportedProtocolVersion.Code
	}
	return 0
}

func (h *hook) ID() string { return "hellox" }

func (h *hook) Provides(b byte) bool {
	switch b {
	case mqtt.OnConnect, mqtt.OnConnectAuthenticate, mqtt.OnSessionEstablish, mqtt.OnSessionEstablished,
		mqtt.OnACLCheck, mqtt.OnPacketRead, mqtt.OnPacketEncode, mqtt.OnPacketProcessed,
		mqtt.OnSubscribe, mqtt.OnSubscribed, mqtt.OnUnsubscribe, mqtt.OnPublish:
		return true
	}
	return false
}

// connOf returns the connection of a client, or nil for mochi's own client.
func connOf(cl *mqtt.Client) *conn {
	c, _ := cl.Net.Conn.(*conn)
	return c
}

// OnConnect accepts or refuses a CONNECT. An error ends the connection; the
// refusal has been sent by then.
func (h *hook) OnConnect(cl *mqtt.Client, pk packets.Packet) error {
	c := connOf(cl)
	c.id, c.v5 = cl.ID, cl.Properties.ProtocolVersion == 5
	refuse := func(kind, reason string, code packets.Code) error {
		c.tellRefusal(refusal{kind: kind, reason: reason})
		c.refused = true
		code.Reason = reason
		if !c.v5 {
			code = connackV3(code)
		}
		_ = h.broker.server.SendConnack(cl, code, false, nil)
		return code
	}
	switch {
	case h.broker.stopping():
		return refuse("stopping", "the broker is stopping", packets.ErrServerUnavailable)
	case len(cl.ID) > maxClientID:
		return refuse("client id", fmt.Sprintf("the client ID has %d bytes; at most %d", len(cl.ID), maxClientID), packets.ErrClientIdentifierTooLong)
	case !h.broker.sessions.mayUse(cl.ID, c.rights):
		return refuse("client id of another", "the client ID belongs to another user", packets.ErrClientIdentifierNotValid)
	case !h.broker.sessions.hasRoomFor(cl.ID):
		return refuse("sessions", fmt.Sprintf("the broker has its most sessions (%d)", maxSessions), packets.ErrQuotaExceeded)
	}
	c.will = newWill(cl, &pk)
	// From here on mochi has no will to publish.
	cl.Properties.Will = mqtt.Will{}
	if w := c.will; w != nil {
		err := checkTopic(w.message.Topic)
		if err == nil {
			err = c.mayPublish(w.message.Topic)
		}
		if err != nil {
			c.will = nil
			return refuse("will", fmt.Sprintf("last will on %q: %v", w.message.Topic[:min(len(w.message.Topic), maxTopicBytes)], err), packets.ErrNotAuthorized)
		}
	}
	// mochi adds half in 16 bits (clients.go:265), and takes 0 for never.
	if k := cl.State.Keepalive; k == 0 || k > maxKeepalive {
		cl.State.Keepalive, cl.State.ServerKeepalive = maxKeepalive, true
	}
	// One and a half times the keep alive [MQTT-3.1.2-24]: mochi halves whole
	// seconds.
	c.halfSecond = cl.State.Keepalive%2 == 1
	c.deadlineStep = min(time.Second, time.Duration(cl.State.Keepalive)*time.Second/8)
	c.receiveMaximum, c.maxPacket = maxInflight, int(cl.Properties.Props.MaximumPacketSize)
	if r := int(pk.Properties.ReceiveMaximum); c.v5 && r > 0 {
		c.receiveMaximum = min(r, maxInflight)
	}
	return h.broker.backoff.wait(c)
}

// OnConnectAuthenticate accepts clients to which the listener gave rights.
func (h *hook) OnConnectAuthenticate(cl *mqtt.Client, _ packets.Packet) bool {
	return connOf(cl).rights != nil
}

// OnSessionEstablish is called before the CONNACK.
func (h *hook) OnSessionEstablish(cl *mqtt.Client, pk packets.Packet) {
	c := connOf(cl)
	expiry := sessionExpiry(cl, &pk)
	var old *conn
	var ended *session
	c.session, old, ended, c.present = h.broker.sessions.claim(c, pk.Connect.Clean, expiry)
	if old != nil {
		// Its will is published before the new connection can publish
		// anything, else "lost" would overtake "here".
		if w := old.takeWill(); w != nil && (w.delay == 0 || !c.present) {
			// With a delay the client has come back in time [MQTT-3.1.3-9].
			h.broker.publishWill(w)
		}
		old.refuse(refusal{"taken over", "", fmt.Sprintf("another client connected with the client ID %q, from %s", c.id, c.RemoteAddr()), packets.ErrSessionTakenOver})
	}
	if ended != nil {
		h.broker.endSession(ended, "replaced")
	}
	if c.present {
		c.session.takeWill() // the client is back in time
	}
	if expiry > 0 || c.present {
		c.wroteSeq(h.broker.journal.Save(c.session, c))
	}
}

// sessionExpiry returns how long the session lasts after its client has left.
func sessionExpiry(cl *mqtt.Client, pk *packets.Packet) time.Duration {
	if cl.Properties.ProtocolVersion < 5 {
		if pk.Connect.Clean {
			return 0
		}
		return maxSessionExpiry
	}
	return min(time.Duration(cl.Properties.Props.SessionExpiryInterval)*time.Second, maxSessionExpiry)
}

// OnSessionEstablished is called after the CONNACK: now messages may follow.
func (h *hook) OnSessionEstablished(cl *mqtt.Client, _ packets.Packet) {
	if c := connOf(cl); !c.session.attach(c, h.broker.now) {
		c.Abort() // another connection has taken the session over
	}
}

// OnACLCheck is called for the topic of a PUBLISH and each topic filter of a SUBSCRIBE.
func (h *hook) OnACLCheck(cl *mqtt.Client, topic string, write bool) bool {
	c := connOf(cl)
	if c == nil {
		return false
	}
	kind, err := kindRights, error(nil)
	switch {
	case write:
		err = c.mayPublish(topic)
	case c.tooManyTopicFilters:
		kind, err = "topic filters", fmt.Errorf("a session has at most %d topic filters", maxTopicFilters)
	case checkTopicFilter(topic) != nil:
		kind, err = "topic filter", checkTopicFilter(topic)
	case !c.rights.MaySubscribe(topic):
		err = errors.New("this client may not subscribe to that topic filter")
	}
	if err != nil {
		c.tellRefusal(refusal{kind: kind, topic: topic, reason: err.Error()})
	}
	return err == nil
}

// mayPublish returns why the client may not publish on topic, or nil.
func (c *conn) mayPublish(topic string) error {
	switch {
	case stream.OwnedByBroker(topic):
		return errors.New("only the broker itself publishes on that topic")
	case !c.rights.MayPublish(topic):
		return errors.New("this client may not publish on that topic")
	}
	return nil
}

// OnPacketRead is called for each packet before mochi handles it.
func (h *hook) OnPacketRead(cl *mqtt.Client, pk packets.Packet) (packets.Packet, error) {
	c := connOf(cl)
	if c.isClosing() {
		// Read before the connection was closed: what follows a message that
		// was refused must not overtake it.
		return pk, packets.ErrRejectPacket
	}
	switch pk.FixedHeader.Type {
	case packets.Publish:
		// mochi drops such a message and never acknowledges it
		// (server.go:859).
		if err := checkTopic(pk.TopicName); err != nil && !(pk.TopicName == "" && pk.Properties.TopicAliasFlag) {
			c.refuse(refusal{kindTopic, pk.TopicName, err.Error(), packets.ErrTopicNameInvalid})
			return pk, packets.ErrRejectPacket
		}
	case packets.Puback:
		if c.session != nil {
			c.session.ack(c, pk.PacketID, h.broker.now().Unix())
		}
		return ignoredAck(pk), nil
	case packets.Pubrec, packets.Pubcomp:
		return ignoredAck(pk), nil // we send nothing at QoS 2
	case packets.Disconnect:
		if pk.ReasonCode != packets.CodeDisconnectWillMessage.Code {
			c.takeWill()
		}
		if e := pk.Properties; e.SessionExpiryIntervalFlag && c.session != nil {
			c.session.setExpiry(min(time.Duration(e.SessionExpiryInterval)*time.Second, maxSessionExpiry))
		}
	}
	return pk, nil
}

// ignoredAck turns an acknowledgement of what we sent into one that mochi
// ignores: its table has the packet ids of what the client publishes, and ours
// are others (server.go:893, 1121).
func ignoredAck(pk packets.Packet) packets.Packet {
	pk.FixedHeader.Type = packets.Puback
	pk.PacketID = 0
	return pk
}

// OnPacketEncode corrects what mochi cannot know.
func (h *hook) OnPacketEncode(cl *mqtt.Client, pk packets.Packet) packets.Packet {
	c := connOf(cl)
	switch pk.FixedHeader.Type {
	case packets.Connack:
		if pk.ReasonCode == 0 {
			pk.SessionPresent = c.present
			pk.Properties.MaximumPacketSize = maxPacket
			pk.Properties.SharedSubAvailable, pk.Properties.SharedSubAvailableFlag = 0, true
		} else if pk.ProtocolVersion != 5 && pk.ReasonCode > packets.Err3NotAuthorized.Code {
			pk.ReasonCode = connackInvalid(&pk)
			c.muted = pk.ReasonCode == 0
		}
	case packets.Pubrec:
		// A QoS 2 message that comes again before its PUBREL was accepted
		// the first time. To MQTT 5 mochi answers with an error
		// (server.go:894), and the client may give the message up.
		if pk.ReasonCode == packets.ErrPacketIdentifierInUse.Code {
			pk.ReasonCode, pk.Properties.ReasonString = packets.CodeSuccess.Code, ""
		}
	case packets.Unsuback:
		if len(c.unsubscribed) == len(pk.ReasonCodes) {
			pk.ReasonCodes = c.unsubscribed
		}
	}
	return pk
}

// OnPublish takes a message over from mochi, which then only acknowledges it.
func (h *hook) OnPublish(cl *mqtt.Client, pk packets.Packet) (packets.Packet, error) {
	c := connOf(cl)
	h.broker.metrics.receivedQoS[pk.FixedHeader.Qos].Inc()
	m := newMessage(&pk, cl.ID, h.broker.now().Unix())
	if err := h.broker.publish(m, c, c); err != nil {
		// Without an acknowledgement and a connection the client keeps the
		// message and sends it again.
		h.broker.backoff.refused(c)
		c.Refuse(cmp.Or(h.broker.Degraded(), err.Error()))
		return pk, packets.ErrRejectPacket
	}
	return pk, packets.CodeSuccessIgnore
}
