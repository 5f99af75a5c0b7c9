package main

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"time"
)

// starts measures, on this machine, the time from a role's process start until
// it says that it is ready.
func (b *bench) starts(ctx context.Context) error {
	mqtt, err := freeAddress()
	if err != nil {
		return err
	}
	broker := func(i int) []string {
		return []string{"broker", "--listen", "mqtt://" + mqtt, "--store", filepath.Join(b.dir, fmt.Sprintf("store-%d", i))}
	}
	if err := b.startRole(ctx, "broker", broker); err != nil {
		return err
	}
	// The others need one; it is stopped when they were measured.
	ctx, stop := context.WithCancel(ctx)
	theirs := b.command(ctx, b.programs[0], broker(b.rounds)...)
	if err := theirs.Start(); err != nil {
		stop()
		return err
	}
	defer func() {
		stop()
		theirs.Wait()
	}()
	if err := b.startRole(ctx, "broadcast", func(i int) []string {
		return []string{"broadcast", "--broker", "mqtt://" + mqtt, "--id", fmt.Sprintf("bench-%d", i)}
	}); err != nil {
		return err
	}
	return b.startRole(ctx, "receive", func(i int) []string {
		return []string{"receive", "--broker", "mqtt://" + mqtt, "--listen", "127.0.0.1:0",
			"--history", "sqlite:" + filepath.Join(b.dir, fmt.Sprintf("history-%d", i), "history.db")}
	})
}

func (b *bench) startRole(ctx context.Context, role string, args func(round int) []string) error {
	var times []float64
	for i := range b.rounds {
		took, err := b.start(ctx, args(i))
		if err != nil {
			return fmt.Errorf("start %s: %w", role, err)
		}
		times = append(times, float64(took.Microseconds())/1000)
	}
	b.figures.add(role+": from process start to ready", "ms", "< 200", times...)
	return nil
}

// start runs a role until it is ready, and returns how long that took.
func (b *bench) start(ctx context.Context, args []string) (time.Duration, error) {
	ops, err := freeAddress()
	if err != nil {
		return 0, err
	}
	c := b.command(ctx, b.programs[0], append(args, "--ops-listen", ops)...)
	began := time.Now()
	if err := c.Start(); err != nil {
		return 0, err
	}
	defer func() {
		c.Process.Signal(os.Interrupt)
		c.Wait()
	}()
	for {
		resp, err := http.Get("http://" + ops + "/readyz")
		if err == nil {
			resp.Body.Close()
			if resp.StatusCode == http.StatusOK {
				return time.Since(began), nil
			}
		}
		if time.Since(began) > 30*time.Second {
			return 0, fmt.Errorf("not ready in 30 s (%v)", err)
		}
		time.Sleep(time.Millisecond)
	}
}

func freeAddress() (string, error) {
	ln, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer ln.Close()
	return ln.Addr().String(), nil
}
