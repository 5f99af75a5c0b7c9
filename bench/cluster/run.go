package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	natsgo "github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// A run is the three nodes with their receivers, publishers and readers.
type run struct {
	c         config
	hosts     []string // of the nodes
	mqtt      []string // HOST:PORT of each node
	nats      []string
	pages     []string
	certs     string
	nodes     []*process
	receivers []*process
	conn      *natsgo.Conn
	js        jetstream.JetStream

	ledger  *ledger
	history *history
	readers []*reader
	reading sync.WaitGroup
	stop    context.CancelFunc // the readers
	quiet   func() error       // ends the publishers; nil: there are none
	before  totals             // as of the event before
	lost    int                // in all
}

// totals are the counts since the beginning.
type totals struct{ acknowledged, stored, doubled, reordered, lost int }

const nodeCount = 3

// newRun starts everything but the publishers.
func newRun(ctx context.Context, c config) (_ *run, err error) {
	r := &run{c: c, ledger: newLedger(), history: newHistory(), certs: filepath.Join(c.dir, "certs")}
	defer func() {
		if err != nil {
			r.end()
		}
	}()
	if err := r.startNodes(ctx); err != nil {
		return nil, err
	}
	if err := r.connect(); err != nil {
		return nil, err
	}
	if err := until(ctx, 2*time.Minute, "clients are let in", func() bool { return r.gone() != nil || r.whole(ctx) == nil }); err != nil {
		return nil, err
	}
	for range c.receivers {
		if err := errors.Join(r.addReceiver(ctx), r.gone()); err != nil {
			return nil, err
		}
	}
	reading, stop := context.WithCancel(ctx)
	r.stop = stop
	for i := range c.receivers * c.readers {
		at := i % c.receivers
		one := &reader{name: fmt.Sprintf("reader %d", i), note: c.note, pages: append(slices.Clone(r.pages[at:]), r.pages[:at]...)}
		r.readers = append(r.readers, one)
		r.reading.Go(func() { one.run(reading) })
	}
	return r, nil
}

func (r *run) isolated() bool { return os.Getenv(isolatedEnv) != "" }

// startNodes starts the nodes, each on a disk and in a network of its own if there may
// be such.
func (r *run) startNodes(ctx context.Context) error {
	var routes, peers []string
	certs := []string{"certs", r.certs, "--peer", "--host", "127.0.0.1"}
	for i := range nodeCount {
		host, route, mqtt, nats := nodeIP(i), nodeIP(i)+":6222", nodeIP(i)+":1883", nodeIP(i)+":4222"
		if !r.isolated() {
			host, route, mqtt, nats = "127.0.0.1", freeAddress(), freeAddress(), freeAddress()
		}
		r.hosts, r.mqtt, r.nats, routes = append(r.hosts, host), append(r.mqtt, mqtt), append(r.nats, nats), append(routes, route)
		peers, certs = append(peers, "--peer", route), append(certs, "--host", host)
	}
	if out, err := exec.CommandContext(ctx, r.c.hellox, certs...).CombinedOutput(); err != nil {
		return fmt.Errorf("hellox certs: %w: %s", err, out)
	}
	for i := range nodeCount {
		args := append([]string{
			"nats", "--name", nodeName(i), "--store", r.store(i), "--listen", "mqtt://" + r.mqtt[i], "--route-listen", routes[i], "--client-listen", r.nats[i],
			"--peer-cert", r.file("peer.crt"), "--peer-key", r.file("peer.key"), "--peer-ca", r.file("ca.crt"),
		}, peers...)
		if r.c.verbose {
			args = append(args, "--log-level", "debug")
		}
		node := -1
		if r.isolated() {
			if err := mountDisk(ctx, r.disk(i)); err != nil {
				return err
			}
			node, args = i, append(args, "--insecure")
		}
		p, err := r.process(nodeName(i), node, args...)
		if err != nil {
			return err
		}
		r.nodes = append(r.nodes, p)
		if err := p.start(ctx); err != nil {
			return err
		}
	}
	return nil
}

func nodeName(i int) string { return fmt.Sprintf("node-%d", i) }

func (r *run) file(name string) string { return filepath.Join(r.certs, name) }
func (r *run) disk(i int) string       { return filepath.Join(r.c.dir, nodeName(i)) }
func (r *run) store(i int) string      { return filepath.Join(r.disk(i), "store") }
func (r *run) broker() string          { return "mqtt://" + strings.Join(r.mqtt, ",") }

func (r *run) process(name string, node int, args ...string) (*process, error) {
	log, err := os.Create(filepath.Join(r.c.dir, name+".log"))
	if err != nil {
		return nil, err
	}
	return &process{name: name, hellox: r.c.hellox, args: args, node: node, log: &logWriter{name: name, file: log, verbose: r.c.verbose}}, nil
}

// connect connects to the nodes as a receiver does, to ask who leads.
func (r *run) connect() (err error) {
	r.conn, err = natsgo.Connect("tls://"+strings.Join(r.nats, ",tls://"), natsgo.ClientCert(r.file("peer.crt"), r.file("peer.key")), natsgo.RootCAs(r.file("ca.crt")),
		natsgo.RetryOnFailedConnect(true), natsgo.MaxReconnects(-1), natsgo.ReconnectWait(200*time.Millisecond), natsgo.Timeout(2*time.Second), natsgo.PingInterval(2*time.Second), natsgo.MaxPingsOutstanding(2))
	if err == nil {
		r.js, err = jetstream.New(r.conn)
	}
	return err
}

// addReceiver starts another receiver, and waits until it serves.
func (r *run) addReceiver(ctx context.Context) error {
	page := freeAddress()
	args := []string{
		"receive", "--broker", r.broker(), "--listen", page, "--history", "nats://" + strings.Join(r.nats, ","),
		"--history-cert", r.file("peer.crt"), "--history-key", r.file("peer.key"), "--history-ca", r.file("ca.crt"),
	}
	if r.c.verbose {
		args = append(args, "--log-level", "debug")
	}
	p, err := r.process(fmt.Sprintf("receive-%d", len(r.receivers)), -1, args...)
	if err != nil {
		return err
	}
	r.receivers, r.pages = append(r.receivers, p), append(r.pages, "http://"+page)
	if err := p.start(ctx); err != nil {
		return err
	}
	return until(ctx, time.Minute, p.name+" serves its history", func() bool {
		return p.gone() != nil || get(ctx, "http://"+page+"/api/stats", &struct{}{}) == nil
	})
}

// whole returns why not every stream is on all nodes, or nil.
func (r *run) whole(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	streams, n := r.js.ListStreams(ctx), 0
	for s := range streams.Info() {
		n++
		switch {
		case s.Cluster == nil || s.Cluster.Leader == "":
			return fmt.Errorf("%s has no leader", s.Config.Name)
		case len(s.Cluster.Replicas) != nodeCount-1:
			return fmt.Errorf("%s is on %d nodes", s.Config.Name, len(s.Cluster.Replicas)+1)
		}
		for _, replica := range s.Cluster.Replicas {
			if !replica.Current || replica.Offline {
				return fmt.Errorf("%s is not current on %s", s.Config.Name, replica.Name)
			}
		}
	}
	if err := streams.Err(); err != nil {
		return err
	}
	if n == 0 {
		return errors.New("there are no streams")
	}
	return nil
}

// gone returns an error if a process has ended by itself.
func (r *run) gone() (err error) {
	for _, p := range append(slices.Clone(r.nodes), r.receivers...) {
		err = errors.Join(err, p.gone())
	}
	return err
}

// leader returns which node leads a stream.
func (r *run) leader(ctx context.Context, stream string) (int, error) {
	name := ""
	err := until(ctx, time.Minute, stream+" has a leader", func() bool {
		asking, cancel := context.WithTimeout(ctx, 2*time.Second)
		defer cancel()
		s, err := r.js.Stream(asking, stream)
		if err != nil || s.CachedInfo().Cluster == nil {
			return false
		}
		name = s.CachedInfo().Cluster.Leader
		return name != ""
	})
	for i := range nodeCount {
		if nodeName(i) == name {
			return i, nil
		}
	}
	return 0, errors.Join(err, fmt.Errorf("the leader of %s is %q", stream, name))
}

// indexer returns which receiver appends to the history: the one that said so last.
func (r *run) indexer() int {
	latest := 0
	for i, p := range r.receivers {
		if p.log.indexerSince().After(r.receivers[latest].log.indexerSince()) {
			latest = i
		}
	}
	return latest
}

// end ends everything.
func (r *run) end() {
	if r.quiet != nil {
		_ = r.quiet()
	}
	if r.stop != nil {
		r.stop()
	}
	r.reading.Wait()
	if r.conn != nil {
		r.conn.Close()
	}
	for _, p := range append(slices.Clone(r.receivers), r.nodes...) {
		if p.cmd != nil && p.ended != nil {
			p.kill()
		}
		p.log.file.Close()
	}
}

func until(ctx context.Context, most time.Duration, what string, ok func() bool) error {
	for deadline := time.Now().Add(most); !ok(); {
		if time.Now().After(deadline) {
			return fmt.Errorf("not within %v: %s", most, what)
		}
		if !sleep(ctx, 100*time.Millisecond) {
			return ctx.Err()
		}
	}
	return nil
}

func sleep(ctx context.Context, d time.Duration) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(d):
		return true
	}
}

func freeAddress() string {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err) // loopback has a free port
	}
	defer ln.Close()
	return ln.Addr().String()
}
