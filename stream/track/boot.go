package track

import (
	"slices"
)

// A Boot is what a Tracker remembers of one start of a sender.
type Boot struct {
	Boot  string `json:"boot"`
	Topic string `json:"topic,omitempty"` // of its first message; earlier versions did not keep it
	Base  uint64 `json:"base"`            // the first one seen: what is below was never counted as missed
	Floor uint64 `json:"floor,omitempty"` // up to it, what was seen is forgotten
	Seen  []Span `json:"seen"`            // ascending, with holes between
}

// A Span is a run of sequence numbers, both ends included.
type Span struct {
	Lo uint64 `json:"lo"`
	Hi uint64 `json:"hi"`
}

// has reports whether seq is known to have been seen.
func (b *Boot) has(seq uint64) bool {
	_, found := b.find(seq)
	return found
}

// find returns the span that holds seq, else the index of the first one above it.
func (b *Boot) find(seq uint64) (i int, found bool) {
	return slices.BinarySearchFunc(b.Seen, seq, func(s Span, seq uint64) int {
		switch {
		case s.Hi < seq:
			return -1
		case s.Lo > seq:
			return 1
		}
		return 0
	})
}

func (b *Boot) high() uint64 { return b.Seen[len(b.Seen)-1].Hi }

// A gap is what one sequence number changes in the counts.
type gap struct {
	missed    uint64 // jumped over just before it
	reordered bool   // older than one already seen
	filled    bool   // it had been counted as missed
	duplicate bool
}

// record records a sequence number. What the bound on spans has made it forget
// is never called a duplicate: better twice in the history than lost.
func (b *Boot) record(seq uint64, spans int) (g gap) {
	switch {
	case len(b.Seen) == 0:
		b.Base = seq
		b.Seen = append(b.Seen, Span{seq, seq})
	case seq > b.high():
		g.missed = seq - b.high() - 1
		if seq == b.high()+1 {
			b.Seen[len(b.Seen)-1].Hi = seq
		} else {
			b.Seen = append(b.Seen, Span{seq, seq})
		}
	case seq <= b.Floor:
		g.reordered = true
		return g
	default:
		i, found := b.find(seq)
		if found {
			g.duplicate = true
			return g
		}
		g.reordered, g.filled = true, seq > b.Base
		b.fill(i, seq)
	}
	if n := len(b.Seen) - spans; n > 0 {
		b.Floor = b.Seen[n-1].Hi
		b.Seen = slices.Delete(b.Seen, 0, n)
	}
	return g
}

// fill puts seq into the hole before span i.
func (b *Boot) fill(i int, seq uint64) {
	left, right := i > 0 && b.Seen[i-1].Hi+1 == seq, b.Seen[i].Lo == seq+1
	switch {
	case left && right:
		b.Seen[i-1].Hi = b.Seen[i].Hi
		b.Seen = slices.Delete(b.Seen, i, i+1)
	case left:
		b.Seen[i-1].Hi = seq
	case right:
		b.Seen[i].Lo = seq
	default:
		b.Seen = slices.Insert(b.Seen, i, Span{seq, seq})
	}
}
