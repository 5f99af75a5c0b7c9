// Package broker is the MQTT broker that hellox embeds: MQTT 3.1.1 and 5 over
// TCP, TLS and WebSocket.
//
// github.com/mochi-mqtt/server speaks the protocol: it reads and writes
// packets and keeps the state machine of a connection. What decides is ours:
// who may come in and do what (Rights), what a connection may cost (conn), to
// whom a message goes (router, session), and that an acknowledged message is on
// disk (journal). UPSTREAM.md names the defects that this division holds off.
//
// The way of a PUBLISH at QoS 1:
//
//	socket → conn (framing guard) → mochi (decode) → hook.OnPublish
//	  ├→ session.deliver: who is connected and asked for it
//	  └→ journal.append: for sessions that outlive their connection
//	       → one commit for all that waits → conn lets the PUBACK out
//	       → session.feed: from the journal to its client, in order
package broker
