// Package broker is the MQTT broker that hellox embeds: MQTT 3.1.1 and 5 over
// TCP, TLS and WebSocket.
//
// It reads and writes packets with the codec of github.com/mochi-mqtt/server
// (broker/wire), and does everything else itself: which client may connect and do
// what (broker/rights), what a connection may cost (conn, budget), which session a
// message goes to (router, session), and when it is acknowledged (journal).
// UPSTREAM.md says why that library's own server is not used. Not here: the
// clients of hellox (stream), and what is on disk (broker/journal).
//
// The path of a PUBLISH at QoS 1:
//
//	socket → wire.Reader (check, decode) → handler.run → handler.receive
//	  ├→ session.deliver: to connected clients that subscribe to the topic
//	  └→ journal.Append: for sessions that outlive their connection
//	       → one commit for all pending writes → conn.Release sends the PUBACK
//	       → feeder: from the journal to the client, in order
package broker
