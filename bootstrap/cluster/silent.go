package cluster

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"syscall"
	"time"

	"hellox/bootstrap/run"
	"hellox/bootstrap/step"
)

// A SilentError is the cause of the error of an API server that gave no answer: how its
// cluster is, is not known.
type SilentError struct {
	why     string
	Timeout bool // it accepted the connection and said nothing, or not even that
}

func (e *SilentError) Error() string { return e.why }

// silent returns err, of a request to an API server that began then with the context
// ctx, as a *SilentError if there was no answer. A request that the end of ctx cut
// short at once says nothing.
func silent(ctx context.Context, began time.Time, err error) error {
	took := time.Since(began)
	if errors.Is(ctx.Err(), context.Canceled) || ctx.Err() != nil && took < time.Second {
		return err
	}
	e := Silence(err)
	if ctx.Err() != nil || e != nil && e.Timeout {
		return &SilentError{why: fmt.Sprintf("gave up after %.0fs", took.Seconds()), Timeout: true}
	}
	if e != nil {
		return e
	}
	return err
}

// Silence returns what err, of a request to an API server, says if there was no answer;
// nil if there was one, or if err is of something else.
func Silence(err error) *SilentError {
	late := net.Error(nil)
	switch {
	case errors.As(err, &late) && late.Timeout():
		return &SilentError{why: "gave up", Timeout: true}
	case errors.Is(err, syscall.ECONNREFUSED):
		return &SilentError{why: "connection refused"}
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE), errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return &SilentError{why: "it closes the connection"}
	}
	return nil
}

// Unanswered returns the error of c where err says that its API server, or a program
// that was asked about it, gave no answer, and nil otherwise. That is no reason to
// delete a cluster.
func Unanswered(c Candidate, err error) *step.Error {
	if e, ok := errors.AsType[*SilentError](err); ok {
		return &step.Error{
			Kind:     step.Missing,
			Sentence: c.String() + " runs and its API server does not answer",
			Hint:     c.RestartCommand + ", or try again",
			Err:      e,
		}
	}
	if _, ok := errors.AsType[run.NoAnswer](err); ok {
		e, _ := errors.AsType[*step.Error](err)
		return e
	}
	return nil
}

// APIServerOf names the API server of c: what is waited for.
func APIServerOf(c Candidate) string { return "the API server of " + c.String() }

// UnansweredInTime is Unanswered for a wait that the end of ctx may have cut short: the cause of
// that end is said then.
func UnansweredInTime(ctx context.Context, c Candidate, err error) error {
	e, cause := Unanswered(c, err), context.Cause(ctx)
	switch {
	case cause == nil && e == nil:
		return err
	case cause == nil:
		return e
	case e == nil, errors.Is(ctx.Err(), context.Canceled):
		return cause
	}
	e.Err = &SilentError{why: cause.Error(), Timeout: true}
	return e
}
