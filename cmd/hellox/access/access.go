package access

import (
	"context"
	"crypto/tls"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/spf13/pflag"

	"hellox/broker/rights"
	"hellox/broker/token"
)

// Flags are the flags of the files.
type Flags struct {
	Users, ACL, Pods, ClientCA, Cert, Key string
	PeerCert, PeerKey, PeerCA             string // of AddPeers
}

// Add defines the flags.
func (f *Flags) Add(flags *pflag.FlagSet) {
	flags.StringVar(&f.Users, "users", "", "`FILE` of the users, one a line by hellox broker passwd; every listener then asks for one")
	flags.StringVar(&f.ClientCA, "client-ca", "", "`FILE` of the authorities whose certificates clients show (PEM); who they are is the one URI in it")
	flags.StringVar(&f.Pods, "pods", "", "`FILE` of a Kubernetes cluster's keys: pods beyond loopback come with their ServiceAccount's token as the password")
	flags.StringVar(&f.ACL, "acl", "", "`FILE` of what users, certificates' URIs or ServiceAccounts may read and write; all else is denied")
	flags.StringVar(&f.Cert, "tls-cert", "", "`FILE` of the broker's certificate for mqtts and wss (PEM)")
	flags.StringVar(&f.Key, "tls-key", "", "`FILE` of the certificate's key (PEM)")
}

// clients are those that the files know.
type clients interface {
	rights.Authority
	Stale() []rights.Stale
	Watch(ctx context.Context, reload <-chan os.Signal, changed func())
}

// Access is what the files say now.
type Access struct {
	clients     clients       // nil without users and pods
	pods        *token.Pods   // clients, if they are pods
	files       *rights.Files // clients, if they are users or show certificates
	certificate *certificate  // nil without one
	peer        *peer         // nil without one
	flags       Flags
	log         *slog.Logger
}

// Known reports whether one of the files says who clients are.
func (f *Flags) Known() bool { return f.Users != "" || f.ClientCA != "" || f.Pods != "" }

// Open reads the files that are given. Both of a pair are.
func (f *Flags) Open(log *slog.Logger) (*Access, error) {
	a := &Access{log: log, flags: *f}
	switch {
	case f.Users != "" || f.ClientCA != "":
		files, err := rights.OpenFiles(rights.Paths{Users: f.Users, ACL: f.ACL, ClientCA: f.ClientCA}, log)
		if err != nil {
			return nil, err
		}
		a.clients, a.files = files, files
	case f.Pods != "":
		pods, err := token.Open(f.Pods, f.ACL, log)
		if err != nil {
			return nil, err
		}
		a.clients, a.pods = pods, pods
	}
	if f.Cert != "" {
		var err error
		if a.certificate, err = openCertificate("tls-cert", f.Cert, f.Key, log); err != nil {
			return nil, err
		}
	}
	if f.PeerCert != "" {
		var err error
		if a.peer, err = openPeer(f, log); err != nil {
			return nil, err
		}
	}
	return a, nil
}

// Ready returns why clients cannot be let in, or nil.
func (a *Access) Ready() error {
	if a.pods == nil {
		return nil
	}
	return a.pods.Ready()
}

// PodKeysHash returns the hash of the keys' file by which pods are known now, or "".
func (a *Access) PodKeysHash() string {
	if a.pods == nil {
		return ""
	}
	return a.pods.KeysHash()
}

// Flags returns the flags of the files that are read anew, without dashes.
func (a *Access) Flags() (flags []string) {
	for _, file := range [][2]string{
		{"users", a.flags.Users}, {"client-ca", a.flags.ClientCA}, {"pods", a.flags.Pods}, {"acl", a.flags.ACL},
		{"tls-cert", a.flags.Cert}, {peerFlag, a.flags.PeerCert},
	} {
		if file[1] != "" {
			flags = append(flags, file[0])
		}
	}
	return flags
}

// stale returns the files that are wrong now.
func (a *Access) stale() (all []rights.Stale) {
	if a.clients != nil {
		all = append(all, a.clients.Stale()...)
	}
	for _, c := range a.certificates() {
		if s := c.stale.Load(); s != nil {
			all = append(all, *s)
		}
	}
	return all
}

// InForce reports whether what the file of a flag says is in force, and not what it said
// before.
func (a *Access) InForce(flag string) bool {
	return !slices.ContainsFunc(a.stale(), func(s rights.Stale) bool { return s.Flag == flag })
}

// Degraded returns beside, which is what else does not work, and which files are not in
// force and why, a sentence each; or "".
func (a *Access) Degraded(beside string) string {
	var all []string
	if beside != "" {
		all = append(all, beside)
	}
	for _, s := range a.stale() {
		all = append(all, fmt.Sprintf("--%s is wrong, and what it said before is in force: %s", s.Flag, s.Err))
	}
	return strings.Join(all, "; ")
}

// Authority returns who knows the clients, or nil if there are none to know.
func (a *Access) Authority() rights.Authority {
	if a.clients == nil {
		return nil
	}
	return a.clients
}

// AsksOnLoopback reports whether clients on loopback must say who they are, too.
// Beside pods they need not: only who may forward a port into the broker's own pod
// reaches that.
func (a *Access) AsksOnLoopback() bool { return a.clients != nil && a.pods == nil }

// OnlyByTLS reports whether clients can show who they are by TLS alone: a listener
// without it lets none in.
func (a *Access) OnlyByTLS() bool { return a.files != nil && a.files.OnlyCertificates() }

// TLS returns the configuration of a listener with TLS, or nil without a
// certificate.
func (a *Access) TLS() *tls.Config {
	if a.certificate == nil {
		return nil
	}
	config := &tls.Config{MinVersion: tls.VersionTLS13, GetCertificate: a.certificate.get}
	if a.files == nil {
		return config
	}
	return a.files.AskForCertificates(config)
}

// Watch returns what reads the files anew when they change and at SIGHUP, until its
// context ends. It calls changed when users, keys or rights have. SIGHUP is kept for it
// from the call of Watch on, which comes before the role says that it is ready; the caller
// sees to it that it ends nothing. Without files it does nothing.
func (a *Access) Watch(changed func()) (watch func(context.Context)) {
	if a.clients == nil && a.certificate == nil && a.peer == nil {
		return func(context.Context) {}
	}
	hangup := make(chan os.Signal, 1)
	signal.Notify(hangup, syscall.SIGHUP)
	return func(ctx context.Context) {
		defer signal.Stop(hangup)
		a.watch(ctx, hangup, changed)
	}
}

func (a *Access) watch(ctx context.Context, hangup <-chan os.Signal, changed func()) {
	var watchers sync.WaitGroup
	defer watchers.Wait()
	reload := make(chan os.Signal, 1)
	if a.clients != nil {
		watchers.Go(func() { a.clients.Watch(ctx, reload, changed) })
	}
	tick := time.NewTicker(certificateInterval)
	defer tick.Stop()
	for {
		select {
		case s := <-hangup:
			select {
			case reload <- s:
			default: // one is waiting
			}
			a.reloadCertificate(true)
		case <-tick.C:
			a.reloadCertificate(false)
		case <-ctx.Done():
			return
		}
	}
}

// certificateInterval is how often the certificate's files are looked at.
const certificateInterval = 10 * time.Second

// certificates returns those that there are.
func (a *Access) certificates() (all []*certificate) {
	if a.certificate != nil {
		all = append(all, a.certificate)
	}
	if a.peer != nil {
		all = append(all, a.peer.certificate)
	}
	return all
}

func (a *Access) reloadCertificate(always bool) {
	for _, c := range a.certificates() {
		read, err := c.reload(always)
		switch {
		case err != nil:
			a.log.Error("certificate not read anew: the one of before stays in use", "cause", err.Error())
		case read:
			a.log.Info("certificate read anew", "file", c.cert)
		}
	}
}
