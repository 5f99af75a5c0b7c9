package main

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strconv"
	"strings"
	"time"

	"hellox/bootstrap/portforward"
	"hellox/bootstrap/step"
	"hellox/cmd/hellox/output"
	"hellox/cmd/hellox/state"
	"hellox/history/remote"
	"hellox/stream"
)

// upResult is what up ends its steps with.
type upResult struct {
	state.Installation
	Web  string `json:"web"`
	MQTT string `json:"mqtt"`
}

// announce records where the stream is, and prints it. What is printed may be used
// at once, so the record comes first. Of a daemon the record is what the waiting up
// looks for, and its output is copied then: there the record comes last.
func (o *upOptions) announce(sh shell, lock *state.Lock, up upResult, ending string, scale func(int) error) error {
	if o.detached {
		return errors.Join(o.printResult(sh, up, ""), lock.Publish(up.Web, up.MQTT, true, scale))
	}
	if err := lock.Publish(up.Web, up.MQTT, false, scale); err != nil {
		return err
	}
	return o.printResult(sh, up, ending)
}

// printResult prints where the stream is, and how to end this process.
func (o *upOptions) printResult(sh shell, up upResult, ending string) error {
	if o.output == "json" {
		return output.JSON(sh.out, struct {
			At    string       `json:"at"`
			State output.State `json:"state"`
			upResult
		}{output.Timestamp(time.Now()), output.StateUp, up})
	}
	fmt.Fprintf(sh.err, `
   the page     %s
   terminal     %s
   MQTT         %s
   remove       %s

`, up.Web, commandFor(sh, "hellox watch", up.Installation), up.MQTT, commandFor(sh, "hellox down", up.Installation))
	if ending != "" {
		fmt.Fprintf(sh.err, " %s\n", ending)
	}
	return nil
}

// linkTime is how long a receiver whose page answers may take to its broker before
// up goes on without. After a start of the cluster its name server needs half a minute.
const linkTime = time.Minute

// waitForStream returns once the page answers and its receiver is subscribed: what is
// published after an up is stored.
func waitForStream(ctx context.Context, url string, steps step.Reporter) error {
	client, err := awaitPage(ctx, url)
	if err != nil {
		return err
	}
	defer func() { _ = client.Close() }()
	return subscribedSoon(ctx, client, steps)
}

// subscribedSoon returns once the receiver is subscribed, or has had its time for it.
func subscribedSoon(ctx context.Context, receiver *remote.Client, steps step.Reporter) error {
	link, cancel := context.WithTimeout(ctx, linkTime)
	defer cancel()
	missing := awaitLink(link, receiver, steps)
	if ctx.Err() == nil && missing != "" {
		steps.Warn(missing)
	}
	return context.Cause(ctx)
}

// awaitPage returns the receiver once its page answers.
func awaitPage(ctx context.Context, url string) (receiver *remote.Client, err error) {
	unanswered := poll(ctx, func() (done bool) {
		receiver, err = remote.Open(ctx, url)
		return err == nil
	})
	if unanswered != nil {
		return nil, unanswered
	}
	return receiver, nil
}

// awaitLink returns "" once the receiver is subscribed, or when ctx ends why it is not.
// It reports what it waits for.
func awaitLink(ctx context.Context, receiver *remote.Client, steps step.Reporter) (missing string) {
	err := poll(ctx, func() bool {
		st, err := receiver.Stats(ctx)
		switch {
		case err != nil:
			return false
		case st.Link.State == stream.Connected:
			return true
		}
		missing = "the receiver has no connection to the broker yet"
		if st.Link.Cause != "" {
			missing += ": " + st.Link.Cause
		}
		steps.Progress(missing)
		return false
	})
	if err == nil {
		return ""
	}
	return missing
}

// poll asks until it is done: every 5 ms, and less often the longer that takes.
func poll(ctx context.Context, done func() bool) error {
	for pause := 5 * time.Millisecond; !done(); pause = min(pause*5/4, 250*time.Millisecond) {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(pause):
		}
	}
	return nil
}

// spawnDaemon starts a process that does what this one would do in front, and
// returns once it has written where the stream is.
func (o *upOptions) spawnDaemon(ctx context.Context, sh shell, here state.Installation, dir state.Dir) error {
	err := dir.SpawnDaemon(ctx, o.daemonArgs(here), sh.out, sh.err)
	if exit := new(exec.ExitError); errors.As(err, &exit) && exit.ExitCode() > 0 {
		return errReported(exit.ExitCode()) // it has written why
	}
	return storageError(here, dir, err)
}

// daemonArgs returns the command line of the process left in the background.
func (o *upOptions) daemonArgs(here state.Installation) []string {
	args := append([]string{"up", "--detached"}, strings.Fields(here.Flags())...)
	for _, p := range []portforward.Port{o.web, o.mqtt} {
		if p.Asked {
			args = append(args, p.Flag, strconv.Itoa(p.Number))
		}
	}
	if o.broadcastersSet {
		args = append(args, "--broadcasters", strconv.Itoa(o.broadcasters))
	}
	return append(args, "--output", o.output, "--timeout", o.timeout.String())
}
