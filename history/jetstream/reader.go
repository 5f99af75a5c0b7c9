package jetstream

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	natsgo "github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"hellox/history"
	"hellox/history/live"
	"hellox/stream"
	"hellox/stream/stats"
	"hellox/stream/track"
)

// warmMessages is how many of the newest messages are read when a Store is opened, for
// rates and cadences.
const warmMessages = 5000

// requestTimeout is the time for an answer of the stream.
const requestTimeout = 5 * time.Second

// startReader loads what the stream holds, and follows it from there.
func (s *Store) startReader(ctx context.Context) error {
	info, err := s.stream.Info(ctx)
	if err != nil {
		return err
	}
	last := int64(info.State.LastSeq)
	s.state = live.NewState(last, time.Now)
	s.last.Store(last)
	s.first.Store(int64(info.State.FirstSeq))
	s.known.Store(&history.Stats{})
	if info.State.Msgs > 0 {
		if err := s.load(ctx, int64(info.State.FirstSeq), last); err != nil {
			return err
		}
	}
	if err := s.refresh(ctx); err != nil {
		return err
	}
	consumer, err := s.js.OrderedConsumer(ctx, streamName, jetstream.OrderedConsumerConfig{
		DeliverPolicy: jetstream.DeliverByStartSequencePolicy, OptStartSeq: uint64(last + 1),
	})
	if err != nil {
		return fmt.Errorf("follow the stream: %w", err)
	}
	messages, err := consumer.Messages(pulls()...)
	if err != nil {
		return fmt.Errorf("follow the stream: %w", err)
	}
	arrived := make(chan stored, 1024) // closed by the goroutine that writes to it
	s.reader.Go(func() {
		defer close(arrived)
		s.receive(messages, arrived)
	})
	s.reader.Go(func() { s.applyAll(arrived) })
	s.reader.Go(func() {
		<-s.stop
		messages.Stop()
	})
	return nil
}

// pulls are how a consumer is asked for messages: when its node has gone, that is seen
// after two heartbeats that did not come. By default it takes 30 s.
func pulls() []jetstream.PullMessagesOpt {
	return []jetstream.PullMessagesOpt{jetstream.PullExpiry(10 * time.Second), jetstream.PullHeartbeat(time.Second)}
}

// receive passes on what the stream gets, until it is stopped.
func (s *Store) receive(messages jetstream.MessagesContext, arrived chan<- stored) {
	for {
		m, err := messages.Next()
		if errors.Is(err, jetstream.ErrMsgIteratorClosed) {
			return
		}
		if err != nil {
			s.o.Log.Warn("the history could not be followed; trying again", "cause", err.Error())
			select {
			case <-time.After(time.Second):
				continue
			case <-s.stop:
				return
			}
		}
		meta, err := m.Metadata()
		if err != nil {
			continue // it is none of a stream
		}
		one, err := decode(m.Headers(), m.Data(), meta.Sequence.Stream)
		if err != nil {
			s.o.Log.Error("a message of the history that cannot be read is left out", "cause", err.Error())
			continue
		}
		select {
		case arrived <- one:
		case <-s.stop:
			return
		}
	}
}

// applyAll publishes what arrives, but what an append of this process has published.
func (s *Store) applyAll(arrived <-chan stored) {
	for one := range arrived {
		batch := []stored{one}
		for len(batch) < cap(arrived) {
			select {
			case more, open := <-arrived:
				if open {
					batch = append(batch, more)
					continue
				}
			default:
			}
			break
		}
		s.applyStored(batch)
	}
}

func (s *Store) applyStored(batch []stored) {
	s.applying.Lock()
	defer s.applying.Unlock()
	var entries []track.Tracked
	for i := range batch {
		if batch[i].ID > s.last.Load() {
			entries = append(entries, batch[i].entry())
		}
	}
	if len(entries) > 0 {
		s.apply(entries, batch[len(batch)-1].State.Totals)
	}
}

// load reads the newest message of each topic and sender, with the counters that it
// had then, and the newest of all.
func (s *Store) load(ctx context.Context, first, last int64) error {
	newest, err := s.newestOfEach(ctx)
	if err != nil {
		return err
	}
	counters := map[string]track.Counters{}
	for i := range newest {
		m := &newest[i]
		counters[m.Sender] = m.Counters // they are in the order of IDs
		s.topics.Topic(m.Topic).LastID = m.ID
	}
	if err := s.countTopics(ctx); err != nil {
		return err
	}
	for name, c := range counters {
		s.state.LoadSender(&track.SenderState{Sender: name, Counters: c}, stats.Cadence{})
	}
	warm := max(first, last-warmMessages+1)
	for i := range newest {
		if m := &newest[i]; m.ID < warm {
			s.state.Replay(&m.Message, m.Next, false)
		}
	}
	totals := track.State{}
	for from := warm; from <= last; from += window {
		batch, err := s.fetch(ctx, from, min(last, from+window-1))
		if err != nil {
			return err
		}
		for i := range batch {
			m := &batch[i]
			s.state.Replay(&m.Message, m.Next, false)
			counters[m.Sender], totals = m.Counters, m.State
		}
	}
	for name, c := range counters {
		s.state.SetCounters(&track.SenderState{Sender: name, Counters: c})
	}
	s.state.SetTotals(totals)
	s.totals = totals.Totals
	return nil
}

// newestOfEach returns the newest message of each topic and sender, by ID.
func (s *Store) newestOfEach(ctx context.Context) (all []stored, err error) {
	consumer, err := s.js.OrderedConsumer(ctx, streamName, jetstream.OrderedConsumerConfig{DeliverPolicy: jetstream.DeliverLastPerSubjectPolicy, HeadersOnly: true})
	if err != nil {
		return nil, fmt.Errorf("read the senders: %w", err)
	}
	messages, err := consumer.Messages()
	if err != nil {
		return nil, fmt.Errorf("read the senders: %w", err)
	}
	defer messages.Stop()
	for {
		m, err := messages.Next(jetstream.NextContext(ctx))
		if err != nil {
			return nil, fmt.Errorf("read the senders: %w", err)
		}
		meta, err := m.Metadata()
		if err != nil {
			return nil, fmt.Errorf("read the senders: %w", err)
		}
		if one, err := decode(m.Headers(), nil, meta.Sequence.Stream); err == nil {
			all = append(all, one)
		}
		if meta.NumPending == 0 {
			slices.SortFunc(all, func(a, b stored) int { return cmp.Compare(a.ID, b.ID) })
			return all, nil
		}
	}
}

// countTopics counts the messages of the topics that are known.
func (s *Store) countTopics(ctx context.Context) error {
	info, err := s.stream.Info(ctx, jetstream.WithSubjectFilter(streamPrefix+">"))
	if err != nil {
		return fmt.Errorf("count the topics: %w", err)
	}
	names := map[string]*history.Topic{}
	for name, t := range s.topics {
		names[key(name)] = t
	}
	for subject, n := range info.State.Subjects {
		topic, _, _ := cut(subject[len(streamPrefix):])
		if t := names[topic]; t != nil {
			t.Messages += n
		}
	}
	return nil
}

// window is how many messages are asked for at once.
const window = 500

// fetch returns the messages between two IDs, both included, at most window. Those that
// were evicted are missing.
func (s *Store) fetch(ctx context.Context, lo, hi int64) (all []stored, err error) {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	for next, again := lo, 0; next <= hi; {
		got, err := s.fetchOnce(ctx, next, hi)
		if err != nil {
			return nil, err
		}
		all = append(all, got...)
		if len(got) > 0 {
			next, again = got[len(got)-1].ID+1, 0
			continue
		}
		// None: they were evicted, or a replica that lags has answered.
		if again++; again > 3 {
			return all, nil
		}
		info, err := s.stream.Info(ctx)
		if err != nil {
			return nil, fmt.Errorf("read the history: %w", err)
		}
		if s.first.Store(int64(info.State.FirstSeq)); next < int64(info.State.FirstSeq) {
			next = int64(info.State.FirstSeq)
			continue
		}
		select {
		case <-time.After(20 * time.Millisecond):
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	return all, nil
}

// fetchOnce asks once; what comes may end before hi.
func (s *Store) fetchOnce(ctx context.Context, lo, hi int64) (all []stored, err error) {
	fail := func(err error) ([]stored, error) { return nil, fmt.Errorf("read the history: %w", err) }
	inbox := s.conn.NewInbox()
	sub, err := s.conn.SubscribeSync(inbox)
	if err != nil {
		return fail(err)
	}
	defer func() { _ = sub.Unsubscribe() }()
	request, err := json.Marshal(map[string]int64{"seq": lo, "batch": hi - lo + 1, "max_bytes": 8 << 20})
	if err != nil {
		return fail(err)
	}
	if err := s.conn.PublishRequest("$JS.API.DIRECT.GET."+streamName, inbox, request); err != nil {
		return fail(err)
	}
	for {
		m, err := sub.NextMsgWithContext(ctx)
		if err != nil {
			return fail(err)
		}
		switch status := m.Header.Get("Status"); status {
		case "":
		case "204", "404": // the end, none
			return all, nil
		default:
			return fail(errors.New(m.Header.Get("Description") + " (" + status + ")"))
		}
		seq, err := strconv.ParseInt(m.Header.Get(natsgo.JSSequence), 10, 64)
		if err != nil {
			return fail(err)
		}
		if seq > hi {
			return all, nil // those before were evicted
		}
		one, err := decode(m.Header, m.Data, uint64(seq))
		if err != nil {
			return fail(err)
		}
		all = append(all, one)
	}
}

// Message implements history.Store.
func (s *Store) Message(ctx context.Context, id int64) (stream.Message, error) {
	if s.closed.Load() {
		return stream.Message{}, history.ErrClosed
	}
	if id < max(s.first.Load(), 1) || id > s.last.Load() {
		return stream.Message{}, history.ErrNotFound
	}
	got, err := s.fetch(ctx, id, id)
	if err != nil {
		return stream.Message{}, err
	}
	if len(got) == 0 {
		return stream.Message{}, history.ErrNotFound
	}
	return got[0].Message, nil
}

// Messages implements history.Store.
func (s *Store) Messages(ctx context.Context, q history.Query) (history.Page, error) {
	if s.closed.Load() {
		return history.Page{}, history.ErrClosed
	}
	lo, hi := max(q.After+1, s.first.Load(), 1), s.last.Load() // both included
	if q.Before > 0 {
		hi = min(hi, q.Before-1)
	}
	lo, hi, err := s.between(ctx, lo, hi, &q)
	if err != nil || lo > hi {
		return history.Page{}, err
	}
	p, size := live.NewPager(&q), int64(min(q.PageSize(), window))
	for from, to := lo, hi; from <= to && p.More(ctx); size = min(2*size, window) {
		a, b := from, min(to, from+size-1)
		if !q.Forward() {
			a, b = max(from, to-size+1), to
		}
		got, err := s.fetch(ctx, a, b)
		if err != nil {
			return history.Page{}, err
		}
		edge := b
		if q.Forward() {
			from = b + 1
		} else {
			slices.Reverse(got)
			to, edge = a-1, a
		}
		if before := p.Considered; offer(ctx, p, got) {
			p.SkipWindow(before, b-a+1, edge)
		}
	}
	if err := ctx.Err(); err != nil {
		return history.Page{}, err
	}
	if q.Forward() {
		return p.Page(hi), nil
	}
	return p.Page(lo), nil
}

// offer offers candidates to p, and reports whether it has seen all of them.
func offer(ctx context.Context, p *live.Pager, got []stored) bool {
	for i := range got {
		if !p.More(ctx) {
			return false
		}
		p.Offer(&got[i].Message)
	}
	return true
}

// between narrows the IDs lo to hi to those received in q's time. It never falls.
func (s *Store) between(ctx context.Context, lo, hi int64, q *history.Query) (int64, int64, error) {
	if !q.Since.IsZero() {
		first, err := s.firstAt(ctx, lo, hi, q.Since)
		if err != nil {
			return 0, 0, err
		}
		lo = first
	}
	if !q.Until.IsZero() {
		first, err := s.firstAt(ctx, lo, hi, q.Until)
		if err != nil {
			return 0, 0, err
		}
		hi = first - 1
	}
	return lo, hi, nil
}

// firstAt returns the first ID from lo to hi received at or after t, or hi+1.
func (s *Store) firstAt(ctx context.Context, lo, hi int64, t time.Time) (int64, error) {
	for lo <= hi {
		middle := lo + (hi-lo)/2
		got, err := s.fetch(ctx, middle, middle)
		if err != nil {
			return 0, err
		}
		if len(got) > 0 && !got[0].Received.Before(t) {
			hi = middle - 1
		} else {
			lo = middle + 1 // evicted ones are older
		}
	}
	return lo, nil
}
