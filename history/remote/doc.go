// Package remote is the one client of a receiver's API.
//
//	Client ─┬─ Messages, Message, Senders, Stats, Intervals   GET, JSON
//	        ├─ Follow       GET /api/events, resumed by ID     Server-Sent Events
//	        └─ Publish, Ask                                    POST
//
// It is a history.Store of another process's history. Not here: the server (web).
package remote
