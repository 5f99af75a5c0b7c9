// Package jetstream is the history of several receivers: a stream of NATS JetStream,
// replicated by the broker's nodes. Its sequences are the messages' IDs.
//
//	$MQTT_msgs ──► the elected indexer ──► stream/track ──► HELLOX_HISTORY
//	 (the broker)                              │                  │
//	               HELLOX_SENDERS ◄─checkpoint─┘       Reader: pages, live.State
//
// One receiver at a time is the indexer. It appends each message with the fields that
// depend on those before it, and only if the stream ends where it believes: of two that
// take themselves for the indexer, one fails. Where it stands in $MQTT_msgs is stored
// with each message: who goes on after it neither doubles nor leaves out one.
//
// Not here: the broker (broker/nats), and the connection to it (cmd/hellox).
package jetstream
