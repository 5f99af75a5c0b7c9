// Package wire reads and writes the packets of MQTT 3.1, 3.1.1 and 5, on the
// codec of github.com/mochi-mqtt/server/v2/packets.
//
// A Reader bounds what a client may send before anything is allocated for it,
// and checks what the codec does not: properties that come twice or with a value
// that the standard forbids, flags, and what is left over at a packet's end.
//
//	socket → Reader.Next (length, check, decode) → package broker
//
// Not here: what a packet means (package broker), and PUBLISH packets to
// subscribers, which the broker encodes straight into a connection's buffer.
package wire
