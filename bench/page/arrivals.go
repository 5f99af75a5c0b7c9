package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"sync"
	"time"
)

// arrivals are when messages came out of the event stream: what of the way to the screen is
// behind when the browser gets them.
type arrivals struct {
	mu sync.Mutex
	at map[int]float64 // ms since 1970, by number

	end func()
}

var numbered = regexp.MustCompile(`"message (\d+)"`)

// startArrivals follows the event stream until end is called.
func startArrivals(ctx context.Context, page string) (*arrivals, error) {
	ctx, cancel := context.WithCancel(ctx)
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, page+"/api/events", nil)
	if err != nil {
		cancel()
		return nil, err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		cancel()
		return nil, err
	}
	a := &arrivals{at: map[int]float64{}}
	var reading sync.WaitGroup
	reading.Go(func() {
		defer response.Body.Close()
		for lines := bufio.NewScanner(response.Body); lines.Scan(); {
			line := lines.Bytes()
			if !bytes.HasPrefix(line, []byte("data: ")) {
				continue
			}
			now := float64(time.Now().UnixMicro()) / 1000
			if m := numbered.FindSubmatch(line); m != nil {
				n, _ := strconv.Atoi(string(m[1])) // they are digits
				a.mu.Lock()
				a.at[n] = now
				a.mu.Unlock()
			}
		}
	})
	a.end = func() {
		cancel()
		reading.Wait()
	}
	return a, nil
}

// report prints how long the messages took to the stream.
func (a *arrivals) report(sent []float64) {
	a.mu.Lock()
	defer a.mu.Unlock()
	var took []float64
	for i, at := range sent {
		if came, ok := a.at[i]; ok {
			took = append(took, came-at)
		}
	}
	if len(took) == 0 {
		return
	}
	slices.Sort(took)
	fmt.Printf("of that, to the event stream, by a client without a screen: p50 %.1f ms, p90 %.1f ms, p99 %.1f ms, max %.1f ms of %d\n",
		quantile(took, 0.5), quantile(took, 0.9), quantile(took, 0.99), quantile(took, 1), len(took))
}
