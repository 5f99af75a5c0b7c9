// Package jetstream is the history of several receivers: a stream of NATS JetStream,
// replicated by the broker's nodes. Its sequences are the messages' IDs.
//
//	$MQTT_msgs ──► the elected indexer ──► stream/track ──► HELLOX_HISTORY
//	 (the broker)                              │                  │
//	               HELLOX_SENDERS ◄─checkpoint─┘       Reader: pages, live.State
//
// One receiver at a time is the indexer. It appends each message with the fields that
// depend on those before it, and only if the stream ends where it believes: of two that
// take themselves for the indexer, one fails. What followers see, and what is counted, is
// what the reader is given by the stream, in its order, in the indexer as in the others.
//
// Where a message stands in $MQTT_msgs is stored with it, in the same write: the next
// indexer reads on behind the newest one. That is why its consumer needs no
// acknowledgements. A durable one that is acknowledged after the checkpoint says the same
// later, in a write of its own: after a kill between the two it gives messages again that
// are stored, and these would have to be told apart. Nothing is removed from $MQTT_msgs
// when it is acknowledged; its limits alone do that.
//
// The checkpoint only spares reading the stream from its first message, and holds the
// senders whose messages were evicted. Each key of it is written at the revision that was
// read: of a stale indexer it takes nothing.
//
// Not here: the broker (broker/nats), and the connection to it (cmd/hellox).
package jetstream
