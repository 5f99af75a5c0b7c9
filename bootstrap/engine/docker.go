package engine

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
)

// A Docker is the API of a Docker daemon. The few calls that hellox makes have been
// the same since Docker 1.12, so they need neither a version nor a client library,
// which would be larger than all of this.
type Docker struct {
	Client *http.Client
	Base   string // https://192.168.49.2:2376
}

// Do makes a call and decodes its answer into into, unless that is nil. An answer
// that is not a success is a *DockerError.
func (d Docker) Do(ctx context.Context, method, path string, into any) error {
	req, err := http.NewRequestWithContext(ctx, method, d.Base+path, nil)
	if err != nil {
		return err
	}
	res, err := d.answer(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	if into == nil {
		return nil
	}
	return json.NewDecoder(res.Body).Decode(into)
}

// Send posts a tar archive and returns the body of the answer, which its caller
// closes. Its errors are those of Do.
func (d Docker) Send(ctx context.Context, path string, archive io.Reader) (io.ReadCloser, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, d.Base+path, io.NopCloser(archive))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", "application/x-tar")
	res, err := d.answer(req)
	if err != nil {
		return nil, err
	}
	return res.Body, nil
}

func (d Docker) answer(req *http.Request) (*http.Response, error) {
	res, err := d.Client.Do(req)
	if u := (*url.Error)(nil); errors.As(err, &u) {
		return nil, u.Err // without the address
	}
	if err != nil {
		return nil, err
	}
	if res.StatusCode >= 300 {
		defer res.Body.Close()
		var body struct{ Message string }
		_ = json.NewDecoder(io.LimitReader(res.Body, 64<<10)).Decode(&body)
		return nil, &DockerError{res.StatusCode, cmp.Or(body.Message, "Docker answers "+res.Status)}
	}
	return res, nil
}

// A DockerError is an answer of Docker's API that is not a success.
type DockerError struct {
	Code    int
	Message string
}

func (e *DockerError) Error() string { return e.Message }
