package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"golang.org/x/sync/errgroup"

	"hellox/broker"
	"hellox/broker/rights"
	"hellox/cmd/hellox/access"
	"hellox/cmd/hellox/args"
	"hellox/cmd/hellox/certs"
	"hellox/cmd/hellox/ops"
	"hellox/cmd/hellox/output"
	"hellox/cmd/hellox/prompt"
)

func newBroker(sh shell) *cobra.Command {
	var (
		opts      broker.Options
		listen    []string
		limit     string
		quota     string
		opsListen string
		logs      ops.LogFlags
		files     access.Flags
	)
	cmd := &cobra.Command{
		Use:   "broker",
		Short: "Run the MQTT broker, with a durable journal",
		Long: `Run the MQTT broker. An acknowledged message is on disk and stays there until its
subscribers have acknowledged it. A session whose client stays away holds no more
than its quota: then it ends, unless --backpressure names it. Publishers wait for one
that is named: while it has no subscription, and while the journal is full.

On loopback every client may read and write every topic but $SYS. With --users
every client needs a user, and may do what a rule of --acl allows:

  deny  *      hello_world/private/#   neither read nor written, whatever else is allowed
  role  recv   receive                 what hellox receive needs; or broadcast, or client
  read  *      hello_world/#
  write press  hello_world/%i/#        %i is the user, %c the client ID

With --client-ca a client that shows a certificate of these authorities is the one
URI in it, as hellox certs --client makes it; --acl names it whole, as
hellox://local/client/press, and %i is what follows the last slash. The certificate
goes before a user and password that come beside it; without --users each client
shows one.

In Kubernetes, --pods takes the place of --users: a pod's user name is its own, its
password the token of its ServiceAccount for the audience that the keys' file
names. The ServiceAccounts broadcast, receive and client have the roles of their
names, --acl gives others rights, and clients on loopback need no user. An hour
after its token has expired a connection has ended.

These files, and the certificate's, are read anew at SIGHUP and when they change.
Beyond loopback it starts only with TLS and with users, client certificates or pods,
or with --insecure, which allows hello_world/# and hellox/# to all and protects no
client ID.`,
		Example: `  hellox broker --store /var/lib/hellox
  hellox broker --listen mqtt://127.0.0.1:1883 --listen ws://127.0.0.1:8083
  hellox broker passwd press >> users
  hellox broker --listen mqtts://0.0.0.0:8883 --tls-cert cert.pem --tls-key key.pem --users users --acl acl
  hellox broker --listen mqtts://0.0.0.0:8883 --tls-cert cert.pem --tls-key key.pem --client-ca ca.pem --acl acl`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			log := logs.Logger(sh.err, "broker")
			var err error
			if opts.StoreLimit, err = parseStoreLimit(limit); err != nil {
				return err
			}
			if opts.SessionQuota, err = parseQuota(quota); err != nil {
				return err
			}
			if err := checkAccess(cmd.Flags(), &files, &opts); err != nil {
				return err
			}
			metrics := ops.NewRegistry()
			ops.AddCertificate(metrics, files.Cert)
			opts.Log, opts.Metrics = log, metrics
			return runRole(cmd.Context(), func(ctx context.Context) error {
				who, err := files.Open(log)
				if err != nil {
					return badFile(err)
				}
				if len(who.Flags()) == 0 {
					sh.hangupEnds()
				}
				opts.Authority = who.Authority()
				ops.AddPodKeys(metrics, who.PodKeysHash)
				ops.AddInForce(metrics, who.Flags(), who.InForce)
				for _, url := range listen {
					ln, err := listenMQTT(ctx, url, who, opts.Insecure)
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
				ctx, end := context.WithCancel(ctx)
				defer end()
				group, ctx := errgroup.WithContext(ctx)
				watch := who.Watch(b.Recheck)
				group.Go(func() error { watch(ctx); return nil })
				group.Go(func() error {
					defer end() // with --drain it ends by itself
					return b.Serve(ctx)
				})
				group.Go(func() error {
					return ops.Serve(ctx, opsListen, ops.Health{Ready: func() error { return cmp.Or(b.Ready(), who.Ready()) }, Degraded: func() string { return who.Degraded(b.Degraded()) }}, metrics)
				})
				return group.Wait()
			})
		},
	}
	f := cmd.Flags()
	args.Strings(f, &listen, "listen", "", []string{"mqtt://127.0.0.1:1883"}, "`URL` to listen on: mqtt, mqtts, ws or wss; repeatable", checkListen)
	f.StringVar(&opts.Store, "store", "", "`FOLDER` of the journal (default: in memory)")
	f.StringVar(&limit, "store-limit", "", "acknowledge nothing more once the journal holds so many `BYTES` (default: 1GiB, in memory 64MiB)")
	f.StringVar(&quota, "session-quota", "", "end a session for which so many `BYTES` wait (default and most: a quarter of the journal)")
	args.Strings(f, &opts.Backpressure, "backpressure", "", nil, "`CLIENT-ID` of a session that is not ended: publishers wait for it; repeatable", checkClientID)
	args.String(f, &opts.Drain, "drain", "", "let in only the client with this `CLIENT-ID`, and end once nothing waits for its session", checkClientID)
	f.BoolVar(&opts.Insecure, "insecure", false, "listen beyond loopback without TLS and users")
	files.Add(f)
	addLimits(f, &opts.Limits)
	f.StringVar(&opsListen, "ops-listen", "", "`HOST:PORT` for /healthz, /readyz and /metrics (default: none)")
	logs.Add(f)
	cmd.AddCommand(newPasswd(sh))
	return cmd
}

// addLimits adds a flag for each limit on what clients may have; docs/broker.md says
// what happens beyond it.
func addLimits(f *pflag.FlagSet, l *broker.Limits) {
	const most = 1<<31 - 1
	d := broker.DefaultLimits()
	args.Number(f, &l.Connections, "max-connections", "", 0, 0, most, "`NUMBER` of connections (default: half of the file descriptors)")
	args.Number(f, &l.HalfOpen, "max-half-open", "", 0, 0, most, "`NUMBER` of connections whose CONNECT has not come (default: half of --max-connections)")
	args.Duration(f, &l.Connect, "connect-timeout", d.Connect, time.Millisecond, "`TIME` from accept to a whole CONNECT")
	args.Duration(f, &l.Packet, "packet-timeout", d.Packet, time.Millisecond, "`TIME` for the rest of a packet of which some has come")
	args.Duration(f, &l.Write, "write-timeout", d.Write, time.Millisecond, "`TIME` that a client may take nothing of what waits for it")
	args.Number(f, &l.ClientBytes, "max-client-bytes", "", d.ClientBytes, 1<<20, most, "`BYTES` that wait for a client that reads slowly")
	args.Number(f, &l.WaitingBytes, "max-waiting-bytes", "", d.WaitingBytes, 1<<20, most, "`BYTES` that wait for all clients that read slowly")
	args.Number(f, &l.TopicLevels, "max-topic-levels", "", d.TopicLevels, 1, 256, "`NUMBER` of levels of a topic or topic filter")
	args.Number(f, &l.TopicBytes, "max-topic-bytes", "", d.TopicBytes, 1, 65535, "`BYTES` of a topic or topic filter")
	args.Number(f, &l.Sessions, "max-sessions", "", d.Sessions, 1, most, "`NUMBER` of sessions, those of absent clients included")
	args.Duration(f, &l.SessionExpiry, "max-session-expiry", d.SessionExpiry, time.Second, "end a session whose client stays away for this `TIME`")
	args.Duration(f, &l.KeepAlive, "max-keep-alive", d.KeepAlive, time.Second, "longest keep alive `TIME`, also for clients that ask for none")
	args.Number(f, &l.TopicFilters, "max-topic-filters", "", d.TopicFilters, 1, most, "`NUMBER` of topic filters of a session")
	args.Number(f, &l.Shared, "max-shared", "", d.Shared, 1, most, "`NUMBER` of shared subscriptions")
	args.Number(f, &l.SharedMembers, "max-shared-members", "", d.SharedMembers, 1, most, "`NUMBER` of sessions that share a subscription")
	args.Number(f, &l.Inflight, "max-inflight", "", d.Inflight, 1, 4000, "`NUMBER` of messages sent to a client that it has not acknowledged")
	args.Number(f, &l.Unreleased, "max-unreleased", "", d.Unreleased, 1, most, "`NUMBER` of messages at QoS 2 that all publishers together have not released")
	args.Number(f, &l.Retained, "max-retained", "", d.Retained, 1, most, "`NUMBER` of retained messages")
	args.Number(f, &l.RetainedBytes, "max-retained-bytes", "", d.RetainedBytes, 1, most, "`BYTES` of retained messages")
}

// parseStoreLimit returns the bytes of --store-limit; 0 if it is not given.
func parseStoreLimit(limit string) (int64, error) {
	if limit == "" {
		return 0, nil
	}
	bytes, err := humanize.ParseBytes(limit)
	if err != nil || bytes < broker.MinStoreLimit || bytes > 1<<50 {
		return 0, usage(fmt.Sprintf("--store-limit takes %dMiB or more, not %q", broker.MinStoreLimit>>20, limit), "")
	}
	return int64(bytes), nil
}

// parseQuota returns the bytes of --session-quota; 0 if it is not given.
func parseQuota(quota string) (int64, error) {
	if quota == "" {
		return 0, nil
	}
	bytes, err := humanize.ParseBytes(quota)
	if err != nil || bytes < 1 || bytes > 1<<50 {
		return 0, usage(fmt.Sprintf("--session-quota takes a number of bytes such as 16MiB, not %q", quota), "")
	}
	return int64(bytes), nil
}

// checkClientID returns why id is no client ID.
func checkClientID(id string) error {
	if id == "" {
		return args.Expected("a client ID")
	}
	return nil
}

// checkListen returns why url is none to listen on.
func checkListen(url string) error {
	_, err := broker.ParseListen(url)
	return err
}

// checkAccess checks the flags of files and --insecure against each other.
func checkAccess(flags *pflag.FlagSet, files *access.Flags, opts *broker.Options) error {
	clients := "--users"
	switch {
	case files.ClientCA != "":
		clients = "--client-ca"
	case files.Pods != "":
		clients = "--pods"
	}
	switch {
	case files.Users != "" && files.Pods != "":
		return usage("--users and --pods exclude each other", "")
	case files.ClientCA != "" && files.Pods != "":
		return usage("--client-ca and --pods exclude each other", "")
	case files.Users != "" && files.ACL == "":
		return usage("--users needs --acl: without a rule its users may do nothing", "echo 'read * hello_world/#' >> acl")
	case files.ClientCA != "" && files.ACL == "":
		return usage("--client-ca needs --acl: clients whose certificates it does not name are not let in", "echo 'role hellox://local/client/NAME client' >> acl")
	case files.ACL != "" && !files.Known():
		return usage("--acl needs --users, --client-ca or --pods: its rules are for them", "hellox broker passwd NAME >> users")
	case (files.Cert == "") != (files.Key == ""):
		return usage("--tls-cert and --tls-key go together", "")
	case files.ClientCA != "" && files.Cert == "":
		return usage("--client-ca needs --tls-cert and --tls-key: certificates are shown by TLS", "hellox certs DIR --client NAME")
	case files.Known() && len(args.Given(flags, "insecure")) > 0 && opts.Insecure:
		return usage(clients+" and --insecure exclude each other", "")
	}
	if files.Known() {
		opts.Insecure = false // the variable is for other commands, too
	}
	return nil
}

// badFile returns the error of a file of users, rights or certificates that cannot
// be used.
func badFile(err error) error {
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrPermission) {
		return missing(err, hintOf(err))
	}
	return &failure{err, exitUnsafe, hintOf(err)} // the sentence names the file, and what is wrong with it
}

// listenMQTT opens what a --listen names.
func listenMQTT(ctx context.Context, url string, who *access.Access, insecure bool) (broker.Listener, error) {
	address, err := broker.ParseListen(url)
	if err != nil {
		return broker.Listener{}, usage(err.Error(), "hellox broker --listen mqtt://127.0.0.1:1883")
	}
	l := broker.Listener{WebSocket: address.WebSocket}
	if address.TLS {
		if l.TLS = who.TLS(); l.TLS == nil {
			return l, usage(fmt.Sprintf("listen on %s: it needs --tls-cert and --tls-key", url), "hellox broker --listen mqtt://127.0.0.1:1883")
		}
	}
	if l.TLS == nil && who.OnlyByTLS() {
		return l, usage(fmt.Sprintf("listen on %s: without --users it lets no client in, as certificates are shown by TLS", url), "hellox broker --listen mqtts://127.0.0.1:8883 --tls-cert cert.pem --tls-key key.pem --client-ca ca.pem --acl acl")
	}
	ln, err := new(net.ListenConfig).Listen(ctx, "tcp", address.HostPort)
	if err != nil {
		return l, missing(fmt.Errorf("listen on %s: %w", url, err), "hellox broker --listen mqtt://127.0.0.1:0")
	}
	l.Net = ln
	knows := who.Authority() != nil
	l.Open = isLoopback(ln) && !who.AsksOnLoopback()
	if !isLoopback(ln) && !insecure && (!knows || l.TLS == nil) {
		ln.Close()
		hint := "hellox broker --listen mqtts://0.0.0.0:8883 --tls-cert cert.pem --tls-key key.pem --users users --acl acl (or --insecure, which allows hello_world/# and hellox/# to all)"
		return l, &failure{fmt.Errorf("listen on %s: it is beyond loopback, where it needs TLS and users, client certificates or pods", url), exitUnsafe, hint}
	}
	return l, nil
}

func newCerts(sh shell) *cobra.Command {
	o := certs.Options{}
	cmd := &cobra.Command{
		Use:   "certs DIR",
		Short: "Make certificates for a broker outside Kubernetes",
		Long: `Make an authority (ca.crt, ca.key), the certificate of a broker (server.crt,
server.key) and those of clients (NAME.crt, NAME.key) in a folder, each valid for a
year; with --peer that by which the nodes of hellox nats know each other. No file is
overwritten: run again with another --client, it makes what is missing; what is there
and broken, or not for the hosts of --host, it names. Clients trust ca.crt, which
signs for the hosts that it was made for alone: for others make another folder. ca.key
is for this folder alone. A client's certificate says that it is
hellox://local/client/NAME, which hellox broker --client-ca asks for.`,
		Example: `  hellox certs certs --host broker.example --client press
  hellox broker --listen mqtts://0.0.0.0:8883 --tls-cert certs/server.crt --tls-key certs/server.key --users users --acl acl
  hellox watch mqtts://broker.example --ca certs/ca.crt`,
		Args: words(false, "DIR, the folder to make them in"),
		RunE: func(cmd *cobra.Command, words []string) error {
			o.Dir, o.Now = words[0], time.Now()
			o.AnyHost = len(args.Given(cmd.Flags(), "host")) == 0
			made, err := certs.Make(o)
			for _, path := range made {
				fmt.Fprintln(sh.data, path)
			}
			if err != nil {
				return failed(fmt.Errorf("make certificates: %w", err), certsHint(o, err))
			}
			return nil
		},
	}
	f := cmd.Flags()
	args.Strings(f, &o.Hosts, "host", "", []string{"localhost", "127.0.0.1", "::1"}, "`NAME` or address of the broker; repeatable", checkHost)
	args.Strings(f, &o.Clients, "client", "", nil, "`NAME` of a client that shows a certificate; repeatable", checkClientName)
	f.BoolVar(&o.Peer, "peer", false, "also make peer.crt and peer.key, which the nodes of hellox nats show each other")
	return cmd
}

// certsHint returns the command that makes files anew that are unusable, or what was
// asked for in another folder; or "".
func certsHint(o certs.Options, err error) string {
	broken := new(certs.Unusable)
	if !errors.As(err, &broken) {
		return ""
	}
	dir, line := o.Dir, ""
	if len(broken.Files) == 0 {
		dir = freeFolder(o.Dir)
	} else {
		line = "rm"
		for _, path := range broken.Files {
			line += " " + args.Quote(path)
		}
		line += " && "
	}
	line += "hellox certs " + args.Quote(dir)
	if !o.AnyHost {
		for _, host := range o.Hosts {
			line += " --host " + args.Quote(host)
		}
	}
	for _, name := range o.Clients {
		line += " --client " + args.Quote(name)
	}
	if o.Peer {
		line += " --peer"
	}
	return line
}

// freeFolder returns a name like that of dir that no file has.
func freeFolder(dir string) string {
	dir = filepath.Clean(dir)
	if base := filepath.Base(dir); base == "." || base == ".." || base == string(filepath.Separator) {
		dir = filepath.Join(dir, "certs")
	}
	for n := 2; ; n++ {
		free := fmt.Sprintf("%s-%d", dir, n)
		if _, err := os.Lstat(free); err != nil {
			return free
		}
	}
}

// checkHost returns why host is neither a name nor an address.
func checkHost(host string) error {
	if !certs.IsHost(host) {
		return args.Expected("a host name or an address, in ASCII")
	}
	return nil
}

// checkClientName returns why name cannot be that of a client's files and identity.
func checkClientName(name string) error {
	if name == "" || name == "ca" || name == "server" || name == "peer" || name[0] == '.' || strings.Trim(strings.ToLower(name), "abcdefghijklmnopqrstuvwxyz0123456789-_.") != "" {
		return args.Expected("letters, digits, - _ and ., and not ca, server or peer")
	}
	return nil
}

func newPasswd(sh shell) *cobra.Command {
	return &cobra.Command{
		Use:   "passwd NAME",
		Short: "Print the line of a user for --users, with the hash of a password",
		Long: `Print the line of a user for --users: the name and the hash of the password by
argon2id. The password is asked for on a terminal, else it is the first line of
stdin.`,
		Example: `  hellox broker passwd press >> users
  head -c 18 /dev/urandom | base64 | tee password | hellox broker passwd press >> users`,
		Args: usageArgs(words(false, "NAME, the user's")),
		RunE: func(cmd *cobra.Command, words []string) error {
			password, err := newPassword(cmd.Context(), sh, words[0])
			if err != nil {
				return err
			}
			line, err := rights.UserLine(words[0], []byte(password))
			if err != nil {
				return usage(fmt.Sprintf("make a user: %v", err), "")
			}
			fmt.Fprintln(sh.data, line)
			return nil
		},
	}
}

// newPassword asks for a password twice on a terminal, or reads a line of stdin.
func newPassword(ctx context.Context, sh shell, name string) (string, error) {
	if !output.IsTerminal(sh.in) {
		line, err := prompt.Line(ctx, sh.in)
		if err != nil && !errors.Is(err, io.EOF) {
			return "", fmt.Errorf("read the password: %w", err)
		}
		return line, nil
	}
	first, err := askPassword(ctx, sh, name)
	if err != nil {
		return "", err
	}
	again, err := askPassword(ctx, sh, name+" again")
	if err == nil && again != first {
		err = usage("the two passwords differ", "hellox broker passwd "+args.Quote(name))
	}
	return first, err
}
