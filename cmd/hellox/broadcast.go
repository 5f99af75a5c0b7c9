package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"hellox/broker/rights"
	"hellox/cmd/hellox/args"
	"hellox/cmd/hellox/ops"
	"hellox/smallfile"
	"hellox/stream"
	"hellox/stream/broadcast"
)

// maxTotal bounds the broadcasters of a fleet.
const maxTotal = 1_000_000

func newBroadcast(sh shell) *cobra.Command {
	var (
		opts      broadcast.Options
		url       string
		login     brokerFlags
		payload   string
		qos       uint8
		opsListen string
		totalFile string
		ackLog    string
		logs      ops.LogFlags
	)
	cmd := &cobra.Command{
		Use:   "broadcast",
		Short: "Publish Hello world at random intervals",
		Long: `Publish Hello world at random intervals, uniform between --min and --max;
the first goes out as soon as it is connected.

With --count N this process runs N broadcasters, each with its own connection;
their IDs are ID-0, ID-1 and so on.

With --total N it is one of several processes that run N broadcasters together, ID-0 to
ID-(N-1): the process ID-0 runs the first 500, ID-1 the next 500, and so on. In a
StatefulSet the name of a pod is such an ID, and its broadcasters keep their IDs and
their pod however many there are. --total-file FILE holds N, and may change it.`,
		Example: `  hellox broadcast --broker mqtt://127.0.0.1:1883 --min 100ms --max 2s
  hellox broadcast --broker mqtt://127.0.0.1:1883 --id broadcast-1 --total 10000
  hellox broadcast --payload plain --topic hello_world/broadcast`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			log := logs.Logger(sh.err, "broadcast")
			opts.Plain = payload == "plain"
			var err error
			if opts.Broker, err = login.parse(cmd.Context(), sh, url); err != nil {
				return err
			}
			opts.QoS = qos
			if opts.ID == "" {
				if opts.ID, err = os.Hostname(); err != nil {
					return failed(fmt.Errorf("find the host name: %w", err), "hellox broadcast --id NAME")
				}
			}
			var total totalReader
			if totalFile != "" {
				if total, err = openTotal(totalFile, log); err != nil {
					return failed(err, "write a number into it, or leave --total-file out")
				}
				opts.Total, opts.Totals = total.at, total.changes
			}
			if (opts.Total > 0 || opts.Totals != nil) && opts.Count > 1 {
				return usage("--count and --total do not go together: the share of a process is what it is", "hellox broadcast --id broadcast-0 --total 10000")
			}
			if err := opts.Check(); err != nil {
				return usage(err.Error(), hintOf(err))
			}
			acked, closeAckLog, err := openAckLog(ackLog)
			if err != nil {
				return err
			}
			defer func() { _ = closeAckLog() }()
			opts.Acked = acked
			metrics := ops.NewRegistry()
			ops.AddCABundle(metrics, login.ca)
			opts.Log, opts.Metrics = log, metrics
			return runRole(cmd.Context(), func(ctx context.Context) error {
				group, ctx := errgroup.WithContext(ctx)
				group.Go(func() error { return broadcast.Run(ctx, opts) })
				group.Go(func() error { total.watch(ctx); return nil })
				group.Go(func() error { return ops.Serve(ctx, opsListen, ops.Health{}, metrics) })
				return group.Wait()
			})
		},
	}
	flags := cmd.Flags()
	login.addLogin(flags)
	flags.StringVar(&url, "broker", "mqtt://127.0.0.1:1883", "`URL` of the broker: mqtt, mqtts, ws or wss; more hosts of it with commas")
	args.String(flags, &opts.Topic, "topic", stream.TopicBroadcast, "`TOPIC` to publish to; {id} stands for the broadcaster's ID", stream.CheckTopic)
	flags.StringVar(&opts.ID, "id", "", "the broadcaster's `ID` (default: the host name)")
	flags.StringVar(&opts.Text, "text", "Hello world", "`TEXT` to publish")
	args.Duration(flags, &opts.Min, "min", time.Second, time.Nanosecond, "shortest `TIME` between two broadcasts")
	args.Duration(flags, &opts.Max, "max", 10*time.Second, time.Nanosecond, "longest `TIME` between two broadcasts")
	args.Number(flags, &opts.Count, "count", "", 1, 1, maxLocal, "run `N` broadcasters in this process")
	args.Number(flags, &opts.Total, "total", "", 0, 0, maxTotal, "run this process's share of `N` broadcasters, at most 500 of them (default: it is the only process)")
	flags.StringVar(&totalFile, "total-file", "", "`FILE` with the N of --total, which may change; 0: the process is the only one")
	args.String(flags, &payload, "payload", "json", "`json|plain`: plain is the text alone", args.OneOf("json", "plain"))
	args.Number(flags, &qos, "qos", "", 1, 0, 1, "`0|1`: at most once, or at least once")
	flags.StringVar(&opsListen, "ops-listen", "", "`HOST:PORT` for /healthz, /readyz and /metrics (default: none)")
	flags.StringVar(&ackLog, "ack-log", "", "append each acknowledged broadcast to `FILE`, to compare with what arrived")
	logs.Add(flags)
	return cmd
}

// runRole runs a role until ctx ends. Being stopped by a signal is not an error.
func runRole(ctx context.Context, role func(context.Context) error) error {
	err := role(ctx)
	if ctx.Err() != nil {
		return nil //nolint:nilerr // it was told to end
	}
	if _, ok := errors.AsType[*failure](err); ok {
		return err
	}
	if op, ok := errors.AsType[*net.OpError](err); ok && op.Op == "listen" {
		return missing(err, "give another address: with port 0 it is one that is free")
	}
	return err
}

// openAckLog returns a function that appends a line for each acknowledged broadcast to the
// file: sender, boot, seq and a point, so that a line cut short by a crash is
// known. With no file it returns nil.
func openAckLog(path string) (acked func(string, stream.Hello), closeFile func() error, err error) {
	if path == "" {
		return nil, func() error { return nil }, nil
	}
	f, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, nil, failed(fmt.Errorf("open the acknowledgement log: %w", err), "")
	}
	return func(id string, h stream.Hello) {
		// One write a line: lines of several broadcasters do not mix. What
		// cannot be written is not on record, which errs on the safe side.
		fmt.Fprintf(f, "%s %s %d .\n", id, h.Boot, h.Seq)
	}, f.Close, nil
}

// A totalReader reads the file of broadcast --total-file, which a ConfigMap is mounted as.
// The zero value reads none.
type totalReader struct {
	path    string
	opened  rights.Stat
	at      int // what the file says when it is opened
	changes chan int
	log     *slog.Logger
}

func openTotal(path string, log *slog.Logger) (t totalReader, err error) {
	t = totalReader{path: path, opened: rights.StatFiles(path), changes: make(chan int), log: log}
	t.at, err = readTotal(path)
	return t, err
}

// readTotal returns the number in the file.
func readTotal(path string) (int, error) {
	text, err := smallfile.Read(path)
	if err != nil {
		return 0, fmt.Errorf("read how many broadcasters there are: %w", err)
	}
	n, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil || n < 0 || n > maxTotal {
		return 0, fmt.Errorf("read how many broadcasters there are: %s has no number from 0 to %d", path, maxTotal)
	}
	return n, nil
}

// watch sends what the file says when it has changed, until ctx ends.
func (t totalReader) watch(ctx context.Context) {
	if t.path == "" {
		return
	}
	t.opened.Watch(ctx, nil, func() {
		n, err := readTotal(t.path)
		if err != nil {
			t.log.Error("the number of broadcasters stays as it was", "cause", err.Error())
			return
		}
		t.log.Info("the number of broadcasters has changed", "total", n)
		select {
		case t.changes <- n:
		case <-ctx.Done():
		}
	})
}
