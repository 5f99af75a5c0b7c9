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

// startReader loads what the stream holds, and follows it from there.
func (s *Store) startReader(ctx context.Context) error {
	s.known.Store(&holdings{})
	last, err := s.load(ctx)
	if err != nil {
		return err
	}
	info, err := s.info(ctx)
	if err != nil {
		return err
	}
	s.note(ctx, info)
	t := newTail(s.js, s.o.Log, streamName, uint64(last+1), nil)
	if err := t.open(ctx); err != nil {
		return err
	}
	arrived := make(chan stored, 1024) // closed by the goroutine that writes to it
	reading, cancel := context.WithCancel(context.WithoutCancel(ctx))
	s.reader.Go(func() {
		defer close(arrived)
		defer t.stop()
		s.receive(reading, t, arrived)
	})
	s.reader.Go(func() { s.applyAll(arrived) })
	s.reader.Go(func() { (&nodes{s.conn, s.js, s.state, s.o.Log}).watch(reading) })
	s.reader.Go(func() {
		<-s.stop
		cancel()
	})
	return nil
}

// receive passes on what the stream gets, until ctx ends.
func (s *Store) receive(ctx context.Context, t *tail, arrived chan<- stored) {
	last := ""
	for {
		m, meta, err := t.next(ctx)
		if ctx.Err() != nil {
			return
		}
		if err != nil {
			if text := err.Error(); text != last {
				last = text
				s.o.Log.Warn("the history could not be followed; trying again", "cause", text)
			}
			select {
			case <-time.After(leaseRetry):
				continue
			case <-ctx.Done():
				return
			}
		}
		last = ""
		one, err := decode(m.Headers(), m.Data(), meta.Sequence.Stream)
		if err != nil {
			s.o.Log.Error("a message of the history that cannot be read is left out", "cause", err.Error())
			one = stored{Message: stream.Message{ID: int64(meta.Sequence.Stream)}, unreadable: true}
		}
		select {
		case arrived <- one:
		case <-ctx.Done():
			return
		}
	}
}

// applyAll publishes what arrives.
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

// load reads the senders, with the newest message of each topic and sender, and the
// newest of all. It returns the ID of that one.
func (s *Store) load(ctx context.Context) (last int64, err error) {
	point, records, _, err := s.loadCheckpoint(ctx)
	if err != nil {
		return 0, err
	}
	before, err := s.info(ctx)
	if err != nil {
		return 0, err
	}
	newest, err := s.newestOfEach(ctx)
	if err != nil {
		return 0, err
	}
	info, err := s.countSubjects(ctx)
	if err != nil {
		return 0, err
	}
	// What came meanwhile is read again with the newest ones.
	last = int64(info.State.LastSeq)
	warm := max(int64(info.State.FirstSeq), min(last-warmMessages, int64(before.State.LastSeq))+1, 1)
	s.state = live.NewState(last, time.Now)
	s.last.Store(last)
	s.raiseFirst(int64(info.State.FirstSeq))
	counters, count := s.counter(records)
	for i := range newest {
		count(&newest[i]) // they are in the order of IDs
	}
	for name, c := range counters {
		s.state.LoadSender(&track.SenderState{Sender: name, Counters: c}, stats.Cadence{})
	}
	for i := range newest {
		if m := &newest[i]; m.ID < warm {
			s.state.Replay(&m.Message, m.Next, false)
		}
	}
	totals := point.State
	for from := warm; from <= last; from += window {
		batch, err := s.fetch(ctx, from, min(last, from+window-1))
		if err != nil {
			return 0, err
		}
		for i := range batch {
			m := &batch[i]
			s.state.Replay(&m.Message, m.Next, false)
			if count(m); m.ID > point.State.LastID {
				totals = m.State
			}
		}
	}
	for name, c := range counters {
		s.state.SetCounters(&track.SenderState{Sender: name, Counters: c})
	}
	s.countTopics(info.State.Subjects)
	totals = endAt(totals, last)
	s.state.SetTotals(totals)
	s.totals = totals.Totals
	return last, nil
}

// counter returns the counters of the senders, and what counts a message, by ID, in them
// and in topics.
func (s *Store) counter(records map[string]*record) (counters map[string]track.Counters, count func(m *stored)) {
	counters, counted := map[string]track.Counters{}, map[string]int64{}
	for name, r := range records {
		counters[name], counted[name] = r.Counters, r.at()
	}
	return counters, func(m *stored) {
		for sender, c := range m.Repeated {
			if m.ID > counted[sender] {
				counters[sender] = c
			}
		}
		if m.ID > counted[m.Sender] {
			counters[m.Sender] = m.Counters
		}
		s.topics.Topic(m.Topic).LastID = m.ID
	}
}

// newestOfEach returns the newest message of each topic and sender, by ID.
func (s *Store) newestOfEach(ctx context.Context) (all []stored, err error) {
	t := newTail(s.js, s.o.Log, streamName, 0, []string{streamPrefix + ">"})
	t.config.DeliverPolicy, t.config.HeadersOnly = jetstream.DeliverLastPerSubjectPolicy, true
	defer t.stop()
	if err := t.open(ctx); err != nil {
		return nil, err
	}
	for left := t.waiting; left > 0; {
		reading, cancel := context.WithTimeout(ctx, requestTimeout)
		m, meta, err := t.next(reading)
		cancel()
		if err != nil && ctx.Err() == nil && reading.Err() != nil {
			break // those left were evicted meanwhile
		}
		if err != nil {
			return nil, fmt.Errorf("read the senders: %w", err)
		}
		if one, err := decode(m.Headers(), nil, meta.Sequence.Stream); err == nil {
			all = append(all, one)
		}
		left = meta.NumPending
	}
	slices.SortFunc(all, func(a, b stored) int { return cmp.Compare(a.ID, b.ID) })
	return all, nil
}

// countSubjects asks the stream how many messages it has of each subject, when it ends
// where it says: the server answers that from two looks at it. Of one that is never at
// rest for so long the last answer is taken.
func (s *Store) countSubjects(ctx context.Context) (counted *jetstream.StreamInfo, err error) {
	const tries = 20
	for range tries {
		if counted, err = askStream(ctx, s.js, streamName, jetstream.WithSubjectFilter(streamPrefix+">")); err != nil {
			return nil, fmt.Errorf("count the topics: %w", err)
		}
		after, err := s.info(ctx)
		if err != nil || after.State.LastSeq == counted.State.LastSeq && after.State.FirstSeq == counted.State.FirstSeq {
			return counted, err
		}
	}
	return counted, nil
}

// countTopics counts the messages of the topics that are known.
func (s *Store) countTopics(subjects map[string]uint64) {
	names := map[string]*history.Topic{}
	for name, t := range s.topics {
		names[key(name)] = t
	}
	for subject, n := range subjects {
		topic, _, _ := cut(subject[len(streamPrefix):])
		if t := names[topic]; t != nil {
			t.Messages += n
		}
	}
}

// window is how many messages are asked for at once.
const window = 500

// fetch returns the messages between two IDs, both included, at most window. Those that
// were evicted or deleted are missing. Any node may be asked, also one that has just been
// cut off: without an answer another one is.
func (s *Store) fetch(ctx context.Context, lo, hi int64) (all []stored, err error) {
	wait := answerTimeout
	for next, moved := lo, time.Now(); next <= hi; {
		got, end, err := s.fetchOnce(ctx, next, hi, wait)
		if errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil && wait < requestTimeout {
			wait = requestTimeout
			continue
		}
		if err != nil {
			return nil, err
		}
		if all = append(all, got...); end {
			return all, nil
		}
		if len(got) > 0 {
			next, moved = got[len(got)-1].ID+1, time.Now()
			continue
		}
		// There is none, or a replica that lags has answered. The leader knows.
		at, err := s.nextStored(ctx, next)
		switch {
		case err != nil || at == 0 || at > hi:
			return all, err
		case at > next:
			next, moved = at, time.Now()
		case time.Since(moved) > requestTimeout:
			return nil, errors.New("read the history: a replica of the stream lags")
		}
		select {
		case <-time.After(5 * time.Millisecond):
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	return all, nil
}

// fetchOnce asks once; end reports that there are no more up to hi. The time for an
// answer is for each message: how long the others take is this process's own matter.
func (s *Store) fetchOnce(ctx context.Context, lo, hi int64, wait time.Duration) (all []stored, end bool, err error) {
	fail := func(err error) ([]stored, bool, error) { return nil, false, fmt.Errorf("read the history: %w", err) }
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
		waiting, cancel := context.WithTimeout(ctx, wait)
		m, err := sub.NextMsgWithContext(waiting)
		cancel()
		if err != nil {
			return fail(err)
		}
		switch status := m.Header.Get("Status"); status {
		case "":
		case "204", "404": // the end, none
			return all, false, nil
		default:
			return fail(errors.New(m.Header.Get("Description") + " (" + status + ")"))
		}
		seq, err := strconv.ParseInt(m.Header.Get(natsgo.JSSequence), 10, 64)
		if err != nil {
			return fail(err)
		}
		if seq > hi {
			return all, true, nil // those before are not there
		}
		one, err := decode(m.Header, m.Data, uint64(seq))
		if err != nil {
			return fail(err)
		}
		all = append(all, one)
	}
}

// nextStored asks the stream's leader for the oldest ID from one on; 0: there is none.
func (s *Store) nextStored(ctx context.Context, from int64) (int64, error) {
	request, err := json.Marshal(map[string]any{"seq": from, "next_by_subj": ">"})
	if err != nil {
		return 0, fmt.Errorf("read the history: %w", err)
	}
	var m *natsgo.Msg
	err = ask(ctx, func(ctx context.Context) (err error) {
		m, err = s.conn.RequestWithContext(ctx, "$JS.API.STREAM.MSG.GET."+streamName, request)
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("read the history: %w", err)
	}
	var answer struct {
		Error   *jetstream.APIError `json:"error"`
		Message struct {
			Seq int64 `json:"seq"`
		} `json:"message"`
	}
	switch err := json.Unmarshal(m.Data, &answer); {
	case err != nil:
		return 0, fmt.Errorf("read the history: %w", err)
	case answer.Error != nil && answer.Error.Code == 404:
		return 0, nil
	case answer.Error != nil:
		return 0, fmt.Errorf("read the history: %w", answer.Error)
	}
	if answer.Message.Seq != from { // evicted, most often: what is the oldest is told to followers
		if info, err := s.info(ctx); err == nil {
			s.raiseFirst(int64(info.State.FirstSeq))
		}
	}
	return answer.Message.Seq, nil
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

// firstAt returns the first ID from lo to hi received at or after t, or hi+1: some
// between may be missing.
func (s *Store) firstAt(ctx context.Context, lo, hi int64, t time.Time) (int64, error) {
	for lo <= hi {
		middle := lo + (hi-lo)/2
		at, got, err := s.firstFrom(ctx, middle, hi)
		switch {
		case err != nil:
			return 0, err
		case at == 0 || !got.Before(t):
			hi = middle - 1 // none before the end, or all from here on are newer
		default:
			lo = at + 1
		}
	}
	return lo, nil
}

// firstFrom returns the first ID from lo to hi that is there, and when it was received;
// 0: there is none.
func (s *Store) firstFrom(ctx context.Context, lo, hi int64) (int64, time.Time, error) {
	got, err := s.fetch(ctx, lo, lo)
	if err != nil {
		return 0, time.Time{}, err
	}
	if len(got) == 0 && lo < hi {
		at, err := s.nextStored(ctx, lo)
		if err != nil || at == 0 || at > hi {
			return 0, time.Time{}, err
		}
		if got, err = s.fetch(ctx, at, at); err != nil {
			return 0, time.Time{}, err
		}
	}
	if len(got) == 0 {
		return 0, time.Time{}, nil
	}
	return got[0].ID, got[0].Received, nil
}
