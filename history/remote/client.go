package remote

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"hellox/history"
	"hellox/stream"
)

// Options say how a receiver is spoken to.
type Options struct {
	Client *http.Client // nil: one of our own; it must have no Timeout, for events never end
	Log    *slog.Logger // nil: nothing is logged
}

// Client is a Store that is another process's: it reads a receiver's API. Its
// followers resume by id after a connection is lost.
type Client struct {
	base   *url.URL
	client *http.Client
	log    *slog.Logger

	stop   context.Context // ends with Close, and ends all followers
	cancel context.CancelFunc
	group  sync.WaitGroup // followers' goroutines
}

var _ history.Store = (*Client)(nil)

// An APIError is what a receiver answered instead of what it was asked for
// (RFC 9457).
type APIError struct {
	Status int    `json:"status"`
	Title  string `json:"title"`
	Detail string `json:"detail"`
}

func (e *APIError) Error() string {
	switch {
	case e.Detail != "":
		return e.Detail
	case e.Title != "":
		return e.Title
	}
	return fmt.Sprintf("the receiver answered %d %s", e.Status, http.StatusText(e.Status))
}

// What is read of a receiver that does not behave.
const (
	maxProblem = 64 << 10
	maxAnswer  = 64 << 20  // senders, stats, intervals, one message
	maxPage    = 256 << 20 // of messages
	askTimeout = 30 * time.Second
)

// Open returns the Store behind a receiver's page, such as
// http://127.0.0.1:8420, once it has answered.
func Open(ctx context.Context, baseURL string, o Options) (*Client, error) {
	base, err := url.Parse(baseURL)
	switch {
	case err != nil:
		return nil, fmt.Errorf("open receiver: %w", err)
	case base.Scheme != "http" && base.Scheme != "https" || base.Host == "":
		return nil, fmt.Errorf("open receiver %s: it is no http:// or https:// address", baseURL)
	}
	if o.Client == nil {
		o.Client = &http.Client{
			Transport: &http.Transport{
				Proxy:                 http.ProxyFromEnvironment,
				DialContext:           (&net.Dialer{Timeout: 5 * time.Second}).DialContext,
				ResponseHeaderTimeout: askTimeout,
				IdleConnTimeout:       time.Minute,
			},
			// A receiver answers itself; whoever sends us elsewhere is none.
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		}
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	r := &Client{base: base, client: o.Client, log: o.Log}
	r.stop, r.cancel = context.WithCancel(context.Background())
	if _, err := r.Stats(ctx); err != nil {
		r.cancel()
		return nil, err
	}
	return r, nil
}

// open asks for a resource and returns the answer if it is a good one.
func (r *Client) open(ctx context.Context, path string, q url.Values, accept string) (*http.Response, error) {
	u := r.base.JoinPath(path)
	u.RawQuery = q.Encode()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Accept", accept)
	resp, err := r.client.Do(req)
	if err != nil {
		return nil, cause(err)
	}
	if resp.StatusCode == http.StatusOK {
		return resp, nil
	}
	defer resp.Body.Close()
	problem := &APIError{}
	if b, err := io.ReadAll(io.LimitReader(resp.Body, maxProblem)); err == nil {
		_ = json.Unmarshal(b, problem) // what is no problem document leaves it empty
	}
	problem.Status = resp.StatusCode
	return nil, problem
}

// cause leaves out the method and address that net/http puts before it.
func cause(err error) error {
	var e *url.Error
	if errors.As(err, &e) {
		return e.Err
	}
	return err
}

// get reads an answer of JSON into v.
func (r *Client) get(ctx context.Context, path string, v any) error {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	err := func() error {
		if r.stop.Err() != nil {
			return history.ErrClosed
		}
		resp, err := r.open(ctx, path, nil, "application/json")
		if err != nil {
			return err
		}
		defer resp.Body.Close()
		if err := json.NewDecoder(io.LimitReader(resp.Body, maxAnswer)).Decode(v); err != nil {
			return fmt.Errorf("the answer is not what a receiver says: %w", err)
		}
		return nil
	}()
	if err != nil {
		return fmt.Errorf("ask receiver %s for %s: %w", r.base.Host, path, err)
	}
	return nil
}

// Message implements Store.
func (r *Client) Message(ctx context.Context, id int64) (m stream.Message, err error) {
	err = r.get(ctx, "/api/messages/"+strconv.FormatInt(id, 10), &m)
	var problem *APIError
	if errors.As(err, &problem) && (problem.Status == http.StatusNotFound || problem.Status == http.StatusBadRequest && id < 1) {
		return m, history.ErrNotFound
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

// selectValues is s as the API's parameters.
func selectValues(s *history.Select) url.Values {
	v := url.Values{}
	if len(s.Topics) > 0 {
		v["topic"] = slices.Clone(s.Topics)
	}
	if s.Sender != "" {
		v.Set("sender", s.Sender)
	}
	if s.Filter != nil {
		v.Set("filter", s.Filter.String())
	}
	return v
}

// queryValues is q as the API's parameters.
func queryValues(q *history.Query) url.Values {
	v := selectValues(&q.Select)
	if q.Forward() {
		v.Set("after", strconv.FormatInt(q.After, 10))
	}
	if q.Before > 0 && !q.Forward() {
		v.Set("before", strconv.FormatInt(q.Before, 10))
	}
	if !q.Since.IsZero() {
		v.Set("since", stream.FormatTime(q.Since))
	}
	if !q.Until.IsZero() {
		v.Set("until", stream.FormatTime(q.Until))
	}
	v.Set("limit", strconv.Itoa(q.PageSize()))
	return v
}

// Messages implements Store. It asks for a message a line, so that it never
// holds more than the page itself and one line.
func (r *Client) Messages(ctx context.Context, q history.Query) (history.Page, error) {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	page, err := r.page(ctx, q)
	if err != nil {
		return history.Page{}, fmt.Errorf("ask receiver %s for messages: %w", r.base.Host, err)
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

// Close ends all followers.
func (r *Client) Close() error {
	r.cancel()
	r.group.Wait()
	r.client.CloseIdleConnections()
	return nil
}
