// Package journal is the broker's durable log: a SQLite file of messages for
// sessions that outlive their connection, of these sessions, and of retained
// messages. What the broker acknowledges is on disk.
//
// It knows neither MQTT packets nor connections: a session is a Consumer, the
// connection of a publisher a Waiter. Which session gets a message, and how it
// is sent, is decided in package broker.
//
//	broker                                   journal
//	Append(message, consumers, waiter) ─┐
//	Save(consumer, waiter) ─────────────┤
//	Retain(topic, waiter) ──────────────┴──→ pending
//	                                           │ run: one commit for all
//	                                           ▼
//	Consumer.Committed(key) ←─────────────  broker.db
//	Waiter.Release(seq) ←──────────────────────┤
//	Fetch(keys) ←──────────────────────────────┘  or from memory
//	Advanced(consumer, keys) ──────────────→ batches that no consumer needs
//	                                         are deleted with the next commit
package journal
