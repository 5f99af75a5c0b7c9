package broker

import (
	"errors"
	"net"
	"time"

	"github.com/mochi-mqtt/server/v2/packets"

	"hellox/broker/wire"
)

var (
	errDisconnected = errors.New("the client disconnected")
	errRefused      = errors.New("the client was refused")
)

// A handler handles what one client sends. Its methods are called by the
// connection's reading goroutine.
type handler struct {
	broker *Broker
	conn   *conn
}

// run handles what a client sends, one packet after the other, until its
// connection ends, and returns why.
//
// It waits for the next packet where nothing of one is on the stack: the goroutine of
// a client that is idle, as most are, then keeps a small one, and a packet decoded
// takes more than all else.
func (h *handler) run() error {
	err := h.first()
	for err == nil {
		h.renewDeadline()
		if err = h.conn.packets.Wait(); err == nil {
			err = h.next()
		} else {
			h.unread(err)
		}
	}
	return err
}

// first handles the packet that is to be a CONNECT.
func (h *handler) first() error {
	pk, err := h.conn.packets.Next()
	h.conn.accepted.greeted()
	if err == nil {
		err = h.connect(&pk)
	} else {
		h.refuseConnect(&pk, err)
	}
	return err
}

// next reads and handles the packet that has begun to come.
func (h *handler) next() error {
	pk, err := h.conn.packets.Next()
	switch {
	case err != nil:
		h.unread(err)
	case h.conn.isClosing():
		// Read before the connection was closed: what follows a message that
		// was refused must not overtake it.
		err = net.ErrClosed
	default:
		err = h.handle(&pk)
	}
	if e, ok := errors.AsType[*wire.Error](err); ok {
		h.conn.refuse(refusalOf(e))
	}
	return err
}

// unread counts a client that was silent for too long.
func (h *handler) unread(err error) {
	if isTimeout(err) {
		h.broker.metrics.silentClients.Inc()
	}
}

// handle handles one packet. An error ends the connection.
func (h *handler) handle(pk *packets.Packet) error {
	switch pk.FixedHeader.Type {
	case packets.Publish:
		return h.receive(pk)
	case packets.Puback:
		return h.conn.session.ack(h.conn, pk.PacketID, 1, pk.ReasonCode, h.broker.now().Unix())
	case packets.Pubrec:
		return h.conn.session.receivedBy(h.conn, pk.PacketID, pk.ReasonCode, h.broker.now().Unix())
	case packets.Pubcomp:
		return h.conn.session.ack(h.conn, pk.PacketID, 2, 0, h.broker.now().Unix())
	case packets.Pubrel:
		return h.release(pk.PacketID)
	case packets.Subscribe:
		return h.subscribe(pk)
	case packets.Unsubscribe:
		return h.unsubscribe(pk)
	case packets.Pingreq:
		return h.conn.send([]byte{packets.Pingresp << 4, 0})
	case packets.Disconnect:
		return h.disconnected(pk)
	}
	return nil
}

// disconnected handles a DISCONNECT.
func (h *handler) disconnected(pk *packets.Packet) error {
	if p := &pk.Properties; p.SessionExpiryIntervalFlag {
		expiry := min(time.Duration(p.SessionExpiryInterval)*time.Second, h.broker.limits.SessionExpiry)
		if !h.conn.session.setExpiry(expiry) { // 5: [MQTT-3.14.2-2]
			return &wire.Error{Reason: packets.ErrProtocolViolationZeroNonZeroExpiry.Reason, Code: packets.ErrProtocolViolationZeroNonZeroExpiry}
		}
	}
	if pk.ReasonCode != packets.CodeDisconnectWillMessage.Code {
		h.conn.takeWill()
	}
	return errDisconnected
}

// renewDeadline gives the client one and a half times its keep alive for the
// next packet [MQTT-3.1.2-22]. It moves the read deadline only, in steps: pings do
// not keep a client that does not read.
func (h *handler) renewDeadline() {
	t := h.conn.shared.now().Add(h.conn.keepAlive + h.conn.keepAlive/2)
	if d := t.Sub(h.conn.deadline); d >= 0 && d < min(time.Second, h.conn.keepAlive/8) {
		return
	}
	h.conn.deadline = t
	h.conn.mu.Lock()
	defer h.conn.mu.Unlock()
	if !h.conn.closing { // else Close has set the last one
		_ = h.conn.Conn.SetReadDeadline(t)
	}
}
