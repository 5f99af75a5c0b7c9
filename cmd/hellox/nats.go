package main

import (
	"cmp"
	"context"
	"fmt"
	"net"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"hellox/bootstrap/cluster"
	"hellox/broker"
	"hellox/broker/nats"
	"hellox/cmd/hellox/access"
	"hellox/cmd/hellox/args"
	"hellox/cmd/hellox/ops"
)

// natsFlags are the flags of hellox nats that its options are made of.
type natsFlags struct {
	listen       []string
	routeListen  string
	clientListen string
	keep         string
	insecure     bool
	drain        bool
	opsListen    string
	files        access.Flags
	logs         ops.LogFlags
}

func newNATS(sh shell) *cobra.Command {
	var (
		opts  nats.Options
		flags natsFlags
	)
	cmd := &cobra.Command{
		Use:   "nats",
		Short: "Run a node of the MQTT broker for several nodes, NATS JetStream",
		Long: `Run a node of the MQTT broker for several nodes: an embedded nats-server. A message
of QoS 1 or 2 that was acknowledged is on this node's disk, in the folder of --store,
which must be given; with --peer, on the disks of most of three nodes. Messages stay
for --keep-for, at most --keep bytes of them.

Clients and their rights are those of hellox broker: on loopback every client may do
everything, beyond it TLS and users, client certificates or pods are needed. The nodes
show each other --peer-cert; hellox certs --peer makes one. All three must have the
same users and rights. Clients are let in while two of them run; the first time all
three must.

What it does not take: MQTT 5, and white space in topics. Clients are not told why
they are refused: the log says it. A publish that is not allowed is acknowledged and
dropped, as MQTT 3.1.1 has it. docs/nats.md says more.`,
		Example: `  hellox nats --store /var/lib/hellox
  hellox certs certs --host node-0.example --host node-1.example --host node-2.example --peer
  hellox nats --store data --listen mqtts://0.0.0.0:8883 --tls-cert certs/server.crt --tls-key certs/server.key --users users --acl acl \
    --route-listen 0.0.0.0:6222 --peer node-0.example:6222 --peer node-1.example:6222 --peer node-2.example:6222 \
    --peer-cert certs/peer.crt --peer-key certs/peer.key --peer-ca certs/ca.crt`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			opts.Log = flags.logs.Logger(sh.err, "nats")
			if err := flags.check(cmd, &opts); err != nil {
				return err
			}
			metrics := ops.NewRegistry()
			ops.AddCertificate(metrics, flags.files.Cert)
			opts.Metrics = metrics
			return runRole(cmd.Context(), func(ctx context.Context) error {
				node, who, err := flags.open(ctx, &opts)
				if err != nil {
					return err
				}
				if len(who.Flags()) == 0 {
					sh.hangupEnds()
				}
				ops.AddPodKeys(metrics, who.PodKeysHash)
				ops.AddInForce(metrics, who.Flags(), who.InForce)
				group, ctx := errgroup.WithContext(ctx)
				watch := who.Watch(node.Recheck)
				group.Go(func() error { watch(ctx); return nil })
				group.Go(func() error { return node.Serve(ctx) })
				group.Go(func() error {
					health := ops.Health{Ready: func() error { return cmp.Or(node.Ready(), who.Ready()) }, Degraded: func() string { return who.Degraded(node.Degraded()) }}
					return ops.Serve(ctx, flags.opsListen, health, metrics)
				})
				return group.Wait()
			})
		},
	}
	f := cmd.Flags()
	args.Strings(f, &flags.listen, "listen", "", []string{"mqtt://127.0.0.1:1883"}, "`URL` to listen on: mqtt or mqtts; with --pods also both, mqtt then on loopback", checkListen)
	f.StringVar(&opts.Store, "store", "", "`FOLDER` of the streams; needed")
	f.StringVar(&opts.Name, "name", "", "`NAME` of the node, another one each (default: the host name)")
	f.StringVar(&flags.keep, "keep", "1GiB", "evict the oldest messages beyond so many `BYTES`")
	args.Duration(f, &opts.KeepFor, "keep-for", nats.DefaultKeepFor, time.Minute, "evict what is older than this `TIME`, and end the sessions of clients that stay away so long")
	f.StringVar(&flags.routeListen, "route-listen", "", "`HOST:PORT` where the other nodes connect")
	args.Strings(f, &opts.Peers, "peer", "", nil, "`HOST:PORT` of each of the three nodes, or of the two others; repeatable", nats.CheckPeer)
	f.StringVar(&flags.clientListen, "client-listen", "", "`HOST:PORT` where receivers connect (hellox receive --history nats://HOST:PORT); needs --peer-cert")
	flags.files.AddPeers(f)
	args.Duration(f, &opts.LameDuck, "lame-duck", 200*time.Millisecond, 0, "at the end, move the clients to the other nodes during this `TIME`")
	f.BoolVar(&flags.drain, "drain", false, "let no MQTT client in; receivers and hellox history copy read what there is")
	f.BoolVar(&flags.insecure, "insecure", false, "listen beyond loopback without TLS and users")
	flags.files.Add(f)
	f.StringVar(&flags.opsListen, "ops-listen", "", "`HOST:PORT` for /healthz, /readyz and /metrics (default: none)")
	flags.logs.Add(f)
	return cmd
}

// check checks the flags against each other, and completes the options from them.
func (n *natsFlags) check(cmd *cobra.Command, opts *nats.Options) error {
	bytes, err := humanize.ParseBytes(n.keep)
	if err != nil || bytes < 1<<20 || bytes > 1<<50 {
		return usage(fmt.Sprintf("--keep takes 1MiB or more, not %q", n.keep), "")
	}
	opts.Keep = int64(bytes)
	if opts.Store == "" {
		return usage("--store is missing: the folder of the streams", "hellox nats --store FOLDER")
	}
	if opts.Name == "" {
		if opts.Name, err = os.Hostname(); err != nil {
			return failed(fmt.Errorf("find the host name: %w", err), "hellox nats --name NAME")
		}
	}
	given := len(opts.Peers)
	switch certificates := n.files.PeerCert != "" && n.files.PeerKey != "" && n.files.PeerCA != ""; {
	case n.drain && n.clientListen == "":
		return usage("--drain needs --client-listen: nothing else is let in", "hellox nats --help")
	case n.clientListen != "" && !certificates:
		return usage("--client-listen needs --peer-cert, --peer-key and --peer-ca", "hellox certs certs --peer")
	case given == 0 && n.routeListen == "":
		if n.clientListen == "" && (n.files.PeerCert != "" || n.files.PeerKey != "" || n.files.PeerCA != "") {
			return usage("--peer-cert, --peer-key and --peer-ca are for --peer and --client-listen; there is none", "")
		}
	case given == 0 || n.routeListen == "":
		return usage("--route-listen and --peer go together", "hellox nats --help")
	case given < 2 || given > 3:
		return usage(fmt.Sprintf("--peer names each of the three nodes, or the two others, not %d", given), "hellox nats --help")
	case len(slices.Compact(slices.Sorted(slices.Values(opts.Peers)))) < given:
		return usage("--peer names a node twice: "+strings.Join(opts.Peers, ", "), "hellox nats --help")
	case !certificates:
		return usage("--peer needs --peer-cert, --peer-key and --peer-ca", "hellox certs certs --peer")
	}
	brokerOptions := broker.Options{Insecure: n.insecure}
	if err := checkAccess(cmd.Flags(), &n.files, &brokerOptions); err != nil {
		return err
	}
	opts.Insecure = brokerOptions.Insecure
	return nil
}

// open opens the files, and returns a node that has not been started.
func (n *natsFlags) open(ctx context.Context, opts *nats.Options) (*nats.Node, *access.Access, error) {
	who, err := n.files.Open(opts.Log)
	if err != nil {
		return nil, nil, badFile(err)
	}
	opts.Authority = who.Authority()
	opts.PeerTLS = who.PeerTLS(nats.VerifyPeer)
	if !n.drain {
		if err := n.addresses(ctx, opts, who); err != nil {
			return nil, nil, err
		}
	}
	for flag, to := range map[string]**net.TCPAddr{n.routeListen: &opts.Routes, n.clientListen: &opts.Clients} {
		if flag == "" {
			continue
		}
		if *to, err = listenAddress(flag); err != nil {
			return nil, nil, missing(fmt.Errorf("listen on %s: %w", flag, err), "")
		}
	}
	node, err := nats.New(*opts)
	if err != nil {
		if opts.Local != nil {
			opts.Local.Close()
		}
		return nil, nil, err
	}
	return node, who, nil
}

// listenAddress returns the address of HOST:PORT; without a host every one of the
// machine.
func listenAddress(hostPort string) (*net.TCPAddr, error) {
	a, err := net.ResolveTCPAddr("tcp", hostPort)
	if err == nil && a.IP == nil {
		a.IP = net.IPv6unspecified
	}
	return a, err
}

// addresses set where MQTT clients connect, and what is asked of them there. Beside one
// with TLS there may be one on loopback, where pods need not say who they are.
func (n *natsFlags) addresses(ctx context.Context, opts *nats.Options, who *access.Access) error {
	main, local := n.listen[0], ""
	if len(n.listen) > 1 {
		for _, url := range n.listen[:2] {
			if a, err := broker.ParseListen(url); err == nil && !a.TLS {
				local = url
			} else {
				main = url
			}
		}
		if a, err := broker.ParseListen(main); len(n.listen) > 2 || err != nil || !a.TLS || local == "" || n.files.Pods == "" {
			return usage("--listen is one URL, or with --pods two: mqtts, and mqtt on loopback", "hellox nats --help")
		}
	}
	if err := n.address(main, opts, who); err != nil || local == "" {
		return err
	}
	a, err := broker.ParseListen(local)
	if err == nil && !cluster.IsLoopback(hostOf(a.HostPort)) {
		return &failure{fmt.Errorf("listen on %s: it is beyond loopback, where it needs TLS", local), exitUnsafe, "hellox nats --listen mqtt://127.0.0.1:1883 --listen " + main}
	}
	if err == nil {
		opts.Local, err = new(net.ListenConfig).Listen(ctx, "tcp", a.HostPort)
	}
	if err != nil {
		return missing(fmt.Errorf("listen on %s: %w", local, err), "")
	}
	return nil
}

func hostOf(hostPort string) string {
	host, _, _ := net.SplitHostPort(hostPort)
	return host
}

// address sets where MQTT clients connect.
func (n *natsFlags) address(listen string, opts *nats.Options, who *access.Access) error {
	address, err := broker.ParseListen(listen)
	if err != nil || address.WebSocket {
		return usage(fmt.Sprintf("listen on %q: hellox nats listens on mqtt and mqtts alone", listen), "hellox nats --listen mqtt://127.0.0.1:1883")
	}
	if address.TLS {
		if opts.TLS = who.TLS(); opts.TLS == nil {
			return usage(fmt.Sprintf("listen on %s: it needs --tls-cert and --tls-key", listen), "hellox nats --listen mqtt://127.0.0.1:1883")
		}
	}
	if !address.TLS && who.OnlyByTLS() {
		return usage(fmt.Sprintf("listen on %s: without --users it lets no client in, as certificates are shown by TLS", listen), "hellox nats --help")
	}
	if opts.MQTT, err = listenAddress(address.HostPort); err != nil {
		return missing(fmt.Errorf("listen on %s: %w", listen, err), "")
	}
	loopback := opts.MQTT.IP.IsLoopback()
	if opts.Open = loopback && !who.AsksOnLoopback(); opts.Open {
		opts.Authority = nil // pods are asked beyond loopback only
	}
	if !loopback && !opts.Insecure && (opts.Authority == nil || opts.TLS == nil) {
		const hint = "hellox nats --listen mqtts://0.0.0.0:8883 --tls-cert cert.pem --tls-key key.pem --users users --acl acl (or --insecure, which allows hello_world/# and hellox/# to all)"
		return &failure{fmt.Errorf("listen on %s: it is beyond loopback, where it needs TLS and users, client certificates or pods", listen), exitUnsafe, hint}
	}
	return nil
}
