// Package journal is the broker's durable log: a SQLite file of messages for
// sessions that outlive their connection, of these sessions, and of retained
// messages. What the broker acknowledges is on disk.
//
// It knows neither MQTT packets nor connections: a session is a Consumer with a
// Queue, the sessions that a message goes to are a Group, the connection of a
// publisher is a Waiter. Which session gets a message, and how it is sent, is
// decided in package broker.
//
//	broker                                   journal
//	Append(message, group, waiter) ─────┐
//	Save(consumer, waiter) ─────────────┤
//	Retain(topic, waiter) ──────────────┴──→ pending
//	                                           │ run: one commit for all, with
//	                                           │ a row for each group
//	                                           ▼
//	wakes the feeders of the queues ←─────  broker.db
//	Waiter.Release(seq) ←──────────────────────┤
//	TakeOver: sessions over their quota ←──────┤
//	Fetch(queue, seq) ←────────────────────────┘  or from memory
//	Advanced(queue, cursor) ───────────────→ batches that no session needs
//	                                         are deleted with the next commit
package journal
