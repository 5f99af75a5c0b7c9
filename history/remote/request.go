package remote

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"syscall"

	"hellox/history"
)

// open asks for a resource and returns the answer if it is a good one.
func (r *Client) open(ctx context.Context, path string, q url.Values, accept string) (*http.Response, error) {
	u := r.base.JoinPath(path)
	u.RawQuery = q.Encode()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Accept", accept)
	return r.do(req)
}

// do sends req and returns the answer if it is a good one, else its problem
// document as an *APIError.
func (r *Client) do(req *http.Request) (*http.Response, error) {
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

// finish reads the rest of an answer, so that its connection serves the next request: a
// new one through a forward costs the API server and the node much more. A long rest is
// not read.
func finish(resp *http.Response) {
	_, _ = io.CopyN(io.Discard, resp.Body, maxProblem)
	_ = resp.Body.Close()
}

// cause leaves out the method and address that net/http puts before it, and the address
// that dialling puts before its cause: the callers say which receiver it is.
func cause(err error) error {
	if e := new(url.Error); errors.As(err, &e) {
		err = e.Err
	}
	dial := new(net.OpError)
	switch {
	case !errors.As(err, &dial) || dial.Op != "dial":
		return err
	case errors.Is(err, syscall.ECONNREFUSED):
		return fmt.Errorf("nothing listens there (%w)", syscall.ECONNREFUSED)
	}
	return dial.Err
}

// An askError says what a receiver was asked for.
type askError struct {
	host, what string
	err        error
}

func (e *askError) Error() string {
	return "ask receiver " + e.host + " for " + e.what + ": " + e.err.Error()
}

func (e *askError) Unwrap() error { return e.err }

// get reads an answer of JSON into v.
func (r *Client) get(ctx context.Context, path string, v any) error {
	return r.getQuery(ctx, path, nil, v)
}

func (r *Client) getQuery(ctx context.Context, path string, q url.Values, v any) error {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	err := func() error {
		if r.stop.Err() != nil {
			return history.ErrClosed
		}
		resp, err := r.open(ctx, path, q, "application/json")
		if err != nil {
			return err
		}
		defer finish(resp)
		if err := json.NewDecoder(io.LimitReader(resp.Body, maxAnswer)).Decode(v); err != nil {
			return fmt.Errorf("the answer is not what a receiver answers: %w", err)
		}
		return nil
	}()
	if err != nil {
		return &askError{r.base.Host, path, err}
	}
	return nil
}

// post sends body as JSON and reads the answer into v, unless v is nil.
func (r *Client) post(ctx context.Context, path string, body, v any) error {
	b, err := json.Marshal(body)
	if err != nil {
		return fmt.Errorf("encode the request: %w", err)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, r.base.JoinPath(path).String(), bytes.NewReader(b))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := r.do(req)
	if err != nil {
		return err
	}
	defer finish(resp)
	if v == nil {
		return nil
	}
	if err := json.NewDecoder(io.LimitReader(resp.Body, maxAnswer)).Decode(v); err != nil {
		return fmt.Errorf("read the receiver's answer: %w", err)
	}
	return nil
}
