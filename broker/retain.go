package broker

import "hellox/broker/retained"

// A wantedRetained is a subscription whose retained messages are to be sent.
type wantedRetained struct {
	target
	topicFilter string
	at          retained.Cursor // guarded by session.mu
}

// A retainedFeed sends the retained messages of new subscriptions to a client, as
// far as it and the connection have room: pushed at once, those that a broker may
// hold would be more than a connection may. It ends when all have been sent.
type retainedFeed struct {
	*feeder
	store *retained.Store
}

// retainedPart is how many topics a feed looks for at once.
const retainedPart = 64

func (f *retainedFeed) run() {
	defer close(f.done)
	defer func() { f.conn.ended(recover()) }()
	for {
		w := f.session.nextRetained(f)
		if w == nil {
			return
		}
		at := f.session.retainedAt(w)
		topics := f.store.Next(w.topicFilter, &at, retainedPart)
		if len(topics) == 0 {
			f.session.gotRetained(w)
			continue
		}
		for _, topic := range topics {
			if !f.offer(func() (ok, gone bool) { return f.session.offerRetained(f, w, topic) }) {
				return
			}
		}
	}
}
