package main

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"slices"
	"strings"
	"time"
)

// state is what kubectl prints of a pod with each change: its UID, when it was deleted,
// and whether it is ready.
const state = `{.metadata.uid} {.metadata.deletionTimestamp} {.status.conditions[?(@.type=="Ready")].status}{"\n"}`

func main() {
	var m measurement
	flag.StringVar(&m.context, "context", "kind-hellox", "kubectl's context")
	flag.StringVar(&m.namespace, "namespace", "hellox", "of the installation")
	flag.StringVar(&m.page, "page", "http://127.0.0.1:8420", "URL of the page, as up prints it")
	rounds := flag.Int("rounds", 100, "how many pods are deleted, or faults made")
	fault := flag.String("fault", "", "pause or network: of the node, instead of deleting pods")
	node := flag.String("node", "hellox-control-plane", "container of the kind node, for --fault")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	run := m.run
	switch *fault {
	case "":
	case "pause":
		run = faults{m, []string{"pause", *node}, []string{"unpause", *node}}.run
	case "network": // what comes from outside the node is dropped
		rule := strings.Fields("INPUT -i eth0 -p tcp --dport 6443 -j DROP")
		run = faults{m, append([]string{"exec", *node, "iptables", "-I"}, rule...), append([]string{"exec", *node, "iptables", "-D"}, rule...)}.run
	default:
		fmt.Fprintln(os.Stderr, "forward: --fault is pause or network")
		os.Exit(2)
	}
	if err := run(ctx, *rounds); err != nil {
		fmt.Fprintln(os.Stderr, "forward:", err)
		stop()
		os.Exit(1)
	}
}

// A measurement deletes pods of the receiver, one after the other.
type measurement struct{ context, namespace, page string }

func (m measurement) run(ctx context.Context, rounds int) error {
	if _, err := m.connect(ctx); err != nil {
		return fmt.Errorf("the page does not answer before anything is deleted: %w", err)
	}
	ready, err := m.follow(ctx)
	if err != nil {
		return err
	}
	var laps, gaps []time.Duration
	for round := range rounds {
		began := time.Now()
		if out, err := m.kubectl(ctx, "delete", "pod", "--selector", "app.kubernetes.io/component=receive", "--wait=false").CombinedOutput(); err != nil {
			return fmt.Errorf("delete the pod: %w: %s", err, out)
		}
		var at time.Time
		select {
		case at = <-ready:
		case <-time.After(2 * time.Minute):
			return errors.New("no new pod is ready after 2 min")
		case <-ctx.Done():
			return context.Cause(ctx)
		}
		tries, err := m.connect(ctx)
		if err != nil {
			return err
		}
		lap := time.Since(at)
		laps, gaps = append(laps, lap), append(gaps, time.Since(began))
		fmt.Fprintf(os.Stderr, "%d of %d: ready after %.2f s, a new connection %d ms later (attempt %d)\n",
			round+1, rounds, at.Sub(began).Seconds(), lap.Milliseconds(), tries)
	}
	fmt.Printf("%d pods deleted\nnew connection after the pod is ready: %s\nafter the deletion: %s\n", rounds, quantiles(laps), quantiles(gaps))
	return nil
}

// follow returns a channel that gets the time at which each new pod became ready, as
// kubectl tells it. It is never closed; it gets nothing more once ctx ends.
func (m measurement) follow(ctx context.Context) (<-chan time.Time, error) {
	c := m.kubectl(ctx, "get", "pods", "--selector", "app.kubernetes.io/component=receive", "--watch", "--output", "jsonpath="+state)
	out, err := c.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := c.Start(); err != nil {
		return nil, err
	}
	ready := make(chan time.Time, 1000)
	first := make(chan struct{})
	go func() {
		known := map[string]bool{}
		lines := bufio.NewScanner(out)
		for lines.Scan() {
			words := strings.Split(lines.Text(), " ")
			if len(words) != 3 || words[1] != "" || words[2] != "True" || known[words[0]] {
				continue
			}
			known[words[0]] = true
			if len(known) == 1 { // it was there before
				close(first)
				continue
			}
			ready <- time.Now()
		}
		_ = c.Wait() // it ends with ctx
	}()
	select {
	case <-first:
		return ready, nil
	case <-time.After(time.Minute):
		return nil, errors.New("no pod of the receiver is ready")
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

// connect asks on a connection of its own until it is answered.
func (m measurement) connect(ctx context.Context) (tries int, err error) {
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: 20 * time.Second}
	for over := time.Now().Add(time.Minute); ; {
		tries++
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, m.page+"/api/stats", nil)
		if err != nil {
			return tries, err
		}
		response, err := client.Do(request)
		if err == nil {
			_ = response.Body.Close()
			if response.StatusCode == http.StatusOK {
				return tries, nil
			}
		}
		if ctx.Err() != nil || time.Now().After(over) {
			return tries, fmt.Errorf("no answer after %d attempts: %w", tries, err)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

func (m measurement) kubectl(ctx context.Context, args ...string) *exec.Cmd {
	return exec.CommandContext(ctx, "kubectl", append([]string{"--context", m.context, "--namespace", m.namespace}, args...)...)
}

func quantiles(all []time.Duration) string {
	slices.Sort(all)
	at := func(q float64) int64 { return all[min(len(all)-1, int(q*float64(len(all))))].Milliseconds() }
	return fmt.Sprintf("p50 %d ms, p90 %d ms, p99 %d ms, max %d ms", at(0.5), at(0.9), at(0.99), all[len(all)-1].Milliseconds())
}
