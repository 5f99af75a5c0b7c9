package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"hellox/bootstrap"
	"hellox/bootstrap/cluster"
	"hellox/bootstrap/portforward"
	"hellox/bootstrap/step"
	"hellox/cmd/hellox/output"
)

// The interval of broadcasters that up starts.
const (
	minInterval = time.Second
	maxInterval = 10 * time.Second
)

type upOptions struct {
	selection
	broadcasters    int
	broadcastersSet bool
	web, mqtt       portforward.Port
	detach          bool
	detached        bool // this process is the one that an up --detach left behind
	timeout         time.Duration
	overlay         string
	nodeImage       string
	dryRun          bool
	output          string
}

func newUp(sh shell) *cobra.Command {
	o := upOptions{
		web:  portforward.Port{Number: portforward.PortWeb, Flag: "--web-port"},
		mqtt: portforward.Port{Number: portforward.PortMQTT, Flag: "--mqtt-port"},
	}
	cmd := &cobra.Command{
		Use:   "up",
		Short: "Create or update an installation and forward its ports",
		Long: `Create or update an installation and forward its ports: find (or start, or
create) a local cluster, load the image on every node, apply the manifests, wait
for the roll-out, forward the ports. Without a cluster the same stream runs in
this process.

It stays in the foreground and holds the forwards; Ctrl-C or Enter ends them and
leaves the pods. Run again, it changes only what differs.`,
		Example: `  hellox up
  hellox up --target local --broadcasters 50
  hellox up --detach && hellox watch`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			changed := cmd.Flags().Changed
			o.web.Asked, o.mqtt.Asked = changed("web-port"), changed("mqtt-port")
			o.broadcastersSet = changed("broadcasters")
			return o.run(cmd.Context(), sh)
		},
	}
	f := cmd.Flags()
	f.StringVar(&o.target, "target", string(cluster.Auto), "`auto|minikube|kind|local`: auto prefers a running cluster to one that must be started or created")
	f.StringVar(&o.profile, "profile", "", "minikube profile or kind cluster, by `NAME`")
	f.StringVar(&o.namespace, "namespace", "hellox", "`NAMESPACE` of this installation")
	f.IntVar(&o.broadcasters, "broadcasters", 1, "number of broadcasters (default: unchanged, or 1)")
	f.IntVar(&o.web.Number, "web-port", portforward.PortWeb, "local `PORT` of the page; 0 takes a free one")
	f.IntVar(&o.mqtt.Number, "mqtt-port", portforward.PortMQTT, "local `PORT` of the broker; 0 takes a free one")
	f.BoolVar(&o.detach, "detach", false, "return once it is up; a background process holds the forwards until hellox down")
	f.DurationVar(&o.timeout, "timeout", 5*time.Minute, "give up after this `TIME`")
	f.StringVar(&o.overlay, "kustomize", "", "`FOLDER` with an overlay to apply instead (see hellox manifests --eject)")
	f.StringVar(&o.nodeImage, "node-image", "", "node image `REF` of a kind cluster that up creates")
	f.BoolVar(&o.dryRun, "dry-run", false, "show what would be done, and do nothing")
	f.StringVar(&o.output, "output", "text", "`text|json`: json writes one step a line to stdout")
	f.BoolVar(&o.detached, "detached", false, "")
	hide(f, "detached")
	return cmd
}

func hide(f *pflag.FlagSet, name string) { f.Lookup(name).Hidden = true }

func (o *upOptions) run(ctx context.Context, sh shell) error {
	if err := o.check(); err != nil {
		return err
	}
	steps := output.NewSteps(sh.out, sh.err, sh.env, o.output == "json")
	setup, cancel := context.WithTimeoutCause(ctx, o.timeout, fmt.Errorf("it took longer than --timeout %s", o.timeout))
	defer cancel()
	all, err := providers(sh, o.nodeImage)
	if err != nil {
		return err
	}
	steps.Begin(step.Cluster)
	found, err := cluster.Find(setup, all, findOptions(o.selection))
	if err != nil {
		steps.Fail(err)
		return timedOut(setup, err)
	}
	if found.Target == cluster.Local {
		o.profile = ""
		err = o.upLocal(ctx, setup, sh, found, steps)
	} else {
		o.target, o.profile = string(found.Target), found.Profile
		err = o.upCluster(ctx, setup, sh, found, steps)
	}
	return timedOut(setup, err)
}

func (o *upOptions) check() error {
	if !slices.Contains(bootstrap.Targets(), cluster.Target(o.target)) {
		return usage(fmt.Sprintf("--target takes auto, minikube, kind or local, not %q", o.target), "hellox up --target local")
	}
	if err := checkOutput(o.output); err != nil {
		return err
	}
	switch {
	case o.broadcasters < 0 || o.broadcasters > maxLocal:
		return usage(fmt.Sprintf("--broadcasters takes 0 to %d, not %d", maxLocal, o.broadcasters), "")
	case o.timeout <= 0:
		return usage("--timeout takes more than 0", "")
	case o.target == targetLocal && o.profile != "":
		return usage("--profile is for minikube and kind, not for --target local", "")
	}
	for _, p := range []portforward.Port{o.web, o.mqtt} {
		if p.Number < 0 || p.Number > 65535 {
			return usage(fmt.Sprintf("%s takes 0 to 65535, not %d", p.Flag, p.Number), "")
		}
	}
	return checkNamespace(o.namespace)
}

// timedOut puts the cause of an ended deadline in the place of "context
// deadline exceeded", which says nothing to a person.
func timedOut(ctx context.Context, err error) error {
	if err == nil || !errors.Is(err, context.DeadlineExceeded) || context.Cause(ctx) == nil || errors.Is(context.Cause(ctx), context.Canceled) {
		return err
	}
	return failed(fmt.Errorf("bring it up: %w", context.Cause(ctx)), "hellox status, or more time: --timeout 15m")
}
