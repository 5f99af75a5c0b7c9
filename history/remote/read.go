package remote

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"hellox/history"
	"hellox/stream"
)

// Message implements Store.
func (r *Client) Message(ctx context.Context, id int64) (m stream.Message, err error) {
	err = r.get(ctx, "/api/messages/"+strconv.FormatInt(id, 10), &m)
	var problem *APIError
	if errors.As(err, &problem) && (problem.Status == http.StatusNotFound || problem.Status == http.StatusBadRequest && id < 1) {
		return m, history.ErrNotFound
	}
	if problem != nil && problem.Status == http.StatusGone {
		return m, &history.DamagedError{ID: id}
	}
	return m, err
}

// Senders implements Store.
func (r *Client) Senders(ctx context.Context) ([]stream.Sender, error) {
	var a struct {
		Senders []stream.Sender `json:"senders"`
	}
	err := r.get(ctx, "/api/senders", &a)
	return a.Senders, err
}

// Topics implements Store.
func (r *Client) Topics(ctx context.Context) ([]history.Topic, error) {
	var all []history.Topic
	for q := (url.Values{"limit": {strconv.Itoa(MaxTopics)}}); ; {
		var page Topics
		if err := r.getQuery(ctx, "/api/topics", q, &page); err != nil {
			return nil, err
		}
		for _, t := range page.Topics {
			all = append(all, history.Topic{Topic: t.Topic, Messages: t.Messages, LastID: t.LastID})
		}
		if page.Next == "" {
			return all, nil
		}
		q.Set("after", page.Next)
	}
}

// Stats implements Store.
func (r *Client) Stats(ctx context.Context) (s history.Stats, err error) {
	err = r.get(ctx, "/api/stats", &s)
	return s, err
}

// Intervals implements Store.
func (r *Client) Intervals(ctx context.Context) ([]history.Intervals, error) {
	var a struct {
		Intervals []history.Intervals `json:"intervals"`
	}
	err := r.get(ctx, "/api/stats/intervals", &a)
	return a.Intervals, err
}

// Messages implements Store. It asks for a message a line, so that it never
// holds more than the page itself and one line.
func (r *Client) Messages(ctx context.Context, q history.Query) (history.Page, error) {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	page, err := r.page(ctx, q)
	if err != nil {
		return history.Page{}, &askError{r.base.Host, "messages", err}
	}
	return page, nil
}

func (r *Client) page(ctx context.Context, q history.Query) (page history.Page, err error) {
	if r.stop.Err() != nil {
		return page, history.ErrClosed
	}
	resp, err := r.open(ctx, "/api/messages", queryValues(&q), "application/x-ndjson")
	if err != nil {
		return page, err
	}
	defer resp.Body.Close()
	if kind := resp.Header.Get("Content-Type"); !strings.HasPrefix(kind, "application/x-ndjson") {
		return page, fmt.Errorf("the answer is %q, not a message a line", kind)
	}
	if next := resp.Header.Get("Hellox-Next"); next != "" {
		if page.Next, err = strconv.ParseInt(next, 10, 64); err != nil || page.Next < 0 {
			return page, fmt.Errorf("the header Hellox-Next is %q, not an id", next)
		}
	}
	body := &io.LimitedReader{R: resp.Body, N: maxPage}
	lines := bufio.NewScanner(body)
	lines.Buffer(nil, maxFrame)
	for lines.Scan() {
		if len(lines.Bytes()) == 0 {
			continue
		}
		var m stream.Message
		if err := json.Unmarshal(lines.Bytes(), &m); err != nil {
			return page, err
		}
		if q.Before > 0 && m.ID >= q.Before {
			page.Next = 0 // the API knows one bound at a time; the other is here
			return page, nil
		}
		page.Messages = append(page.Messages, m)
	}
	if q.Before > 0 && q.Forward() && page.Next+1 >= q.Before {
		page.Next = 0
	}
	switch {
	case lines.Err() != nil:
		return page, cause(lines.Err())
	case body.N <= 0:
		return page, errors.New("the page is larger than 256 MiB; ask for fewer messages at once")
	}
	return page, nil
}

// Retained returns what the broker retains on a topic, or the beginning of it, and its
// whole size; 0: it retains nothing.
func (r *Client) Retained(ctx context.Context, topic string) (payload []byte, size int, err error) {
	var answer Retained
	if err := r.getQuery(ctx, "/api/retained", url.Values{"topic": {topic}}, &answer); err != nil {
		return nil, 0, err
	}
	if len(answer.Messages) == 0 {
		return nil, 0, nil
	}
	m := answer.Messages[0]
	if m.Payload != nil {
		return []byte(*m.Payload), m.Bytes, nil
	}
	return m.Base64, m.Bytes, nil
}
