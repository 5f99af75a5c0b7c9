package web

import (
	"errors"
	"fmt"
	"net/http"
	"sort"
	"time"
	"unicode/utf8"

	"hellox/history"
	"hellox/history/remote"
	"hellox/stream"
	"hellox/web/timeline"
)

// Bounds of GET /api/topics, beside remote.MaxTopics.
const (
	defaultTopicLimit = 500
	topicPayload      = 200 // bytes of the newest payload that are shown
)

// A topicsHandler answers GET /api/topics: what the history holds of each topic,
// by name.
type topicsHandler struct {
	store history.Store
	rates *timeline.Rates
}

func (h topicsHandler) list(w http.ResponseWriter, r *http.Request) error {
	values, err := parameters(r, "after", "changed", "limit")
	if err != nil {
		return err
	}
	limit, err := numberOr(values, "limit", defaultTopicLimit, remote.MaxTopics)
	if err != nil {
		return err
	}
	changed := int64(0)
	if v := values.Get("changed"); v != "" {
		if changed, err = id("changed", v); err != nil {
			return err
		}
	}
	all, err := h.store.Topics(r.Context())
	if err != nil {
		return fmt.Errorf("read topics: %w", err)
	}
	rates := h.rates.Observe(all, time.Now())
	answered := remote.Topics{Topics: []remote.Topic{}, Total: len(all)}
	begin := 0
	if after := values.Get("after"); values.Has("after") {
		begin = sort.Search(len(all), func(i int) bool { return all[i].Topic > after })
	}
	for i, t := range all[begin:] {
		if t.LastID <= changed {
			continue
		}
		if len(answered.Topics) == limit {
			answered.Next = answered.Topics[limit-1].Topic
			break
		}
		m, err := h.store.Message(r.Context(), t.LastID)
		var damaged *history.DamagedError
		switch {
		case errors.Is(err, history.ErrNotFound): // evicted since
			answered.Total--
			continue
		case err != nil && !errors.As(err, &damaged):
			return fmt.Errorf("read the newest message of %q: %w", t.Topic, err)
		}
		one := describeTopic(t, &m)
		if rates != nil {
			one.Rate = &rates[begin+i]
		}
		answered.Topics = append(answered.Topics, one)
	}
	return answer(w, answered)
}

// describeTopic returns t with the beginning of its newest payload.
func describeTopic(t history.Topic, m *stream.Message) remote.Topic {
	d := remote.Topic{Topic: t.Topic, Messages: t.Messages, LastID: t.LastID, Received: stream.Time(m.Received), Retained: m.Retained,
		Text: m.Text, Bytes: len(m.Payload)}
	d.Payload, d.Base64 = head(m.Payload)
	return d
}

// head returns the beginning of a payload as text, or as bytes if it is none.
func head(payload []byte) (text *string, bytes []byte) {
	h := payload[:min(len(payload), topicPayload)]
	if len(payload) > topicPayload {
		for i := 0; i < utf8.UTFMax && len(h) > 0 && !utf8.Valid(h); i++ {
			h = h[:len(h)-1] // half a character
		}
	}
	if !utf8.Valid(h) {
		return nil, payload[:min(len(payload), topicPayload)]
	}
	s := string(h)
	return &s, nil
}
