package main

import (
	"encoding/json"
	"fmt"
	"net"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	natsgo "github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"hellox/cmd/hellox/certs"
	"hellox/cmd/hellox/output"
	"hellox/history"
	"hellox/history/historytest"
	"hellox/history/sqlite"
	"hellox/stream"
)

// A natsRig is three nodes and two receivers that share a history.
type natsRig struct {
	rig
	dir              string
	certs            string   // folder
	mqtt, clients    []string // addresses of the nodes
	pages, ops       []string // URLs of the receivers
	nodes, receivers []*process
}

func runNATS(t *testing.T) *natsRig {
	t.Helper()
	r := &natsRig{rig: rig{t: t}, dir: t.TempDir()}
	r.certs = filepath.Join(r.dir, "certs")
	made := certs.Options{Dir: r.certs, Hosts: []string{"127.0.0.1"}, Peer: true, Now: time.Now()}
	if _, err := certs.Make(made); err != nil {
		t.Fatal(err)
	}
	file := func(name string) string { return filepath.Join(made.Dir, name) }
	var routes, peers []string
	for range 3 {
		r.mqtt, routes, r.clients = append(r.mqtt, freeAddress(t)), append(routes, freeAddress(t)), append(r.clients, freeAddress(t))
		peers = append(peers, "--peer", routes[len(routes)-1])
	}
	for i := range 3 {
		args := append([]string{
			"nats", "--name", fmt.Sprintf("node-%d", i), "--store", filepath.Join(r.dir, fmt.Sprint(i)), "--listen", "mqtt://" + r.mqtt[i],
			"--route-listen", routes[i], "--client-listen", r.clients[i], "--peer-cert", file("peer.crt"), "--peer-key", file("peer.key"), "--peer-ca", file("ca.crt"),
		}, peers...)
		r.nodes = append(r.nodes, startProcess(t, r.dir, fmt.Sprintf("node-%d", i), args...))
	}
	for i := range 2 {
		page, ops := freeAddress(t), freeAddress(t)
		r.pages, r.ops = append(r.pages, "http://"+page), append(r.ops, "http://"+ops)
		r.receivers = append(r.receivers, startProcess(t, r.dir, fmt.Sprintf("receive-%d", i), "receive", "--broker", "mqtt://"+r.mqtt[i], "--listen", page, "--ops-listen", ops,
			"--history", "nats://"+strings.Join(r.clients, ","), "--history-cert", file("peer.crt"), "--history-key", file("peer.key"), "--history-ca", file("ca.crt")))
		r.page = r.pages[i]
		until(t, "the receiver has its history", func() bool { return r.stats().Link.State == stream.Connected })
	}
	return r
}

// broadcast starts broadcasters at a node.
func (r *natsRig) broadcast(node int) {
	ackLog := filepath.Join(r.dir, "acks")
	r.ackLogs = []string{ackLog}
	r.broadcasts = append(r.broadcasts, startProcess(r.t, r.dir, "broadcast", "broadcast", "--broker", "mqtt://"+r.mqtt[node],
		"--id", "press", "--count", "10", "--min", "50ms", "--max", "150ms", "--ack-log", ackLog))
	until(r.t, "messages are stored", func() bool { return r.stats().Stored > 100 })
}

// TestNATS kills a node and the receiver that appends while broadcasters publish: each
// acknowledged message is stored once, with the same ID for both receivers.
func TestNATS(t *testing.T) {
	r := runNATS(t)
	r.broadcast(2)
	r.nodes[1].kill()
	r.receivers[0].kill() // it began first: it is the one that appends
	before := r.stats().Stored
	until(t, "the other receiver appends", func() bool { return r.stats().Stored > before+100 })
	r.nodes[1].start()
	r.receivers[0].start()
	r.check()
	checkReplicas(t, strings.Join(r.clients, ","), r.certs, 3)
	first := pageOf(t, r.pages[1])
	until(t, "the first receiver has the same", func() bool { return pageOf(t, r.pages[0]) == first })
	for _, p := range append(r.receivers, r.nodes...) {
		if err := p.term(); err != nil {
			t.Errorf("hellox %s ended with: %v", p.args[0], err)
		}
	}
}

// TestMostNodesGone kills two of three nodes. Both receivers say that nothing is stored, and
// the same of the senders, which nothing is heard of; and that it is over when a node is back.
func TestMostNodesGone(t *testing.T) {
	r := runNATS(t)
	r.broadcast(0)
	r.nodes[1].kill()
	r.nodes[2].kill()
	for i, page := range r.pages {
		r.page = page
		until(t, page+" tells", func() bool {
			st := r.stats()
			return strings.Contains(st.Degraded, "no leader that most of them follow: nothing is acknowledged or stored") && st.DegradedBy == history.DegradedByBoth
		})
		until(t, page+" knows of no sender", func() bool { return cmp.Equal(history.States{stream.Unknown: 10}, r.stats().States) })
		until(t, r.ops[i]+" tells the same", func() bool {
			var health struct{ Status, Detail string }
			return get(r.ops[i]+"/readyz", &health) == nil && health.Status == "degraded" && health.Detail == r.stats().Degraded
		})
	}
	r.nodes[1].start()
	for i, page := range r.pages {
		r.page = page
		until(t, page+" tells that it is over", func() bool { return r.stats().Degraded == "" })
		before := r.stats().Stored
		until(t, "messages are stored again", func() bool { return r.stats().Stored > before+100 })
		log := written(t, r.receivers[i])
		for _, line := range []string{`"nothing is stored"`, `"messages are stored again`} {
			if n := strings.Count(log, line); n != 1 {
				t.Errorf("%s is %d times in\n%s", line, n, log)
			}
		}
	}
	r.nodes[2].start()
	r.check()
}

// checkReplicas checks on how many nodes each stream is, those of the history and of the
// buckets included, and each consumer that outlives its client.
func checkReplicas(t *testing.T, servers, certs string, want int) {
	t.Helper()
	file := func(name string) string { return filepath.Join(certs, name) }
	conn, err := natsgo.Connect("tls://"+strings.ReplaceAll(servers, ",", ",tls://"), natsgo.ClientCert(file("peer.crt"), file("peer.key")), natsgo.RootCAs(file("ca.crt")))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	js, err := jetstream.New(conn)
	if err != nil {
		t.Fatal(err)
	}
	streams := js.ListStreams(t.Context())
	var names []string
	for info := range streams.Info() {
		names = append(names, info.Config.Name)
		if info.Config.Replicas != want {
			t.Errorf("the stream %s is on %d nodes, want %d", info.Config.Name, info.Config.Replicas, want)
		}
		of, err := js.Stream(t.Context(), info.Config.Name)
		if err != nil {
			t.Fatal(err)
		}
		consumers := of.ListConsumers(t.Context())
		for c := range consumers.Info() {
			if n := c.Config.Replicas; c.Config.Durable != "" && n != 0 && n != want { // 0: as the stream
				t.Errorf("the consumer %s of %s is on %d nodes, want %d", c.Name, info.Config.Name, n, want)
			}
		}
		if err := consumers.Err(); err != nil {
			t.Fatal(err)
		}
	}
	if err := streams.Err(); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"$MQTT_msgs", "$MQTT_sess", "$MQTT_rmsgs", "$MQTT_qos2in", "$MQTT_out", "KV_HELLOX_OWNERS", "HELLOX_HISTORY", "KV_HELLOX_SENDERS", "KV_HELLOX_LEASE"} {
		if !slices.Contains(names, name) {
			t.Errorf("there is no stream %s among %v", name, names)
		}
	}
}

// TestNATSAlone runs a node alone and a receiver: every stream is on it, and nowhere else.
func TestNATSAlone(t *testing.T) {
	dir := t.TempDir()
	made := certs.Options{Dir: filepath.Join(dir, "certs"), Hosts: []string{"127.0.0.1"}, Peer: true, Now: time.Now()}
	if _, err := certs.Make(made); err != nil {
		t.Fatal(err)
	}
	file := func(name string) string { return filepath.Join(made.Dir, name) }
	mqtt, clients, page := freeAddress(t), freeAddress(t), freeAddress(t)
	startProcess(t, dir, "node", "nats", "--store", filepath.Join(dir, "store"), "--name", "one", "--listen", "mqtt://"+mqtt, "--client-listen", clients,
		"--peer-cert", file("peer.crt"), "--peer-key", file("peer.key"), "--peer-ca", file("ca.crt"))
	startProcess(t, dir, "receive", "receive", "--broker", "mqtt://"+mqtt, "--listen", page,
		"--history", "nats://"+clients, "--history-cert", file("peer.crt"), "--history-key", file("peer.key"), "--history-ca", file("ca.crt"))
	r := &rig{t: t, page: "http://" + page}
	until(t, "the receiver has its history", func() bool { return r.stats().Link.State == stream.Connected })
	checkReplicas(t, clients, made.Dir, 1)
}

// pageOf returns the newest messages of a receiver as it answers them, or "".
func pageOf(t *testing.T, url string) string {
	t.Helper()
	var page struct {
		Messages []stream.Message `json:"messages"`
	}
	if err := get(url+fmt.Sprintf("/api/messages?limit=%d", history.MaxLimit), &page); err != nil {
		return ""
	}
	text := ""
	for i := range page.Messages {
		text += string(page.Messages[i].AppendJSON(nil)) + "\n"
	}
	return text
}

// TestBusyPort starts roles at ports that are in use: each says so, with a hint.
func TestBusyPort(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	busy := ln.Addr().String()
	for _, line := range []string{
		"nats --listen mqtt://" + busy,
		"nats --listen mqtt://127.0.0.1:0 --ops-listen " + busy,
		"broker --listen mqtt://127.0.0.1:0 --ops-listen " + busy,
		"receive --history memory: --listen 127.0.0.1:0 --ops-listen " + busy,
		"broadcast --ops-listen " + busy,
	} {
		if strings.HasPrefix(line, "nats") {
			line += " --name one --store " + t.TempDir()
		}
		var out strings.Builder
		sh := shell{in: strings.NewReader(""), out: &out, err: &out, env: func(string) (string, bool) { return "", false }}
		got := run(t.Context(), strings.Fields(line), sh)
		if got != exitMissing || !strings.Contains(out.String(), "\nhint: ") || !strings.Contains(out.String(), busy) {
			t.Errorf("hellox %s: exit %d, want %d: %s", line, got, exitMissing, out.String())
		}
	}
}

// TestNATSFlags tries command lines that are refused before anything is opened.
func TestNATSFlags(t *testing.T) {
	for line, want := range map[string]int{
		"nats": exitUsage,
		"nats --store x --listen mqtt://127.0.0.1:1 --listen mqtt://127.0.0.1:2":                                            exitUsage,
		"nats --store x --listen ws://127.0.0.1:1":                                                                          exitUsage,
		"nats --store x --listen mqtts://127.0.0.1:1":                                                                       exitUsage,
		"nats --store x --listen mqtt://0.0.0.0:1":                                                                          exitUnsafe,
		"nats --store x --route-listen 127.0.0.1:1":                                                                         exitUsage,
		"nats --store x --peer a:1 --peer b:1":                                                                              exitUsage,
		"nats --store x --route-listen 127.0.0.1:1 --peer a:1":                                                              exitUsage,
		"nats --store x --route-listen 127.0.0.1:1 --peer a:1 --peer b:1":                                                   exitUsage,
		"nats --store x --route-listen 127.0.0.1:1 --peer a:1 --peer b:1 --peer a:1 --peer-cert a --peer-key b --peer-ca c": exitUsage,
		"nats --store x --client-listen 127.0.0.1:1":                                                                        exitUsage,
		"nats --store x --peer-cert a --peer-key b --peer-ca c":                                                             exitUsage,
		"receive --history nats://":                                                                                         exitUsage,
		"receive --history nats://10.0.0.1:4222":                                                                            exitUnsafe,
		"receive --history nats://10.0.0.1:4222 --history-cert a":                                                           exitUsage,
		"receive --history memory: --history-cert a --history-key b --history-ca c":                                         exitUsage,
		"receive --history nats://h --history-cert /no --history-key /no --history-ca /no":                                  exitMissing,
	} {
		var out strings.Builder
		sh := shell{in: strings.NewReader(""), out: &out, err: &out, env: func(string) (string, bool) { return "", false }}
		if got := run(t.Context(), strings.Fields(line), sh); got != want {
			t.Errorf("hellox %s: exit %d, want %d: %s", line, got, want, out.String())
		}
	}
}

// TestHistoryCopy carries a history from a file to a node of hellox nats, and back to
// another file, and tries what is refused.
func TestHistoryCopy(t *testing.T) {
	dir := t.TempDir()
	made := certs.Options{Dir: filepath.Join(dir, "certs"), Hosts: []string{"127.0.0.1"}, Peer: true, Now: time.Now()}
	if _, err := certs.Make(made); err != nil {
		t.Fatal(err)
	}
	file := func(name string) string { return filepath.Join(dir, name) }
	store, err := sqlite.Open(t.Context(), file("a.db"), sqlite.Options{})
	if err != nil {
		t.Fatal(err)
	}
	historytest.AppendAll(t, store, (&historytest.Fleet{Senders: 10}).Batch(2500)...)
	copyTo := func(from, to string, want int, more ...string) string {
		t.Helper()
		var out strings.Builder
		sh := shell{in: strings.NewReader(""), out: &out, err: &out, env: func(string) (string, bool) { return "", false }}
		words := []string{"history", "copy", from, to, "--history-cert", file("certs/peer.crt"), "--history-key", file("certs/peer.key"), "--history-ca", file("certs/ca.crt")}
		got := run(t.Context(), append(words, more...), sh)
		if got != want {
			t.Errorf("copy %s to %s: exit %d, want %d: %s", from, to, got, want, out.String())
		}
		return out.String()
	}
	clients := freeAddress(t)
	node := startProcess(t, dir, "node", "nats", "--name", "one", "--store", file("node"), "--listen", "mqtt://127.0.0.1:0", "--client-listen", clients,
		"--peer-cert", file("certs/peer.crt"), "--peer-key", file("certs/peer.key"), "--peer-ca", file("certs/ca.crt"))
	a, b, there := "sqlite:"+file("a.db"), "sqlite:"+file("b.db"), "nats://"+clients
	until(t, "the node answers", func() bool {
		c, err := net.Dial("tcp", clients)
		if err == nil {
			c.Close()
		}
		return err == nil
	})
	if text := copyTo(a, there, exitFailed); !strings.Contains(text, "another receiver is using it") { // store is open
		t.Error(text)
	}
	store.Close()
	copyTo(there, b, exitMissing) // there is none yet
	copyTo("sqlite:"+file("no.db"), there, exitMissing)
	copyTo(a, b, exitUsage)
	copyTo("memory:", there, exitUsage)
	copyTo(there, b, exitUsage, "--keep", "1GiB")
	copyTo(a, there, exitUsage, "--keep", "much")
	first := copyTo(a, there, exitDone)
	if !strings.Contains(first, "copied 2500 messages, IDs 1 to 2500, 0 of these missing, 0 before them evicted, sha256:") {
		t.Error(first)
	}
	// As if it had been ended while both were compared.
	again := copyTo(a, there, exitDone)
	if !strings.Contains(again, "is only compared") {
		t.Error(again)
	}
	back := copyTo(there, b, exitDone)
	for _, other := range []string{again, back} {
		if last := func(text string) string { return text[strings.Index(text, "copied 2500"):] }; last(other) != last(first) {
			t.Errorf("again, or back, it is %s, not %s", other, first)
		}
	}
	if store, err = sqlite.Open(t.Context(), file("b.db"), sqlite.Options{}); err != nil {
		t.Fatal(err)
	}
	historytest.AppendAll(t, store, historytest.Hello("late", 1, 1))
	store.Close()
	for from, to := range map[string]string{b: there, there: b} { // another one; it was used since
		if text := copyTo(from, to, exitUnsafe); !strings.Contains(text, "there are messages in it already") {
			t.Error(text)
		}
	}
	lines := copyTo(there, "sqlite:"+file("c.db"), exitDone, "--output", "json")
	events, last := readEvents(t, lines), output.Copied{}
	for line := range strings.Lines(lines) {
		last = output.Copied{}
		if err := json.Unmarshal([]byte(line), &last); err != nil {
			t.Error(err)
		}
	}
	if want := []output.State{"begin", "done", "progress", "copied"}; !slices.Equal(states(events), want) || last.Messages != 2500 || last.FirstID != 1 || last.LastID != 2500 || !strings.Contains(first, last.SHA256) {
		t.Errorf("as JSON %v, at last %+v", states(events), last)
	}
	if err := node.term(); err != nil {
		t.Error(err)
	}
}
