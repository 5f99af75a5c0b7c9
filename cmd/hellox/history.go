package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strings"
	"sync"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"hellox/bootstrap/cluster"
	"hellox/broker/nats"
	"hellox/cmd/hellox/access"
	"hellox/cmd/hellox/args"
	"hellox/cmd/hellox/opening"
	"hellox/cmd/hellox/output"
	"hellox/history"
	"hellox/history/carry"
	"hellox/history/jetstream"
	"hellox/history/memory"
	"hellox/history/sqlite"
	"hellox/stream"
)

func newHistory(sh shell) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "history",
		Short: "Carry a history from one store to another",
		Args:  usageArgs(unknownCommand),
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newHistoryCopy(sh))
	return cmd
}

func newHistoryCopy(sh shell) *cobra.Command {
	var c historyCopy
	cmd := &cobra.Command{
		Use:   "copy FROM TO",
		Short: "Copy a history from a SQLite file to hellox nats, or back",
		Long: `Copy a history from a SQLite file, sqlite:PATH, to the streams of hellox nats,
nats://HOST:PORT,…, or back. Messages keep their IDs, times and deltas, senders
their counts; IDs that are missing stay missing. What hellox nats has acknowledged and no
receiver has appended yet is appended before. In the end both are read, and the number
of messages and the hash of all of them compared.

No receiver may append to either meanwhile. A copy that was interrupted goes on where
it was when the same command is typed again; until then no receiver opens it. A target
with other messages in it is left as it is (exit 4).`,
		Example: `  hellox history copy sqlite:history.db nats://127.0.0.1:4222
  hellox history copy nats://node-0.example,node-1.example,node-2.example sqlite:history.db \
    --history-cert certs/peer.crt --history-key certs/peer.key --history-ca certs/ca.crt`,
		Args: usageArgs(words(false, "FROM, the history to copy", "TO, where to")),
		RunE: func(cmd *cobra.Command, words []string) error {
			return c.run(cmd.Context(), sh, words[0], words[1])
		},
	}
	f := cmd.Flags()
	c.peers.addFiles(f)
	f.StringVar(&c.keep, "keep", "", "bound the streams to so many `BYTES`: the oldest messages beyond are evicted (default: no bound)")
	args.Strings(f, &c.topics, "topic", "", []string{stream.TopicStream}, "MQTT topic `FILTER` of what is appended before; repeatable", stream.CheckTopicFilter)
	outputFlag(f, &c.output, "`text|json`: json writes one step a line to stdout")
	return cmd
}

// A historyCopy is what the flags of hellox history copy say.
type historyCopy struct {
	peers  historyFlags
	topics []string
	keep   string
	output string
}

// run copies from one history to the other.
func (c *historyCopy) run(ctx context.Context, sh shell, from, to string) error {
	peers := &c.peers
	sqliteFrom, sqliteTo := strings.HasPrefix(from, "sqlite:"), strings.HasPrefix(to, "sqlite:")
	for _, name := range []string{from, to} {
		if err := checkHistory(name); err != nil || name == "memory:" {
			return usage(fmt.Sprintf("copy %s to %s: %q is neither sqlite:PATH nor nats://HOST:PORT", from, to, name), "hellox history copy --help")
		}
	}
	if sqliteFrom == sqliteTo {
		return usage(fmt.Sprintf("copy %s to %s: they are of one kind; a file is copied by cp", from, to), "hellox history copy --help")
	}
	if peers.url = from; sqliteFrom {
		peers.url = to
	}
	if err := peers.check(); err != nil {
		return err
	}
	keep, err := copyBound(c.keep, sqliteTo)
	if err != nil {
		return err
	}
	log := slog.New(slog.DiscardHandler)
	config, err := peers.config(log)
	if err != nil {
		return err
	}
	servers, err := jetstream.ParseServers(peers.url)
	if err != nil {
		return usage(err.Error(), "")
	}
	conn, err := jetstream.Connect(servers, config, log)
	if err != nil {
		return missing(err, "hellox nats --help")
	}
	defer conn.Close()
	source, target := carry.Opener{Conn: conn, Topics: c.topics}, carry.Opener{Conn: conn, Keep: keep}
	if sqliteFrom {
		source.SQLite = strings.TrimPrefix(from, "sqlite:")
	} else {
		target.SQLite = strings.TrimPrefix(to, "sqlite:")
	}
	steps := output.NewSteps(sh.data, sh.err, sh.env, c.output == "json")
	r, err := carry.Run(ctx, source, target, from, func(step string) { steps.Begin(step) }, func(done, all uint64) {
		steps.Progress(fmt.Sprintf("%s of %s messages", humanize.Comma(int64(done)), humanize.Comma(int64(all))))
	}, steps.Done)
	if err != nil {
		steps.Fail(err)
		return copyError(from, to, err)
	}
	if c.output == "json" {
		return output.JSON(sh.data, output.Copied{
			At: output.Timestamp(time.Now()), State: output.StateCopied,
			Messages: r.Messages, FirstID: r.First, LastID: r.Last, MissingIDs: r.LeftOut, EvictedIDs: r.Evicted, Damaged: r.Damaged, SHA256: r.Hash,
		})
	}
	fmt.Fprintf(sh.data, "copied %d messages, IDs %d to %d, %d of these missing, %d before them evicted, sha256:%s\n", r.Messages, r.First, r.Last, r.LeftOut, r.Evicted, r.Hash)
	return nil
}

// copyBound reads --keep of hellox history copy; 0: there is none.
func copyBound(text string, toFile bool) (int64, error) {
	if text == "" {
		return 0, nil
	}
	if toFile {
		return 0, usage("--keep bounds the streams of hellox nats, and a file is copied to", "hellox history copy --help")
	}
	return keepBytes(text)
}

// keepBytes reads --keep.
func keepBytes(text string) (int64, error) {
	bytes, err := humanize.ParseBytes(text)
	if err != nil || bytes < 1<<20 || bytes > 1<<50 {
		return 0, usage(fmt.Sprintf("--keep takes 1MiB or more, not %q", text), "")
	}
	return int64(bytes), nil
}

// copyError returns err, that of a copy, with its exit code and hint.
func copyError(from, to string, err error) error {
	err = fmt.Errorf("copy %s to %s: %w", from, to, err)
	again := "hellox history copy " + args.Quote(from) + " " + args.Quote(to)
	switch {
	case errors.Is(err, history.ErrNotEmpty), errors.Is(err, history.ErrOtherCopy):
		return &failure{err, exitUnsafe, "hellox history copy --help"}
	case errors.Is(err, history.ErrNoHistory), errors.Is(err, history.ErrAppended):
		return missing(err, again)
	}
	return failed(err, again)
}

// historyFlags say where messages are stored.
type historyFlags struct {
	url           string // --history
	cert, key, ca string // files, for nats://
}

func (h *historyFlags) add(f *pflag.FlagSet) {
	args.String(f, &h.url, "history", "sqlite:history.db", "`sqlite:PATH|memory:|nats://HOST:PORT,…`, where messages are stored", checkHistory)
	h.addFiles(f)
}

// addFiles adds the flags of the certificates alone.
func (h *historyFlags) addFiles(f *pflag.FlagSet) {
	f.StringVar(&h.cert, "history-cert", "", "`FILE` of the certificate that is shown to nats://: that of a node (PEM)")
	f.StringVar(&h.key, "history-key", "", "`FILE` of the key of --history-cert (PEM)")
	f.StringVar(&h.ca, "history-ca", "", "`FILE` of the CA certificates that the nodes' are signed by (PEM)")
}

// checkHistory returns an error unless s names a history.
func checkHistory(s string) error {
	if strings.HasPrefix(s, natsScheme) {
		_, err := jetstream.ParseServers(s)
		return err
	}
	if path, ok := strings.CutPrefix(s, "sqlite:"); s != "memory:" && (!ok || path == "") {
		return args.Expected("sqlite:PATH, memory: or nats://HOST:PORT")
	}
	return nil
}

const natsScheme = "nats://"

// check checks the flags against each other. Without certificates nats:// is for a
// server on loopback alone.
func (h *historyFlags) check() error {
	given := 0
	for _, file := range []string{h.cert, h.key, h.ca} {
		if file != "" {
			given++
		}
	}
	switch isNATS := strings.HasPrefix(h.url, natsScheme); {
	case given == 0 && isNATS:
		servers, err := jetstream.ParseServers(h.url)
		if err != nil {
			return usage(err.Error(), "")
		}
		for _, server := range servers {
			host, _, _ := net.SplitHostPort(server)
			if !cluster.IsLoopback(host) {
				return &failure{fmt.Errorf("store in %s: it is beyond loopback, where it needs --history-cert, --history-key and --history-ca", h.url), exitUnsafe, "hellox certs certs --peer"}
			}
		}
	case given == 0:
	case !isNATS:
		return usage("--history-cert, --history-key and --history-ca are for --history nats://HOST:PORT", "")
	case given < 3:
		return usage("--history-cert, --history-key and --history-ca go together", "hellox certs certs --peer")
	}
	return nil
}

// opener returns how the history is opened for r; check has seen h. What the attempt
// opens close closes, which may be called without.
func (h *historyFlags) opener(ctx context.Context, keep int64, r *receiver) (a opening.Attempt, closeAll func(), err error) {
	closeStore := func() {}
	closeAll = func() { closeStore() }
	var open func(context.Context) (writableStore, func(), error)
	switch {
	case h.url == "memory:":
		store := memory.New(keep)
		a.Open = func(context.Context) error { r.store = store; return nil }
		return a, func() { store.Close() }, nil
	case r.shared:
		shared, endWatch, err := h.shared(ctx, keep, r)
		if err != nil {
			return a, nil, err
		}
		a.Heals = jetstream.Heals
		open, closeAll = shared, func() { closeStore(); endWatch() }
	default:
		a.Heals = sqlite.Heals
		open = func(ctx context.Context) (writableStore, func(), error) {
			store, err := sqlite.Open(ctx, strings.TrimPrefix(h.url, "sqlite:"), sqlite.Options{Keep: keep, KeepFor: r.keepFor, Log: r.log, Metrics: r.metrics})
			if err != nil {
				return nil, nil, err
			}
			return store, func() { store.Close() }, nil
		}
	}
	a.Open = func(ctx context.Context) error {
		store, closeOpened, err := open(ctx)
		if err == nil {
			r.store, closeStore = store, closeOpened
		}
		return err
	}
	return a, closeAll, nil
}

// config returns what nats:// is asked by, as the files are now; nil without them.
func (h *historyFlags) config(log *slog.Logger) (*tls.Config, error) {
	if h.cert == "" {
		return nil, nil
	}
	opened, err := (&access.Flags{PeerCert: h.cert, PeerKey: h.key, PeerCA: h.ca}).Open(log)
	if err != nil {
		return nil, badFile(err)
	}
	return opened.PeerTLS(nats.VerifyPeer), nil
}

// shared returns how a history in NATS is opened. The files of the certificate are
// read again when they change, until endWatch is called.
func (h *historyFlags) shared(ctx context.Context, keep int64, r *receiver) (open func(context.Context) (writableStore, func(), error), endWatch func(), err error) {
	servers, err := jetstream.ParseServers(h.url)
	if err != nil {
		return nil, nil, usage(err.Error(), "")
	}
	var config *tls.Config
	endWatch = func() {}
	if h.cert != "" {
		files := access.Flags{PeerCert: h.cert, PeerKey: h.key, PeerCA: h.ca}
		opened, err := files.Open(r.log)
		if err != nil {
			return nil, nil, badFile(err)
		}
		config = opened.PeerTLS(nats.VerifyPeer)
		var watch sync.WaitGroup
		watching, stop := context.WithCancel(ctx)
		reread := opened.Watch(nil)
		watch.Go(func() { reread(watching) })
		endWatch = func() { stop(); watch.Wait() }
	}
	o := jetstream.Options{Keep: keep, KeepFor: r.keepFor, Topics: r.topics, Log: r.log}
	return func(ctx context.Context) (writableStore, func(), error) {
		store, closeOpened, err := openJetStream(ctx, servers, config, o)
		if err == nil {
			r.metrics.MustRegister(degradedGauge(store))
		}
		return store, closeOpened, err
	}, endWatch, nil
}

// degradedGauge is of a shared history what history/sqlite has among its own metrics.
func degradedGauge(store *jetstream.Store) prometheus.Collector {
	return prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "hellox_history_degraded", Help: "1 while nothing is acknowledged."}, func() float64 {
		if store.Degraded() {
			return 1
		}
		return 0
	})
}

func openJetStream(ctx context.Context, servers []string, config *tls.Config, o jetstream.Options) (*jetstream.Store, func(), error) {
	conn, err := jetstream.Connect(servers, config, o.Log)
	if err != nil {
		return nil, nil, err
	}
	opening, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	store, err := jetstream.Open(opening, conn, o)
	if err != nil {
		conn.Close()
		return nil, nil, err
	}
	return store, func() { store.Close(); conn.Close() }, nil
}
