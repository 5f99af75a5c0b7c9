package stream

import "fmt"

// MaxPacket is the largest MQTT packet that a hellox broker takes or sends: the
// bytes after its fixed header (the "remaining length" of MQTT 3.1.1, 2.2.3).
// What goes into packets has limits derived from it.
const MaxPacket = 256 << 10

// MaxPassword is the longest password or token that a client sends, in bytes. A
// hellox broker takes a CONNECT of 4 KiB more: it reads that before it knows the
// client.
const MaxPassword = 12 << 10

// maxMessage bounds topic and payload together, so that the packet around them,
// with two lengths, a packet ID and room for what MQTT 5 adds, stays within
// MaxPacket. The broker disconnects a client that sends a larger one.
const maxMessage = MaxPacket - 64

// CheckSize returns why a message is too large for a hellox broker, in one
// sentence, or nil. Other brokers have limits of their own.
func CheckSize(topic string, payload []byte) error {
	if size := len(topic) + len(payload); size > maxMessage {
		return fmt.Errorf("topic and payload together have %d bytes; a hellox broker takes at most %d", size, maxMessage)
	}
	return nil
}
