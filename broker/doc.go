// Package broker is the MQTT broker that hellox embeds: MQTT 3.1.1 and 5 over
// TCP, TLS and WebSocket.
//
// github.com/mochi-mqtt/server is the codec and the connection state machine: it
// reads and writes packets. The decisions are made here: which client may
// connect and do what (Rights), what a connection may cost (conn, budget), which
// session a message goes to (router, session), and when it is acknowledged
// (journal). UPSTREAM.md lists the defects of mochi that this division works
// around. Not here: the clients of hellox (stream), and what is on disk
// (broker/journal).
//
// The path of a PUBLISH at QoS 1:
//
//	socket → conn (frameValidator) → mochi (decode) → hook.OnPublish
//	  ├→ session.deliver: to connected clients that subscribe to the topic
//	  └→ journal.Append: for sessions that outlive their connection
//	       → one commit for all pending writes → conn.Release sends the PUBACK
//	       → session.Committed → feeder: from the journal to the client, in order
package broker
