package broker

import (
	"cmp"

	"github.com/mochi-mqtt/server/v2/packets"

	"hellox/broker/journal"
	"hellox/broker/wire"
)

// receiveMaximum is how many messages at QoS 2 a client of MQTT 5 may send before
// it releases the first. MQTT 3.1.1 knows no such limit: there the packet IDs
// are it, and Limits.Unreleased.
const receiveMaximum = 1000

// receive handles a PUBLISH.
func (h *handler) receive(pk *packets.Packet) error {
	if pk.Properties.TopicAliasFlag { // the CONNACK says that there are none
		return &wire.Error{Reason: packets.ErrTopicAliasInvalid.Reason, Code: packets.ErrTopicAliasInvalid}
	}
	if err := h.broker.limits.checkTopic(pk.TopicName); err != nil {
		h.conn.refuse(refusal{kindTopic, pk.TopicName, err.Error(), packets.ErrTopicNameInvalid})
		return errRefused
	}
	if err := mayPublish(h.conn.rights(), pk.TopicName); err != nil {
		return h.refusePublish(pk, refusal{kindRights, pk.TopicName, err.Error(), packets.ErrNotAuthorized})
	}
	if err := h.await(pk.FixedHeader.Qos); err != nil {
		return err
	}
	if pk.FixedHeader.Qos == 2 {
		s := h.conn.session
		switch {
		case s.hasReceived(pk.PacketID):
			// Sent again: it was taken the first time, and may not be on disk yet.
			h.conn.wroteSeq(h.broker.journal.LastSeq())
			return h.ack(packets.Pubrec, pk.PacketID)
		case h.conn.v5 && s.unreleased() >= receiveMaximum:
			return &wire.Error{Reason: packets.ErrReceiveMaximum.Reason, Code: packets.ErrReceiveMaximum} // 5: [MQTT-3.3.4-8]
		}
		if reason := h.broker.sessions.receiving(s, pk.PacketID); reason != "" {
			return h.refusePublish(pk, refusal{"qos 2", pk.TopicName, reason, packets.ErrQuotaExceeded})
		}
	}
	h.broker.metrics.receivedQoS[pk.FixedHeader.Qos].Inc()
	m := newMessage(pk, h.conn.id, h.broker.now().Unix())
	h.conn.subject.own(m)
	unretained, err := h.publishFrom(m, pk.PacketID)
	if err != nil {
		return h.refuseForNow(err)
	}
	switch {
	case unretained != nil && h.conn.v5 && m.QoS > 0:
		return h.ackUnretained(m.QoS, pk.PacketID, *unretained)
	case m.QoS == 1:
		return h.ack(packets.Puback, pk.PacketID)
	case m.QoS == 2:
		return h.ack(packets.Pubrec, pk.PacketID)
	}
	return nil
}

// await waits until a message at a QoS can be stored for the sessions that
// publishers wait for, or refuses it for now. Their own clients do not wait: they may
// publish first. It comes before a packet ID is noted: one that is known is acknowledged
// when it comes again.
func (h *handler) await(qos byte) error {
	if qos == 0 || h.conn.session.guarded {
		return nil
	}
	if err := h.broker.awaited.wait(h.broker.stop); err != nil {
		return h.refuseForNow(err)
	}
	if h.conn.isClosing() { // its client may have sent it again elsewhere
		return errRefused
	}
	return nil
}

// refuseForNow disconnects a client whose message is not taken: without an
// acknowledgement and a connection it keeps the message and sends it again.
func (h *handler) refuseForNow(err error) error {
	h.broker.backoff.refused(h.conn)
	h.conn.Refuse(cmp.Or(h.broker.Degraded(), err.Error()))
	return errRefused
}

// publishFrom publishes what a client sent. At QoS 2 its packet ID is on disk with
// the message, if the client's session is.
func (h *handler) publishFrom(m *journal.Message, id uint16) (unretained *refusal, err error) {
	var receipt *journal.Receipt
	if m.QoS == 2 && h.conn.session.stored {
		receipt = &journal.Receipt{Publisher: h.conn.session, ID: id}
	}
	unretained, err = h.broker.publish(m, h.conn, receipt)
	if err != nil && m.QoS == 2 {
		h.conn.session.Withdraw(id)
	}
	return unretained, err
}

// ackUnretained acknowledges a message that was delivered and not retained, with the
// code that says so. MQTT 3.1.1 has none, and would send the message again. At QoS 2
// the flow ends with the code: the packet ID is free (5: 4.3.3).
func (h *handler) ackUnretained(qos byte, id uint16, r refusal) error {
	if qos == 1 {
		return h.ackCode(packets.Puback, id, r.code.Code, r.reason)
	}
	h.releaseID(id)
	return h.ackCode(packets.Pubrec, id, r.code.Code, r.reason)
}

// refusePublish refuses a message. A client of MQTT 5 learns it by the code of the
// acknowledgement; one of MQTT 3.1.1 would take an acknowledgement for a yes, and
// is disconnected. At QoS 0 the message is dropped.
func (h *handler) refusePublish(pk *packets.Packet, r refusal) error {
	switch qos := pk.FixedHeader.Qos; {
	case qos == 0:
		h.conn.tellRefusal(r)
		return nil
	case !h.conn.v5:
		h.conn.refuse(r)
		return errRefused
	case qos == 1:
		h.conn.tellRefusal(r)
		return h.ackCode(packets.Puback, pk.PacketID, r.code.Code, r.reason)
	default:
		h.conn.tellRefusal(r)
		return h.ackCode(packets.Pubrec, pk.PacketID, r.code.Code, r.reason)
	}
}

// release handles a PUBREL: the packet ID is free for another message. The PUBCOMP
// waits until that is on disk, else a crash would make the next message with
// this ID one that has come already.
func (h *handler) release(id uint16) error {
	known := h.releaseID(id)
	if !known && h.conn.v5 {
		return h.ackCode(packets.Pubcomp, id, packets.ErrPacketIdentifierNotFound.Code, "")
	}
	return h.ack(packets.Pubcomp, id)
}

// releaseID frees a packet ID, and reports whether it was not free.
func (h *handler) releaseID(id uint16) bool {
	known := h.conn.session.release(id)
	if h.conn.session.stored {
		// Also if it is not known here: after a failed write the disk may know it.
		h.conn.wroteSeq(h.broker.journal.Record(journal.Receipt{Publisher: h.conn.session, ID: id, Released: true}, h.conn))
	}
	return known
}

// ack acknowledges a packet.
func (h *handler) ack(kind byte, id uint16) error {
	var b [4]byte
	return h.conn.send(wire.AppendAck(b[:0], kind, id))
}

// ackCode tells a client of MQTT 5 what an acknowledgement means.
func (h *handler) ackCode(kind byte, id uint16, code byte, reason string) error {
	if !h.conn.problemInfo { // 5: [MQTT-3.1.2-29]
		reason = ""
	}
	return h.conn.send(wire.AppendAckCode(nil, kind, id, code, reason, h.conn.maxPacket))
}
