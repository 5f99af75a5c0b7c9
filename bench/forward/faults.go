package main

import (
	"context"
	"crypto/tls"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"time"
)

// faults are a fault of the node, made and undone by docker, round after round.
type faults struct {
	measurement
	begin, end []string // docker's arguments
}

func (f faults) run(ctx context.Context, rounds int) error {
	if _, err := f.connect(ctx); err != nil {
		return fmt.Errorf("the page does not answer before there is a fault: %w", err)
	}
	server, err := f.kubectl(ctx, "config", "view", "--minify", "--output", "jsonpath={.clusters[0].cluster.server}").Output()
	if err != nil {
		return fmt.Errorf("ask kubectl for the server: %w", err)
	}
	var laps, floors []time.Duration
	for round := range rounds {
		lap, floor, err := f.round(ctx, string(server))
		if err != nil {
			return err
		}
		laps, floors = append(laps, lap), append(floors, floor)
		fmt.Fprintf(os.Stderr, "%d of %d: a new connection after %d ms, the API server after %d ms\n", round+1, rounds, lap.Milliseconds(), floor.Milliseconds())
	}
	fmt.Printf("%d times docker %v\nnew connection after its end: %s\nthe API server by itself:     %s\n", rounds, f.begin, quantiles(laps), quantiles(floors))
	return nil
}

// round makes the fault once, with a client that asks all the while.
func (f faults) round(ctx context.Context, server string) (lap, floor time.Duration, err error) {
	if out, err := exec.CommandContext(ctx, "docker", f.begin...).CombinedOutput(); err != nil {
		return 0, 0, fmt.Errorf("begin the fault: %w: %s", err, out)
	}
	type answer struct {
		at  time.Time
		err error
	}
	page := make(chan answer, 1)
	go func() {
		_, err := f.connect(ctx)
		page <- answer{time.Now(), err}
	}()
	time.Sleep(2*time.Second + rand.N(10*time.Second))
	if out, err := exec.CommandContext(context.WithoutCancel(ctx), "docker", f.end...).CombinedOutput(); err != nil {
		return 0, 0, fmt.Errorf("end the fault: %w: %s", err, out)
	}
	ended := time.Now()
	floor, err = answers(ctx, server)
	if err != nil {
		return 0, 0, err
	}
	got := <-page
	return got.at.Sub(ended), floor, got.err
}

// answers returns how long the API server takes to answer one of many connections, of
// which one is made every 50 ms.
func answers(ctx context.Context, server string) (time.Duration, error) {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	client := &http.Client{Transport: &http.Transport{
		DisableKeepAlives: true,
		TLSClientConfig:   &tls.Config{InsecureSkipVerify: true}, //nolint:gosec // nothing is told and nothing believed
	}}
	began, done := time.Now(), make(chan time.Time, 1)
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		go func() {
			request, err := http.NewRequestWithContext(ctx, http.MethodGet, server+"/readyz", nil)
			if err != nil {
				return
			}
			response, err := client.Do(request)
			if err != nil {
				return
			}
			_ = response.Body.Close()
			if response.StatusCode == http.StatusOK {
				select {
				case done <- time.Now():
				default:
				}
			}
		}()
		select {
		case at := <-done:
			return at.Sub(began), nil
		case <-tick.C:
		case <-ctx.Done():
			return 0, fmt.Errorf("the API server is not ready again: %w", context.Cause(ctx))
		}
	}
}
