package journal

import (
	"strings"
	"time"
)

// A Consumer is a session, or a shared subscription, that the journal stores messages for.
type Consumer interface {
	// Number identifies the consumer in the journal's file.
	Number() uint64
	// Row returns the consumer's state to store, or only its id and number
	// and false if none is to be stored.
	Row() (SessionRow, bool)
	// Sent returns what the consumer has been sent at QoS 2, and false if
	// that is not to be stored.
	Sent() (SentRow, bool)
}

// A Waiter holds a publisher's acknowledgement until its message is on disk.
type Waiter interface {
	// Release reports that everything up to seq is on disk.
	Release(seq uint64)
	// Refuse reports that what the waiter brought cannot be stored, and why.
	Refuse(cause string)
}

// A Receipt says that a publisher's session has taken the message with a packet
// ID at QoS 2, or that it has released the ID.
type Receipt struct {
	Publisher Publisher
	ID        uint16
	Released  bool
}

// A Publisher is a session that messages at QoS 2 come from.
type Publisher interface {
	// Number identifies the session in the journal's file.
	Number() uint64
	// Withdraw reports that the receipt for a packet ID was not stored, and
	// neither was its message.
	Withdraw(id uint16)
}

// An endedPublisher is the number of a session that has ended before its last
// receipt was stored.
type endedPublisher uint64

func (p endedPublisher) Number() uint64 { return uint64(p) }
func (endedPublisher) Withdraw(uint16)  {}

// A SessionRow is a session as the file stores it.
type SessionRow struct {
	ID, Owner     string
	Number        uint64
	Cursor        uint64 // everything up to it is acknowledged, or is not for the session
	Expiry        time.Duration
	Subscriptions []Subscription

	// With has, of a session that has ended, shared subscriptions whose messages
	// ended with it: their sent rows are written with it.
	With []Consumer

	// Only when it is loaded:
	Received []uint16 // packet IDs of receipts
	Sent     SentRow
}

// A SentRow is what a session has been sent at QoS 2 and has not completed.
type SentRow struct {
	Number   uint64        // of the session
	Cursor   uint64        // of the session, when the row was made
	Sent     []SentMessage // that the client has not acknowledged, in order
	Released []uint16      // packet IDs of messages that it has, until its PUBCOMP
	Done     []uint64      // sequence numbers beyond Cursor, or beyond Read, that are not sent again
	Shared   []SharedMessage

	// Of a shared subscription:
	Read uint64   // everything up to it, and of Done, is done, but for Open
	Open []uint64 // sequence numbers that are not done, ascending
}

// newest returns the newest sequence number that the row holds.
func (r *SentRow) newest() uint64 {
	newest := max(r.Cursor, r.Read)
	for _, m := range r.Sent {
		newest = max(newest, m.Seq)
	}
	for _, m := range r.Shared {
		newest = max(newest, m.Seq)
	}
	for _, all := range [][]uint64{r.Done, r.Open} {
		for _, seq := range all {
			newest = max(newest, seq)
		}
	}
	return newest
}

// A SharedMessage is one that a session was sent at QoS 2 for a shared subscription.
type SharedMessage struct {
	ID       uint16
	Share    uint64 // number of the shared subscription
	Seq      uint64
	Released bool // the client has it, and has not sent its PUBCOMP
}

// sharedMark begins the IDs of shared subscriptions. No client has it in its ID,
// which is UTF-8.
const sharedMark = "\xff"

// SharedID returns the SessionRow.ID of a shared subscription, which is a consumer of
// its own.
func SharedID(topicFilter string) string { return sharedMark + topicFilter }

// SharedFilter returns the topic filter of a shared subscription by its
// SessionRow.ID, and false if that is the ID of a session.
func SharedFilter(id string) (topicFilter string, ok bool) { return strings.CutPrefix(id, sharedMark) }

// A SentMessage is a message and the packet ID that it was sent with.
type SentMessage struct {
	ID  uint16
	Seq uint64 // 0: it is not in the journal
}

// A Subscription is one topic filter of a session, with its options.
type Subscription struct {
	TopicFilter       string `json:"filter"`
	QoS               byte   `json:"qos,omitempty"`
	NoLocal           bool   `json:"no_local,omitempty"`
	RetainAsPublished bool   `json:"retain_as_published,omitempty"`
	Identifier        int    `json:"identifier,omitempty"`
	// Since is the journal's newest sequence number when the session
	// subscribed: messages up to it are not for this subscription.
	Since uint64 `json:"since,omitempty"`
}
