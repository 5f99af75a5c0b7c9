package track

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"time"

	"hellox/stream"
)

// A Verdict is what a Ledger decides about an arrival.
type Verdict byte

// The verdicts.
const (
	Apart     Verdict = iota // not part of the stream: under hellox/#
	Kept                     // a message, with an id
	Duplicate                // kept before: counted, not kept again
)

// An Entry is what became of one arrival.
type Entry struct {
	Verdict  Verdict
	Sender   string           // who said it; of a Presence, whom it is about
	Message  *stream.Message  // if Kept
	Next     time.Duration    // if Kept: until the next one, as declared; 0 if not
	Arrived  time.Time        // Arrival.Received as it was, before the clock rule
	Presence *stream.Presence // if Apart and on a presence topic
	Standing Standing         // of the sender, with this entry counted; zero if Apart
}

// A Standing is how a sender stands in the ledger.
type Standing struct {
	Ours       bool      `json:"ours,omitempty"`
	Boot       string    `json:"boot,omitempty"` // the newest
	Seq        uint64    `json:"seq,omitempty"`  // the highest of Boot
	Color      string    `json:"color,omitempty"`
	LastID     int64     `json:"last_id,omitempty"`
	LastSeen   time.Time `json:"last_seen,omitzero"` // Received of the newest message
	Messages   uint64    `json:"messages"`
	Missed     uint64    `json:"missed,omitempty"`
	Reordered  uint64    `json:"reordered,omitempty"`
	Duplicates uint64    `json:"duplicates,omitempty"`
}

// Totals count over all senders, ever.
type Totals struct {
	Received   uint64 `json:"received"` // arrivals that belong to the stream
	Kept       uint64 `json:"kept"`
	Duplicates uint64 `json:"duplicates"`
	Missed     uint64 `json:"missed"`
	Reordered  uint64 `json:"reordered"`
}

// A Ledger is the one account of senders: it gives arrivals their ids, and
// decides what is a message, what a duplicate, what was missed and what came
// out of order. It is not for concurrent use: whoever appends owns it.
//
// A store keeps a Ledger across restarts as its State, its Accounts and the
// messages after State.LastID, which Replay.
type Ledger struct {
	state    State
	accounts map[string]*Account
	changed  []*Account // since the last Changes
	forgot   []string   // since the last Changes
	bounds   bounds
}

// State is the part of a Ledger that belongs to no sender.
type State struct {
	LastID   int64     `json:"last_id"`
	Received time.Time `json:"received,omitzero"` // of the newest message
	Live     time.Time `json:"live,omitzero"`     // of the newest message that was not a retained one
	Totals   Totals    `json:"totals"`
}

// bounds keep a ledger's memory finite whatever arrives.
type bounds struct {
	senders int // at most so many accounts; the longest silent tenth goes first
	boots   int // of a sender
	spans   int // of a boot
}

// NewLedger returns a ledger that goes on from a stored State and Accounts,
// which it owns from then on.
func NewLedger(s State, accounts []*Account) *Ledger {
	l := &Ledger{state: s, accounts: make(map[string]*Account, len(accounts)),
		bounds: bounds{senders: 100_000, boots: 64, spans: 128}}
	for _, a := range accounts {
		l.accounts[a.Sender] = a
	}
	return l
}

// State returns the state as it is now.
func (l *Ledger) State() State { return l.state }

// Changes returns the accounts that have changed since the last call, and the
// senders that were forgotten to keep memory bounded: the store deletes them.
func (l *Ledger) Changes() (changed []*Account, forgotten []string) {
	changed, forgotten = l.changed, l.forgot
	for _, a := range changed {
		a.changed = false
	}
	l.changed, l.forgot = nil, nil
	return slices.DeleteFunc(changed, func(a *Account) bool { return l.accounts[a.Sender] != a }), forgotten
}

// Enter decides about an arrival.
//
// The clock rule stands here and nowhere else: a message's Received is the
// later of its arrival and the message before it. It never falls, so a time
// finds its id by binary search, and a clock that is set back makes time stand
// still until it has passed that moment again.
func (l *Ledger) Enter(a stream.Arrival) Entry {
	if !stream.InStream(a.Topic) {
		return enterApart(a)
	}
	l.state.Totals.Received++
	m := &stream.Message{Topic: a.Topic, Payload: a.Payload, QoS: a.QoS, Retained: a.Retained,
		Received: a.Received.UTC().Round(0), Sender: a.Topic, Delta: stream.None, DeltaAny: stream.None, Latency: stream.None}
	if m.Received.Before(l.state.Received) {
		m.Received = l.state.Received
	}
	h, ours := stream.ParseHello(a.Payload)
	if ours {
		m.SetHello(&h)
	}
	acc := l.account(m.Sender)
	e := Entry{Sender: m.Sender, Arrived: a.Received, Next: h.Next}
	if l.post(acc, m) {
		e.Verdict, e.Message = Kept, m
	} else {
		e.Verdict = Duplicate
		acc.Duplicates++
		l.state.Totals.Duplicates++
	}
	e.Standing = acc.Standing
	return e
}

// Replay enters a message that was kept after the State that the ledger was
// made from.
func (l *Ledger) Replay(m *stream.Message) {
	l.state.Totals.Received++
	l.state.LastID = m.ID - 1
	kept := *m
	l.post(l.account(m.Sender), &kept)
}

// Touch marks the account of a sender, if it has one, as changed: something
// kept beside it has.
func (l *Ledger) Touch(sender string) {
	if l.accounts[sender] != nil {
		l.account(sender)
	}
}

// Accounts calls f for every account. They stay the ledger's.
func (l *Ledger) Accounts(f func(*Account)) {
	for _, a := range l.accounts {
		f(a)
	}
}

// post counts a message for its sender and gives it its id, deltas and gap;
// false if it is a duplicate.
func (l *Ledger) post(acc *Account, m *stream.Message) bool {
	if m.Ours {
		b := acc.boot(m.Boot, l.bounds.boots)
		g := b.enter(m.Seq, m.Retained, l.bounds.spans)
		if g.duplicate {
			return false
		}
		m.Missed, m.Reordered = g.missed, g.reordered
		acc.Missed = addMissed(acc.Missed, g)
		l.state.Totals.Missed = addMissed(l.state.Totals.Missed, g)
		if g.reordered {
			acc.Reordered++
			l.state.Totals.Reordered++
		}
		acc.Ours, acc.Color = true, m.Color
		if newest := acc.Boots[len(acc.Boots)-1]; newest == b {
			acc.Boot, acc.Seq = b.Boot, b.high()
		}
	} else {
		// At every new subscription a broker sends its retained messages
		// again; they are no news if nothing has changed.
		d := payloadDigest(m.Payload)
		if m.Retained && (d == acc.LastPayload || d == acc.LastRetained) {
			return false
		}
		acc.LastPayload = d
		if m.Retained {
			acc.LastRetained = d
		}
	}
	l.state.LastID++
	l.state.Received = m.Received
	l.state.Totals.Kept++
	m.ID = l.state.LastID
	// A retained message says when somebody subscribed, not when somebody
	// spoke: it has no deltas, and nothing is measured from it.
	if !m.Retained {
		m.Delta, m.DeltaAny = since(acc.LastLive, m.Received), since(l.state.Live, m.Received)
		acc.LastLive, l.state.Live = m.Received, m.Received
	}
	acc.Messages++
	acc.LastID, acc.LastSeen = m.ID, m.Received
	return true
}

// since is in whole microseconds, as everybody sees it.
func since(from, to time.Time) time.Duration {
	if from.IsZero() {
		return stream.None
	}
	return to.Sub(from).Truncate(time.Microsecond)
}

func addMissed(n uint64, g gap) uint64 {
	switch {
	case g.filled && n > 0:
		return n - 1
	case g.missed > math.MaxInt64-n:
		return math.MaxInt64
	}
	return n + g.missed
}

// account returns a sender's account, marked as changed.
func (l *Ledger) account(sender string) *Account {
	a := l.accounts[sender]
	if a == nil {
		if len(l.accounts) >= l.bounds.senders {
			l.forget()
		}
		a = &Account{Sender: sender}
		l.accounts[sender] = a
	}
	if !a.changed {
		a.changed = true
		l.changed = append(l.changed, a)
	}
	return a
}

// forget drops the tenth of the senders that has been silent the longest.
func (l *Ledger) forget() {
	all := make([]*Account, 0, len(l.accounts))
	for _, a := range l.accounts {
		all = append(all, a)
	}
	slices.SortFunc(all, func(a, b *Account) int { return cmp.Compare(a.LastID, b.LastID) })
	for _, a := range all[:len(all)/10+1] {
		delete(l.accounts, a.Sender)
		l.forgot = append(l.forgot, a.Sender)
	}
}

func enterApart(a stream.Arrival) Entry {
	e := Entry{Verdict: Apart, Arrived: a.Received}
	id, ok := stream.PresenceID(a.Topic)
	if !ok || !stream.ValidID(id) {
		return e
	}
	var p stream.Presence
	if json.Unmarshal(a.Payload, &p) == nil && p.State != "" {
		e.Sender, e.Presence = id, &p
	}
	return e
}

// A Digest tells payloads apart.
type Digest [16]byte

// MarshalText writes d in hexadecimal.
func (d Digest) MarshalText() ([]byte, error) { return hex.AppendEncode(nil, d[:]), nil }

// UnmarshalText reads what MarshalText wrote.
func (d *Digest) UnmarshalText(b []byte) error {
	if hex.DecodedLen(len(b)) != len(d) {
		return fmt.Errorf("digest has %d characters, not %d", len(b), hex.EncodedLen(len(d)))
	}
	_, err := hex.Decode(d[:], b)
	return err
}

func payloadDigest(payload []byte) Digest {
	sum := sha256.Sum256(payload)
	return Digest(sum[:len(Digest{})])
}
