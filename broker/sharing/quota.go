package sharing

import (
	"github.com/dustin/go-humanize"

	"hellox/broker/journal"
	"hellox/broker/share"
)

// keep keeps a message for a member that is not here, or that has no room, while others
// get what they may have. Beyond Hub.MostKept the oldest one is lost, or, if publishers wait
// for a member, it returns Full.
func (p *Subscription) keep(seq uint64, full []Member) Offered {
	p.mu.Lock()
	defer p.mu.Unlock()
	if _, open := p.window.Holder(seq); !open && p.window.Free() >= p.hub.MostKept {
		if p.spared {
			return Full
		}
		if p.window.DropOldest(); p.dropped%p.hub.MostKept == 0 {
			p.hub.Log.Warn("shared subscription keeps its most messages for members that are away: the oldest are lost",
				"subscription", p.TopicFilter, "kept", p.hub.MostKept, "lost_so_far", p.dropped+1)
		}
		p.dropped++
		p.hub.Lost.Inc()
	}
	p.window.Keep(seq, full)
	return Sent
}

// advance tells the journal what is done. The caller holds p.mu.
func (p *Subscription) advance() {
	if to := p.window.Cursor(); to > p.cursor {
		p.cursor, p.behind = to, 0
		p.hub.Journal.Advanced(p.Queue, to)
		return
	}
	if p.behind++; p.behind >= releaseEvery && p.release() > p.hub.Journal.Quota() && p.spared {
		p.crowded = true
		p.wakeUp()
	}
}

// release tells the journal which messages beyond the cursor are not done. The caller
// holds p.mu. It returns how many bytes are held.
func (p *Subscription) release() int64 {
	p.behind = 0
	open := p.window.Open(func(share.Hold[Member]) bool { return false })
	return p.hub.Journal.Release(p.Queue, p.window.Read(), open)
}

// Drop drops what is too much: what members do not acknowledge, if that is most of it,
// else what waits.
func (p *Subscription) Drop(o journal.Over) {
	limit := max(o.Limit, o.Bytes/2)
	p.mu.Lock()
	held := p.release()
	p.mu.Unlock()
	if held < limit {
		return // what was done was most of it
	}
	if held = p.dropHeld(held/2, o, func(Member) bool { return false }); held < limit {
		return
	}
	p.mu.Lock()
	waited := p.window.DropFree(p.hub.Journal.LastSeq())
	p.advance()
	p.release()
	p.mu.Unlock()
	if !waited {
		p.dropHeld(0, o, func(Member) bool { return false })
		return
	}
	p.hub.Losses.Inc() // how many messages it was is not known: the journal counts bytes
	p.lose("what waited for it is lost", o, "waited", humanize.IBytes(uint64(o.Bytes)))
}

// relieve drops what members hold, but those that publishers wait for, if it is more
// than a session may hold: it has no quota that ends it, and would fill the store.
func (p *Subscription) relieve() {
	p.mu.Lock()
	crowded := p.crowded
	p.crowded = false
	p.mu.Unlock()
	if crowded {
		p.dropHeld(p.hub.Journal.Quota(), journal.Over{Limit: p.hub.Journal.Quota()}, func(s Member) bool { return s.Guarded() })
	}
}

// dropHeld drops the messages that members do not acknowledge, but those of members that
// are spared, if the journal holds more for them than most bytes. It returns how many
// it holds then. o says what is over.
func (p *Subscription) dropHeld(most int64, o journal.Over, spared func(Member) bool) int64 {
	p.mu.Lock()
	open := p.window.Open(func(h share.Hold[Member]) bool { return h.Member == nil || spared(h.Member) })
	size := p.hub.Journal.Held(p.Queue, open)
	var from []Member
	if size > most {
		from = p.window.DropHeld(spared)
		p.advance()
		o.Bytes = size
		p.hub.Lost.Add(float64(len(open)))
		p.lose("what members did not acknowledge is lost", o, "members", len(from), "lost", len(open), "held", humanize.IBytes(uint64(size)))
	}
	held := p.release()
	p.mu.Unlock()
	for _, s := range from {
		s.DropAgain(p)
	}
	return held
}

// lose logs that messages are lost because of o.
func (p *Subscription) lose(what string, o journal.Over, args ...any) {
	why := "over its quota"
	if o.Limit == 0 {
		why = "makes room in the store"
	}
	p.hub.Log.Warn("shared subscription "+why+": "+what, append(args, "subscription", p.TopicFilter, "reason", o.Reason("shared subscription"))...)
}
