// Package sharing sends what is published for a shared subscription ($share/NAME/FILTER)
// to its members, one after the other.
//
// Each Subscription is a consumer of the journal, as a session is. Its goroutine (run,
// sender.go) fetches what waits and offers it to one Member after the other; which
// message is with whom is known by its share.Window. What members do not acknowledge
// has a quota (quota.go).
//
//	journal.Fetch ──→ run ──→ offer ──→ Member.Offer ──→ Give ─┐
//	                   ↑                                       ↓
//	                   └── RoomFor, Came, Left, Lost      share.Window
//	journal.Advanced, Release ←──────────── AcknowledgedBy ────┘
//
// Not here: sessions and connections (broker), whose turn it is (broker/share), and what
// is on disk (broker/journal).
package sharing
