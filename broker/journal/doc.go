// Package journal is the broker's durable log: a SQLite file of messages for
// sessions that outlive their connection, of these sessions, and of what is
// retained. An acknowledged message is on disk.
//
// It knows neither MQTT packets nor connections: a session is a Consumer, the
// connection of a publisher a Waiter. Who gets a message and how it is sent
// is the broker's decision.
//
//	broker                              journal
//	Append(message, consumers, waiter) → waiting ─┐
//	Save(consumer)  Retain(topic) ─────→ waiting ─┤ one goroutine,
//	                                              ▼ one commit for all
//	Waiter.Release   ← on disk up to seq ←──── broker.db
//	Consumer.Committed ← a batch for it  ←────────┤
//	Fetch(keys)      ← batches, from memory or ───┘
//	Advanced(consumer, keys) → batches that no consumer needs are deleted
package journal
