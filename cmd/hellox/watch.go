package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync/atomic"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"hellox/bootstrap/install"
	"hellox/cmd/hellox/args"
	"hellox/cmd/hellox/filters"
	"hellox/cmd/hellox/output"
	"hellox/history"
	"hellox/history/file"
	"hellox/history/memory"
	"hellox/history/pipe"
	"hellox/history/remote"
	"hellox/stream"
	"hellox/stream/filter"
	"hellox/stream/mqtt"
	"hellox/tui"
	"hellox/tui/bgcolor"
	"hellox/tui/lines"
	"hellox/tui/source"
)

type watchOptions struct {
	selection
	broker   brokerFlags
	topics   []string
	qos      uint8
	qosGiven bool // on the command line
	filter   string
	output   string
	count    int
	duration time.Duration
	since    string
	memory   string
	record   recordFlags
	// The flags on the command line that need an installation, or a broker's URL.
	onInstallation, onBroker []string
	// Those that need a history, and those that need a stream that goes on.
	onHistory, onLive []string
}

func newWatch(sh shell) *cobra.Command {
	var o watchOptions
	cmd := &cobra.Command{
		Use:   "watch [URL, FILE or @NAME]",
		Short: "Show the stream in this terminal",
		Long: `Show the stream in this terminal: the installation's, with its history, or that
of any broker by its URL (mqtt, mqtts, ws, wss) or the @NAME of a connection in
$XDG_CONFIG_HOME/hellox/connections.toml, or that of a recording.

--record writes what is watched to a file, one message a line, which watch opens
again. A name that ends in .zst is compressed; r in the terminal begins and ends one.

The colours suit the terminal's background, which is asked for, for 200 ms at most.
The variable HELLOX_BACKGROUND, light or dark, is taken instead.

` + filterHelp(),
		Example: `  hellox watch
  hellox watch --since 10m --filter 'sender:broadcast-* delta>8s'
  hellox watch mqtt://127.0.0.1:1883 -t 'sensors/#'
  hellox watch -n 5 --output json
  hellox watch --record run.ndjson.zst
  hellox watch run.ndjson.zst --filter is:missed`,
		Args: atMostOne("URL, FILE or @NAME"),
		RunE: func(cmd *cobra.Command, words []string) error {
			o.onInstallation = args.Given(cmd.Flags(), "target", "profile", "namespace")
			o.qosGiven = len(args.Given(cmd.Flags(), "qos")) > 0
			o.onHistory = args.Given(cmd.Flags(), "since")
			o.onLive = args.Given(cmd.Flags(), "record", "record-size", "record-files")
			o.onBroker = args.Given(cmd.Flags(), append([]string{"qos"}, loginFlags...)...)
			return o.run(cmd.Context(), sh, words)
		},
	}
	flags := cmd.Flags()
	o.selection.add(flags)
	o.broker.add(flags)
	args.Strings(flags, &o.topics, "topic", "t", nil, "MQTT topic `FILTER`, repeatable (default: all)", stream.CheckTopicFilter)
	args.Number(flags, &o.qos, "qos", "", 0, 0, 2, "subscribe to a broker's URL with QoS `0|1|2`; above 0 its queue limit may hide retained messages")
	flags.StringVar(&o.filter, "filter", "", "show only messages that match the `EXPRESSION`, or that of @NAME in filters.toml")
	args.String(flags, &o.output, "output", "", "`tui|plain|json` (default: tui on a terminal, else plain)", args.OneOf("tui", "plain", "json"))
	args.Number(flags, &o.count, "count", "n", 0, 1, args.NoLimit, "end after `N` messages")
	args.Duration(flags, &o.duration, "for", 0, 0, "end after this `TIME`; with --count, fail if fewer came")
	flags.StringVar(&o.since, "since", "", "begin in the history: `DURATION|TIME`, 5m or 1d ago, a date or RFC 3339")
	o.record.add(flags)
	flags.StringVar(&o.memory, "memory", "256MiB", "hold at most `BYTES` of messages in memory")
	return cmd
}

// check returns why the flags cannot apply to what is watched.
func (o *watchOptions) check(sh shell, words []string, recording bool) error {
	switch {
	case recording:
		if err := o.checkFile(words[0]); err != nil {
			return err
		}
	case len(words) == 1 && len(o.onHistory)+len(o.onInstallation) > 0:
		return usage(strings.Join(append(o.onHistory, o.onInstallation...), ", ")+" is for an installation, not for a broker's URL", "hellox watch --help")
	case len(words) == 0 && len(o.onBroker) > 0:
		return usage(strings.Join(o.onBroker, ", ")+" is for a broker's URL, not for an installation", "hellox watch URL "+o.onBroker[0]+" …")
	}
	switch {
	case o.output == "tui" && !(output.IsTerminal(sh.out) && output.IsTerminal(sh.in)):
		return usage("--output tui needs a terminal", "hellox watch --output plain")
	case o.output == "tui" && (o.count > 0 || o.duration > 0):
		return usage("--count and --for are for --output plain and json, not for tui", "hellox watch --output plain")
	}
	return nil
}

// checkFile returns why the flags cannot apply to a recording.
func (o *watchOptions) checkFile(path string) error {
	for _, given := range [][]string{o.onInstallation, o.onBroker, o.onLive} {
		if len(given) > 0 {
			return usage(strings.Join(given, ", ")+" is not for a recording", "hellox watch "+args.Quote(path))
		}
	}
	return nil
}

// isFile reports whether word, which should be a broker's URL, names a file, by
// its ending or because there is one.
func isFile(word string) bool {
	if strings.Contains(word, "://") || strings.HasPrefix(word, "@") {
		return false
	}
	switch filepath.Ext(word) {
	case ".ndjson", ".jsonl", ".json", ".gz", ".zst", ".txt", ".log":
		return true
	}
	info, err := os.Stat(word)
	return err == nil && !info.IsDir()
}

func (o *watchOptions) run(ctx context.Context, sh shell, words []string) error {
	recording := len(words) == 1 && isFile(words[0])
	if err := o.check(sh, words, recording); err != nil {
		return err
	}
	if o.output == "" {
		o.output = "plain"
		if term, _ := sh.env("TERM"); term != "dumb" && output.IsTerminal(sh.out) && output.IsTerminal(sh.in) && o.count == 0 && o.duration == 0 {
			o.output = "tui"
		}
	}
	memory, err := humanize.ParseBytes(o.memory)
	if err != nil || memory < 1<<20 || memory > 1<<40 {
		return usage(fmt.Sprintf("--memory takes 1MiB or more, not %q", o.memory), "hellox watch --memory 256MiB")
	}
	filter, err := parseFilter(sh.env, o.filter)
	if err != nil {
		return err
	}
	since, err := sinceTime(o.since, time.Now())
	if err != nil {
		return err
	}
	background, err := backgroundOf(sh.env)
	if err != nil {
		return err
	}
	view := view{
		record:   o.record,
		selected: history.Select{Topics: o.topics, Filter: filter},
		since:    since,
		memory:   int64(memory),
		output:   o.output,
		count:    o.count,
		duration: o.duration,

		background: background,
	}
	switch {
	case recording:
		return view.file(ctx, sh, words[0])
	case len(words) == 1:
		return o.watchBroker(ctx, sh, words[0], view)
	}
	return o.watchInstallation(ctx, sh, view)
}

// watchInstallation reads the receiver's API: the ids and the history of the page.
func (o *watchOptions) watchInstallation(ctx context.Context, sh shell, v view) error {
	sh, err := remembering(sh)
	if err != nil {
		return err
	}
	a, err := o.selection.connect(ctx, sh)
	if err != nil {
		return err
	}
	defer a.close()
	if err := a.ready(ctx, sh, install.RoleReceive); err != nil {
		return err
	}
	store, err := remote.Open(ctx, a.web)
	if err != nil {
		return missing(fmt.Errorf("watch %s: %w", a.Installation, err), "hellox status "+a.Flags())
	}
	defer store.Close()
	v.title, v.page = a.Installation.String(), a.web
	v.scale = scaler(sh, a.Installation)
	if err := v.begin(); err != nil {
		return err
	}
	return v.show(ctx, sh, store, store)
}

// watchBroker speaks MQTT itself; ids, deltas and gaps are those of this run. It
// subscribes at QoS 0 unless asked: a stock Mosquitto sends a subscriber of QoS 1
// at most 1,020 retained messages, and drops the others without a word
// (eclipse-mosquitto/mosquitto#2196).
func (o *watchOptions) watchBroker(ctx context.Context, sh shell, url string, v view) error {
	broker, err := o.broker.parse(ctx, sh, url)
	if err != nil {
		return err
	}
	topics, qos := v.selected.Topics, o.qos
	if len(topics) == 0 {
		topics = o.broker.connection.Topics
	}
	if !o.qosGiven {
		qos = max(qos, o.broker.connection.QoS)
	}
	if len(topics) == 0 {
		topics = []string{"#"}
	}
	// The subscription selects the topics already.
	v.selected.Topics = nil
	v.title = broker.String()
	if name := o.broker.connection.Name; name != "" {
		v.title = "@" + name + " " + v.title
	}
	if err := v.begin(); err != nil {
		return err
	}
	subscription := mqtt.SubscribeOptions{Broker: broker, ClientID: o.broker.clientID, Topics: topics, QoS: qos, FailFast: true}
	if v.output == "tui" {
		err = v.screenOf(ctx, sh, subscription)
	} else {
		err = v.linesOf(ctx, sh, subscription)
	}
	if ctx.Err() == nil && (errors.Is(err, mqtt.ErrUnreachable) || errors.Is(err, mqtt.ErrDenied)) {
		return missing(fmt.Errorf("watch %s: %w", broker, err), hintOf(err))
	}
	return err
}

// waiting is how many messages may wait to be written as a line. While so many do,
// the broker waits, or drops as it promised for QoS 0.
const waiting = 64

// linesOf writes the messages of a subscription as lines, and holds none.
func (v view) linesOf(ctx context.Context, sh shell, subscription mqtt.SubscribeOptions) error {
	arrivals := make(chan stream.Arrival, waiting)
	follower := pipe.Follow(arrivals, v.selected)
	var connected atomic.Bool
	v.connected = connected.Load
	subscription.Link = func(l stream.Link) {
		connected.Store(connected.Load() || l.State == stream.Connected)
		follower.SetLink(l)
	}
	var broker atomic.Pointer[string] // why it is degraded
	subscription.BrokerState = func(b stream.BrokerState) { broker.Store(&b.Degraded) }
	degraded := func(context.Context) string {
		if why := broker.Load(); why != nil {
			return *why
		}
		return ""
	}
	return subscribed(ctx, subscription, arrivals, func(ctx context.Context) error {
		return v.lines(ctx, sh, lines.Options{Follower: follower, Degraded: degraded})
	})
}

// screenOf shows the messages of a subscription on the full screen, and holds as
// many as the view's memory has room for.
func (v view) screenOf(ctx context.Context, sh shell, subscription mqtt.SubscribeOptions) error {
	live := memory.New(v.memory)
	defer live.Close()
	client, err := mqtt.Dial(ctx, mqtt.DialOptions{Broker: subscription.Broker, Background: true})
	if err != nil {
		return err
	}
	defer client.Close()
	arrivals := make(chan stream.Arrival, mqtt.Window)
	subscription.Link, subscription.BrokerState = live.SetLink, live.SetBroker
	return subscribed(ctx, subscription, arrivals, func(ctx context.Context) error {
		return v.show(ctx, sh, live, brokerClient{client, subscription.Broker})
	}, func(ctx context.Context) error { return live.Run(ctx, arrivals) })
}

// A brokerClient acts at a broker for the user of the screen.
type brokerClient struct {
	*mqtt.Conn
	broker mqtt.Broker
}

// Retained implements source.Client.
func (c brokerClient) Retained(ctx context.Context, topic string) (payload []byte, size int, err error) {
	retained, err := mqtt.Retained(ctx, c.broker, topic)
	if err != nil || retained == nil {
		return nil, 0, err
	}
	return retained.Payload, len(retained.Payload), nil
}

// subscribed runs a subscription, show and others until show ends or one fails.
func subscribed(ctx context.Context, o mqtt.SubscribeOptions, arrivals chan<- stream.Arrival, show func(context.Context) error, others ...func(context.Context) error) error {
	var shown error
	group, running := errgroup.WithContext(ctx)
	running, stop := context.WithCancel(running)
	defer stop()
	group.Go(func() error { return mqtt.Subscribe(running, o, arrivals) })
	for _, f := range others {
		group.Go(func() error { return f(running) })
	}
	group.Go(func() error {
		defer stop()
		shown = show(running)
		return shown
	})
	err := group.Wait()
	if interrupted := errReported(0); errors.As(shown, &interrupted) {
		return shown
	}
	return err
}

// A view is what watch shows, and how.
type view struct {
	title    string
	page     string // the address of the page that shows the same; "": there is none
	selected history.Select
	since    time.Time
	memory   int64
	output   string
	count    int
	duration time.Duration
	record   recordFlags
	writer   *file.Writer     // of the recording that --record names, or nil
	clock    func() time.Time // of the stream, if it is not now's
	scale    source.Scale     // of an installation

	connected  func() bool // whether a broker's URL ever was; nil: an installation
	background string      // of the terminal, as tui.Options has it
}

func (v view) show(ctx context.Context, sh shell, store history.Store, client source.Client) error {
	if v.output == "tui" {
		recorder := v.recorder()
		named, err := filters.Open(sh.env)
		if err != nil {
			return err
		}
		_, inTmux := sh.env("TMUX")
		defer recorded(sh, recorder.Last)
		err = tui.Run(ctx, tui.Options{
			Store: store, Client: client, Title: v.title, Select: v.selected, Since: v.since,
			Memory: v.memory, In: sh.in, Out: sh.out, Background: v.background,
			Recorder: recorder, StreamNow: v.clock, Recorded: v.clock != nil, Filters: named,
			Scale: v.scale, Editor: editorOf(sh.env), HoldInterrupts: sh.hold,
			Page: v.page, Tmux: inTmux,
		})
		if errors.Is(err, context.Canceled) && ctx.Err() == nil { // Ctrl-C: no signal in raw mode
			return errReported(exitInterrupted)
		}
		return err
	}
	return v.lines(ctx, sh, lines.Options{Store: store, Select: v.selected, Since: v.since})
}

// lines writes what o names as lines.
func (v view) lines(ctx context.Context, sh shell, o lines.Options) error {
	o.JSON, o.Count, o.For = v.output == "json", v.count, v.duration
	o.Color, o.Background = output.Capable(sh.out, sh.env), v.background
	o.Out, o.Err = sh.out, sh.err
	if v.writer != nil {
		defer recorded(sh, func() *file.Writer { return v.writer })
		o.Record = v.recordLines(sh)
	}
	n, err := lines.Write(ctx, o)
	short := errors.Is(err, lines.ErrShort)
	if (err == nil || short) && n == 0 && v.duration > 0 && v.connected != nil && !v.connected() {
		return missing(fmt.Errorf("watch %s: it was not connected when the %s of --for were over", v.title, v.duration), "give it more time with --for")
	}
	if short {
		return failed(fmt.Errorf("watch %s: %d of %d messages came in %s", v.title, n, v.count, v.duration),
			"give it more time with --for, or see what the senders do with hellox status")
	}
	return err
}

// parseFilter compiles --filter: an expression, or the @NAME of one.
func parseFilter(env func(string) (string, bool), expression string) (*filter.Filter, error) {
	if strings.HasPrefix(strings.TrimSpace(expression), "@") {
		return parseNamed(env, expression)
	}
	f, err := filter.Parse(expression)
	if err != nil {
		return nil, usage("--filter: "+err.Error(), "hellox watch --help lists the terms")
	}
	return f, nil
}

// parseNamed compiles the filter that an @NAME stands for. What is wrong in it is told
// with its file.
func parseNamed(env func(string) (string, bool), name string) (*filter.Filter, error) {
	file, err := filters.Open(env)
	if err != nil {
		return nil, err
	}
	named, err := file.All()
	if err != nil {
		return nil, usage("--filter: "+err.Error(), "")
	}
	f, err := filter.ParseNamed(name, named)
	switch missing := new(filter.NameError); {
	case errors.As(err, &missing):
		return nil, usage("--filter: "+err.Error(), `hellox watch --filter '"`+name+`"', if that is the text to look for`)
	case err != nil:
		return nil, usage("--filter: "+file.Path()+": "+err.Error(), "hellox watch --help lists the terms")
	}
	return f, nil
}

// editorOf returns the user's editor, as the shell takes it.
func editorOf(env func(string) (string, bool)) string {
	for _, name := range []string{"VISUAL", "EDITOR"} {
		if value, _ := env(name); strings.TrimSpace(value) != "" {
			return value
		}
	}
	if runtime.GOOS == "windows" {
		return "notepad"
	}
	return "vi"
}

// backgroundOf returns the value of HELLOX_BACKGROUND, or "".
func backgroundOf(env func(string) (string, bool)) (string, error) {
	value, _ := env("HELLOX_BACKGROUND")
	if value != "" && value != bgcolor.Light && value != bgcolor.Dark {
		return "", usage(fmt.Sprintf("the variable HELLOX_BACKGROUND takes light or dark, not %q", value), "")
	}
	return value, nil
}

// sinceTime reads a duration ago, a date or a time; "" is the zero time.
func sinceTime(s string, now time.Time) (time.Time, error) {
	if s == "" {
		return time.Time{}, nil
	}
	t, err := stream.ParseMoment(s, now)
	if err != nil {
		return t, usage(fmt.Sprintf("--since takes a duration (5m, 1d), a date (2026-01-02) or a time (2026-01-02T15:04:05Z), not %q", s), "")
	}
	return t, nil
}

// filterHelp is the table of the filter language's terms.
func filterHelp() string {
	var b strings.Builder
	b.WriteString("Terms stand side by side; or, not (or -) and parentheses combine them:\n")
	for _, t := range filter.Terms() {
		fmt.Fprintf(&b, "  %-26s %s\n", t.Example, t.Description)
	}
	return b.String()
}
