package main

import (
	"context"
	"fmt"
	"net"

	"github.com/dustin/go-humanize"
	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"hellox/broker"
	"hellox/cmd/hellox/args"
	"hellox/cmd/hellox/ops"
)

func newBroker(sh shell) *cobra.Command {
	var (
		opts      broker.Options
		listen    []string
		limit     string
		opsListen string
		logs      logFlags
	)
	cmd := &cobra.Command{
		Use:   "broker",
		Short: "Run the MQTT broker, with a durable journal",
		Long: `Run the MQTT broker. An acknowledged message is on disk and stays there until its
subscribers have acknowledged it.

On loopback every client may read and write every topic but $SYS. Beyond loopback
it starts only with --insecure, which allows hello_world/# and hellox/# to all.`,
		Example: `  hellox broker --store /var/lib/hellox
  hellox broker --listen mqtt://127.0.0.1:1883 --listen ws://127.0.0.1:8083`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			log := logs.logger(sh.err, "broker")
			bytes, err := humanize.ParseBytes(limit)
			if err != nil || bytes < 1<<20 || bytes > 1<<50 {
				return usage(fmt.Sprintf("--store-limit takes 1MiB or more, not %q", limit), "")
			}
			opts.StoreLimit = int64(bytes)
			metrics := ops.NewRegistry()
			opts.Log, opts.Metrics = log, metrics
			return runRole(cmd.Context(), func(ctx context.Context) error {
				for _, url := range listen {
					ln, err := listenMQTT(ctx, url, opts.Insecure)
					if err != nil {
						return err
					}
					opts.Listeners = append(opts.Listeners, ln)
					log.Info("listening", "url", url, "address", ln.Net.Addr().String(), "open", ln.Open)
				}
				b, err := broker.New(opts)
				if err != nil {
					return err
				}
				group, ctx := errgroup.WithContext(ctx)
				group.Go(func() error { return b.Serve(ctx) })
				group.Go(func() error {
					return ops.Serve(ctx, opsListen, ops.Health{Ready: b.Ready, Degraded: b.Degraded}, metrics)
				})
				return group.Wait()
			})
		},
	}
	f := cmd.Flags()
	args.Strings(f, &listen, "listen", "", []string{"mqtt://127.0.0.1:1883"}, "`URL` to listen on: mqtt or ws; repeatable", checkListen)
	f.StringVar(&opts.Store, "store", "", "`FOLDER` of the journal (default: in memory)")
	f.StringVar(&limit, "store-limit", "1GiB", "acknowledge nothing more once the journal holds so many `BYTES`")
	f.BoolVar(&opts.Insecure, "insecure", false, "listen beyond loopback without TLS and users")
	f.StringVar(&opsListen, "ops-listen", "", "`HOST:PORT` for /healthz, /readyz and /metrics (default: none)")
	logs.add(f)
	return cmd
}

// checkListen returns why url is none to listen on.
func checkListen(url string) error {
	_, err := broker.ParseListen(url)
	return err
}

// listenMQTT opens what a --listen names.
func listenMQTT(ctx context.Context, url string, insecure bool) (broker.Listener, error) {
	address, err := broker.ParseListen(url)
	if err != nil {
		return broker.Listener{}, usage(err.Error(), "hellox broker --listen mqtt://127.0.0.1:1883")
	}
	if address.TLS {
		return broker.Listener{}, usage(fmt.Sprintf("listen on %s: this broker has no certificates; it listens with mqtt and ws", url), "hellox broker --listen mqtt://127.0.0.1:1883")
	}
	ln, err := new(net.ListenConfig).Listen(ctx, "tcp", address.HostPort)
	if err != nil {
		return broker.Listener{}, missing(fmt.Errorf("listen on %s: %w", url, err), "hellox broker --listen mqtt://127.0.0.1:0")
	}
	loopback := isLoopback(ln)
	if !loopback && !insecure {
		ln.Close()
		return broker.Listener{}, &failure{
			fmt.Errorf("listen on %s: it is beyond loopback, where it needs TLS and users", url),
			exitUnsafe, "add --insecure to allow hello_world/# and hellox/# to all",
		}
	}
	return broker.Listener{Net: ln, WebSocket: address.WebSocket, Open: loopback}, nil
}
