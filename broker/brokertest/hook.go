package brokertest

import (
	"bytes"
	"io"
	"sync/atomic"
	"time"

	mochi "github.com/mochi-mqtt/server/v2"
	"github.com/mochi-mqtt/server/v2/packets"
)

// A hook lets every client in, except as the broker's fields say.
type hook struct {
	mochi.HookBase
	broker *Broker
	server atomic.Pointer[mochi.Server]
	turns  turns
}

func (h *hook) ID() string { return "test" }
func (h *hook) Provides(b byte) bool {
	return bytes.Contains([]byte{mochi.OnConnectAuthenticate, mochi.OnACLCheck, mochi.OnPublish, mochi.OnSessionEstablished,
		mochi.OnPacketRead, mochi.OnPacketProcessed, mochi.OnSessionEstablish, mochi.OnDisconnect, mochi.OnWill, mochi.OnWillSent}, []byte{b})
}
func (h *hook) OnConnectAuthenticate(_ *mochi.Client, pk packets.Packet) bool {
	deny := h.broker.DenyUser.Load()
	return deny == nil || string(pk.Connect.Username) != *deny
}
func (h *hook) OnSessionEstablished(*mochi.Client, packets.Packet) { h.broker.Connects.Add(1) }
func (h *hook) OnACLCheck(_ *mochi.Client, topic string, _ bool) bool {
	deny := h.broker.DenyTopic.Load()
	return deny == nil || topic != *deny
}
func (h *hook) OnPacketRead(cl *mochi.Client, pk packets.Packet) (packets.Packet, error) {
	switch pk.FixedHeader.Type {
	case packets.Pingreq:
		h.broker.Pings.Add(1)
	case packets.Publish, packets.Subscribe:
		h.turns.take(cl)
	}
	return pk, nil
}
func (h *hook) OnPacketProcessed(cl *mochi.Client, _ packets.Packet, _ error) { h.turns.give(cl) }
func (h *hook) OnWill(cl *mochi.Client, will mochi.Will) (mochi.Will, error) {
	h.turns.take(cl)
	return will, nil
}
func (h *hook) OnWillSent(cl *mochi.Client, _ packets.Packet)  { h.turns.give(cl) }
func (h *hook) OnDisconnect(cl *mochi.Client, _ error, _ bool) { h.turns.give(cl) }

// OnSessionEstablish ends the former connection of a client that is let in, and waits
// until mochi has forgotten it: it would forget the new one in its place.
func (h *hook) OnSessionEstablish(cl *mochi.Client, _ packets.Packet) {
	for deadline := time.Now().Add(5 * time.Second); time.Now().Before(deadline); time.Sleep(time.Millisecond) {
		former, ok := h.server.Load().Clients.Get(cl.ID)
		if !ok || !former.Properties.Clean {
			break
		}
		former.Stop(packets.ErrSessionTakenOver)
	}
}
func (h *hook) OnPublish(cl *mochi.Client, pk packets.Packet) (packets.Packet, error) {
	if h.broker.Swallow.Load() && pk.FixedHeader.Qos > 0 && !cl.Net.Inline {
		go cl.Stop(io.EOF)
		return pk, packets.ErrRejectPacket
	}
	if f := h.broker.OnPublish.Load(); f != nil {
		(*f)(bytes.Clone(pk.Payload))
	}
	return pk, nil
}
