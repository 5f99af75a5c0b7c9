package main

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
)

// settled is how long the pods run before their memory is looked at: what
// starting up took has been given back, and the history has been written to.
const settled = 45 * time.Second

// memory reads what each pod's process has for its own (RssAnon) and what it
// has in memory at all (VmRSS).
func (b *bench) memory(ctx context.Context) error {
	fmt.Fprintln(os.Stderr, "memory, after", settled)
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(settled):
	}
	aims := map[string]string{"broadcast": "< 12", "broker": "< 25", "receive": "< 40"}
	for _, role := range []string{"broadcast", "broker", "receive"} {
		own, all := []float64{}, []float64{}
		for range b.rounds {
			status, err := b.processStatus(ctx, role)
			if err != nil {
				return err
			}
			own, all = append(own, status["RssAnon"]), append(all, status["VmRSS"])
			time.Sleep(time.Second)
		}
		b.figures.add(role+": RssAnon", "MiB", aims[role], own...)
		b.figures.add(role+": VmRSS", "MiB", "", all...)
	}
	return nil
}

// processStatus returns the sizes, in MiB, that the kernel tells of the role's
// process. Its container is found by the pod's id, which its cgroup bears.
func (b *bench) processStatus(ctx context.Context, role string) (map[string]float64, error) {
	pod, err := output(b.kubectl(ctx, "-n", namespace, "get", "pods", "-l", "app.kubernetes.io/component="+role,
		"-o", "jsonpath={.items[0].spec.nodeName} {.items[0].status.containerStatuses[0].containerID}"))
	if err != nil {
		return nil, err
	}
	node, id, _ := strings.Cut(pod, " ")
	_, id, _ = strings.Cut(id, "://")
	// The first process in the container's cgroup: there is only one.
	found, err := output(b.command(ctx, "docker", "exec", node, "sh", "-c", "grep -ls "+id+" /proc/[0-9]*/cgroup"))
	if err != nil {
		return nil, err
	}
	pid, _, _ := strings.Cut(strings.TrimPrefix(found, "/proc/"), "/")
	text, err := output(b.command(ctx, "docker", "exec", node, "cat", "/proc/"+pid+"/status"))
	if err != nil {
		return nil, err
	}
	sizes := make(map[string]float64)
	for line := range strings.Lines(text) {
		name, value, _ := strings.Cut(line, ":")
		if kib, found := strings.CutSuffix(strings.TrimSpace(value), " kB"); found {
			if n, err := strconv.ParseFloat(kib, 64); err == nil {
				sizes[name] = n / 1024
			}
		}
	}
	return sizes, nil
}
