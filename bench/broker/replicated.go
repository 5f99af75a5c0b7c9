package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"time"

	"hellox/bench/rig"
)

// builtHellox is a hellox of this tree, built once.
var builtHellox = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "hellox-bench-program-")
	if err != nil {
		return "", err
	}
	return rig.Program(context.Background(), "", dir)
})

// replicated is hellox nats on three nodes, a process each: a message is acknowledged
// when two of them have it on disk. Clients connect to the first node.
func replicated() peer {
	return peer{"hellox nats, R3", startReplicated}
}

func startReplicated(ctx context.Context, dir string) (_ *running, err error) {
	hellox, err := builtHellox()
	if err != nil {
		return nil, err
	}
	certs := filepath.Join(dir, "certs")
	if out, err := exec.CommandContext(ctx, hellox, "certs", certs, "--host", "127.0.0.1", "--peer").CombinedOutput(); err != nil {
		return nil, fmt.Errorf("hellox certs: %w: %s", err, out)
	}
	var routes, mqtt, peers []string
	for range 3 {
		route, err1 := freeAddr()
		client, err2 := freeAddr()
		if err := errors.Join(err1, err2); err != nil {
			return nil, err
		}
		routes, mqtt, peers = append(routes, route), append(mqtt, client), append(peers, "--peer", route)
	}
	all := &running{addr: mqtt[0]}
	for i := range 3 {
		args := append([]string{
			"nats", "--name", "node-" + strconv.Itoa(i), "--store", filepath.Join(dir, strconv.Itoa(i)), "--listen", "mqtt://" + mqtt[i], "--keep", "8GiB",
			"--route-listen", routes[i], "--peer-cert", filepath.Join(certs, "peer.crt"), "--peer-key", filepath.Join(certs, "peer.key"), "--peer-ca", filepath.Join(certs, "ca.crt"),
		}, peers...)
		node := exec.CommandContext(ctx, hellox, args...)
		if err := node.Start(); err != nil {
			all.stop()
			return nil, err
		}
		if i == 0 {
			all.cmd = node
		} else {
			all.others = append(all.others, node)
		}
	}
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(100 * time.Millisecond) {
		c, err := dial(all.addr, "probe", true)
		if err == nil {
			c.close()
			return all, nil
		}
		if time.Now().After(deadline) {
			all.stop()
			return nil, fmt.Errorf("three nodes do not let clients in: %w", err)
		}
	}
}
