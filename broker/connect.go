package broker

import (
	"crypto/rand"
	"errors"
	"fmt"
	"time"

	"github.com/mochi-mqtt/server/v2/packets"

	"hellox/broker/rights"
	"hellox/broker/wire"
	"hellox/stream"
)

// maxClientID is the most bytes of a client ID where clients have no identities.
const maxClientID = 256

// connackV3 returns the MQTT 3.1.1 code for a refusal.
func connackV3(code packets.Code) packets.Code {
	switch code.Code {
	case packets.ErrUnsupportedProtocolVersion.Code:
		return packets.Err3UnsupportedProtocolVersion
	case packets.ErrClientIdentifierNotValid.Code:
		return packets.Err3ClientIdentifierNotValid
	case packets.ErrBadUsernameOrPassword.Code:
		return packets.Code{Code: 4} // the library has no name for it
	case packets.ErrNotAuthorized.Code:
		return packets.Err3NotAuthorized
	}
	return packets.Err3ServerUnavailable
}

// refuseConnect answers a first packet that is no CONNECT, or one that the
// standards forbid.
func (h *handler) refuseConnect(pk *packets.Packet, err error) {
	e, ok := errors.AsType[*wire.Error](err)
	if !ok {
		return // it sent none
	}
	r := refusalOf(e)
	switch {
	case pk.ProtocolVersion == 5:
		h.conn.v5 = true
		h.refuseWithConnack(r)
	case e.Code == packets.ErrUnsupportedProtocolVersion, // [MQTT-3.1.2-2]
		e.Code == packets.ErrPacketTooLarge && pk.ProtocolVersion != 0: // it may be well formed [MQTT-3.2.2-4]
		h.refuseWithConnack(r)
	default: // MQTT 3.1.1 has no code for it, and says to close
		h.conn.refused = true
		h.conn.tellRefusal(r)
	}
}

// refuseWithConnack refuses a client that is not connected yet.
func (h *handler) refuseWithConnack(r refusal) {
	h.conn.refused = true
	h.conn.tellRefusal(r)
	ack := packets.Packet{ProtocolVersion: 4, ReasonCode: connackV3(r.code).Code}
	if h.conn.v5 {
		ack.ProtocolVersion, ack.ReasonCode = 5, r.code.Code
		ack.Properties.ReasonString = r.reason
		ack.Mods.MaxSize = uint32(h.conn.maxPacket)
	}
	ack.FixedHeader.Type = packets.Connack
	_ = h.conn.sendPacket(&ack) // it is closed now in any case
}

// connect handles a CONNECT. An error ends the connection; the refusal has been
// sent by then.
func (h *handler) connect(pk *packets.Packet) error {
	h.greet(pk)
	if r, ok := h.admit(pk); !ok {
		h.refuseWithConnack(r)
		return errRefused
	}
	if err := h.broker.backoff.wait(h.conn); err != nil {
		return err
	}
	expiry := h.establish(pk)
	if h.conn.session == nil { // a client of another identity was faster since admit
		h.conn.takeWill()
		h.refuseWithConnack(ownedByAnother())
		return errRefused
	}
	if err := h.conn.sendPacket(h.connack(pk, expiry)); err != nil {
		return err
	}
	// Now messages may follow.
	if !h.conn.session.attach(h.conn, &h.broker.router, h.broker.now) {
		h.conn.Abort() // another connection has taken the session over
		return errRefused
	}
	if ends := h.conn.subject.login.Ends; !ends.IsZero() {
		h.conn.ends.Store(ends.UnixNano())
	}
	h.sendRetained(nil) // those that an earlier connection did not get
	return nil
}

// greet notes what a CONNECT says of its client.
func (h *handler) greet(pk *packets.Packet) {
	p := &pk.Properties
	h.conn.v5 = pk.ProtocolVersion == 5
	h.conn.id = pk.Connect.ClientIdentifier
	h.conn.maxPacket = int(p.MaximumPacketSize)
	h.conn.problemInfo = !p.RequestProblemInfoFlag || p.RequestProblemInfo == 1
	h.conn.receiveMaximum = h.broker.limits.Inflight
	if p.ReceiveMaximum > 0 {
		h.conn.receiveMaximum = min(int(p.ReceiveMaximum), h.broker.limits.Inflight)
	}
	h.conn.keepAlive = time.Duration(pk.Connect.Keepalive) * time.Second
	if most := h.broker.limits.KeepAlive; h.conn.keepAlive == 0 || h.conn.keepAlive > most {
		h.conn.keepAlive = most
	}
}

// admit returns why a client is not let in, or true. It takes over the client's
// last will.
func (h *handler) admit(pk *packets.Packet) (refusal, bool) {
	deny := func(kind, reason string, code packets.Code) (refusal, bool) {
		return refusal{kind: kind, reason: reason, code: code}, false
	}
	switch {
	case h.broker.stopping():
		return deny("stopping", "the broker is stopping", packets.ErrServerUnavailable)
	case pk.Properties.AuthenticationMethod != "":
		return deny("authentication method", "the broker knows no authentication method", packets.ErrBadAuthenticationMethod)
	case h.conn.id == "" && !h.conn.v5 && !pk.Connect.Clean: // [MQTT-3.1.3-8]
		return deny("client id", "without a client ID there is no session to keep", packets.ErrClientIdentifierNotValid)
	}
	if h.conn.id == "" {
		h.conn.id = rand.Text() // [MQTT-3.1.3-6]
	}
	if d := h.broker.drain; d != "" && h.conn.id != d {
		return deny("draining", "the broker is being moved, and lets in only the receiver", packets.ErrServerUnavailable)
	}
	if r, ok := h.conn.identify(pk, h.broker.sessions.ownerOf(h.conn.id)); !ok {
		return r, false
	}
	switch {
	case !h.broker.sessions.mayUse(h.conn.id, h.conn.rights()):
		return ownedByAnother(), false
	case !h.countConnection():
		return deny("connections", beyondShare(h.conn.owner, "connections", h.broker.limits.Connections), packets.ErrQuotaExceeded)
	}
	if reason := h.broker.sessions.hasRoomFor(h.conn.id, h.conn.rights().Identity); reason != "" {
		return deny("sessions", reason, packets.ErrQuotaExceeded)
	}
	h.conn.will = newWill(h.conn, pk)
	if w := h.conn.will; w != nil {
		err := h.broker.limits.checkTopic(w.message.Topic)
		if err == nil {
			err = mayPublish(h.conn.rights(), w.message.Topic)
		}
		if err != nil {
			h.conn.will = nil
			return deny("will", fmt.Sprintf("last will on %q: %v", w.message.Topic[:min(len(w.message.Topic), maxTopicBytes)], err), packets.ErrNotAuthorized)
		}
	}
	return refusal{}, true
}

// countConnection counts the connection as one of its identity, and returns false if
// that has its share. One that takes another connection's place is let in.
func (h *handler) countConnection() bool {
	h.conn.owner = sharer(h.conn.rights().Identity)
	if h.broker.sessions.hasClient(h.conn.id) {
		h.broker.connectedBy.add(h.conn.owner, 1)
	} else if !h.broker.connectedBy.take(h.conn.owner, h.broker.limits.Connections) {
		return false
	}
	h.conn.counted = true
	return true
}

// ownedByAnother is the refusal of a client whose ID has a session of another
// identity.
func ownedByAnother() refusal {
	return refusal{"client id of another", "", "the client ID belongs to another user, client certificate or pod", packets.ErrClientIdentifierNotValid}
}

// establish gives c its session, unless another identity has it, and returns how
// long that lasts. It is called
// before the CONNACK.
func (h *handler) establish(pk *packets.Packet) (expiry time.Duration) {
	expiry = h.sessionExpiry(pk)
	var old *conn
	var ended *session
	h.conn.session, old, ended, h.conn.present = h.broker.sessions.claim(h.conn, pk.Connect.Clean, expiry)
	if h.conn.session == nil {
		return 0
	}
	if old != nil {
		// Its will is published before the new connection can publish
		// anything, else "lost" would overtake "here".
		if w := old.takeWill(); w != nil && (w.delay == 0 || !h.conn.present) {
			// With a delay the client has come back in time [MQTT-3.1.3-9].
			h.broker.publishWill(w)
		}
		old.refuse(refusal{"taken over", "", fmt.Sprintf("%s%q, from %s", stream.RefusedTakenOver, h.conn.id, h.conn.RemoteAddr()), packets.ErrSessionTakenOver})
	}
	if ended != nil {
		h.broker.endSession(ended, "replaced")
	}
	if h.conn.present {
		h.conn.session.takeWill() // the client is back in time
	}
	if expiry > 0 || h.conn.present {
		h.conn.wroteSeq(h.broker.journal.Save(h.conn.session, h.conn))
	}
	return expiry
}

// sessionExpiry returns how long the session lasts after its client has left.
func (h *handler) sessionExpiry(pk *packets.Packet) time.Duration {
	if pk.ProtocolVersion < 5 {
		if pk.Connect.Clean {
			return 0
		}
		return h.broker.limits.SessionExpiry
	}
	return min(time.Duration(pk.Properties.SessionExpiryInterval)*time.Second, h.broker.limits.SessionExpiry)
}

// connack returns the CONNACK of a client that is let in. MQTT 5 learns what its
// CONNECT does not get, and the limits.
func (h *handler) connack(pk *packets.Packet, expiry time.Duration) *packets.Packet {
	ack := &packets.Packet{ProtocolVersion: pk.ProtocolVersion, SessionPresent: h.conn.present}
	ack.FixedHeader.Type = packets.Connack
	if !h.conn.v5 {
		return ack
	}
	p := &ack.Properties
	p.ReceiveMaximum, p.MaximumPacketSize = receiveMaximum, wire.MaxPacket
	p.SharedSubAvailable, p.SharedSubAvailableFlag = 1, true
	if pk.Connect.ClientIdentifier == "" {
		p.AssignedClientID = h.conn.id // [MQTT-3.1.3-7]
	}
	if k := uint16(h.conn.keepAlive / time.Second); k != pk.Connect.Keepalive { // [MQTT-3.1.2-21]
		p.ServerKeepAlive, p.ServerKeepAliveFlag = k, true
	}
	if e := uint32(expiry / time.Second); e != pk.Properties.SessionExpiryInterval {
		p.SessionExpiryInterval, p.SessionExpiryIntervalFlag = e, true
	}
	return ack
}

// mayPublish returns why a client with these rights may not publish on topic, or
// nil.
func mayPublish(r *rights.Rights, topic string) error {
	switch {
	case stream.OwnedByBroker(topic):
		return errors.New("only the broker itself publishes on that topic")
	case !r.MayPublish(topic):
		return errors.New("this client may not publish on that topic")
	}
	return nil
}
