package stream

// MaxPacket is the largest MQTT packet that a hellox broker takes or sends: the
// bytes after its fixed header (the "remaining length" of MQTT 3.1.1, 2.2.3).
// What goes into packets has limits derived from it.
const MaxPacket = 256 << 10
