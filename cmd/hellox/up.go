package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"hellox/bootstrap/build"
	"hellox/bootstrap/cluster"
	"hellox/bootstrap/install"
	"hellox/bootstrap/portforward"
	"hellox/bootstrap/step"
	"hellox/cmd/hellox/args"
	"hellox/cmd/hellox/output"
	"hellox/manifests"
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
	clusterSize     int
	buildTexts      []string
	builds          []build.Folder // of buildTexts
	watch           bool
	nodeImage       string
	dryRun          bool
	output          string
	given           []string // the flags on the command line that need a cluster
	again           string   // hellox up, with the selection, the ports and what is made as given, for hints
	portless        string   // the same without the ports
	onKind          string   // again, in a kind cluster
	made            []string // what a hint that selects a cluster lacks of them: each flag, and its value after it
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
leaves the pods. Run again, it changes only what differs. With another --cluster-size
it moves the history, and goes on with that when it was interrupted.`,
		Example: `  hellox up
  hellox up --target local --broadcasters 50
  hellox up --detach && hellox watch`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			f := cmd.Flags()
			o.web.Asked, o.mqtt.Asked = args.Set(f, "web-port"), args.Set(f, "mqtt-port")
			o.broadcastersSet = args.Set(f, "broadcasters")
			o.given = args.Given(f, "profile", "kustomize", "node-image", "build", "watch")
			if o.clusterSize > manifests.OneNode {
				o.given = append(o.given, "--cluster-size")
			}
			o.remember(f)
			return o.asTyped(o.run(cmd.Context(), sh))
		},
	}
	f := cmd.Flags()
	args.String(f, &o.target, "target", string(cluster.Auto), "`auto|minikube|kind|local`: auto prefers a running cluster to one that must be started or created",
		args.OneOf("auto", "minikube", "kind", targetLocal))
	f.StringVar(&o.profile, "profile", "", "minikube profile or kind cluster, by `NAME`")
	args.String(f, &o.namespace, "namespace", "hellox", "`NAMESPACE` of this installation", checkNamespace)
	args.Number(f, &o.broadcasters, "broadcasters", "", 1, 0, maxLocal, "run `N` broadcasters; without it up keeps the number there is")
	args.Number(f, &o.web.Number, "web-port", "", portforward.PortWeb, 0, 65535, "local `PORT` of the page; 0 takes a free one")
	args.Number(f, &o.mqtt.Number, "mqtt-port", "", portforward.PortMQTT, 0, 65535, "local `PORT` of the broker; 0 takes a free one")
	f.BoolVar(&o.detach, "detach", false, "return once it is up; a background process holds the forwards until hellox down")
	args.Duration(f, &o.timeout, "timeout", 5*time.Minute, time.Millisecond, "give up after this `TIME`")
	clusterSizeFlag(f, &o.clusterSize)
	f.StringVar(&o.overlay, "kustomize", "", "`FOLDER` with an overlay to apply (see hellox manifests --eject), or with manifests of your own, beside which broker and receiver run")
	f.StringArrayVar(&o.buildTexts, "build", nil, "`NAME=FOLDER`: build the folder's Dockerfile and run the image in the place of image NAME of the manifests (repeatable)")
	f.BoolVar(&o.watch, "watch", false, "stay, and build and roll out again when sources change: of this program, of --build and --kustomize")
	f.StringVar(&o.nodeImage, "node-image", "", "node image `REF` of a kind cluster that up creates")
	f.BoolVar(&o.dryRun, "dry-run", false, "show what would be done, and do nothing")
	outputFlag(f, &o.output, "`text|json`: json writes one step a line to stdout")
	f.BoolVar(&o.detached, "detached", false, "")
	hide(f, "detached")
	return cmd
}

// remember keeps what hints repeat of the command line: the selection, the ports, and all
// that changes what is made, of which the cluster size could not be changed afterwards.
func (o *upOptions) remember(f *pflag.FlagSet) {
	made, ports := args.Words(f, "cluster-size", "broadcasters", "kustomize", "build", "node-image"), args.Words(f, "web-port", "mqtt-port")
	o.portless = strings.Join(slices.Concat([]string{"hellox up"}, args.Words(f, "target", "profile", "namespace"), made), " ")
	o.again = strings.Join(append([]string{o.portless}, ports...), " ")
	o.onKind = strings.Join(slices.Concat([]string{"hellox up --target kind"}, args.Words(f, "profile", "namespace"), made, ports), " ")
	o.web.Command, o.mqtt.Command = o.portless, o.portless
	o.made = slices.Concat(args.Words(f, "namespace"), made, ports)
}

// asTyped adds what was typed to a hint that selects a cluster: below the commands
// that is not known.
func (o *upOptions) asTyped(err error) error {
	const up = "hellox up --target "
	e, ok := errors.AsType[*step.Error](err)
	if !ok || !strings.Contains(e.Hint, up) || strings.Contains(e.Hint, up+targetLocal) {
		return err
	}
	words := ""
	for i := 0; i+1 < len(o.made); i += 2 {
		if !strings.Contains(e.Hint, o.made[i]+" ") {
			words += o.made[i] + " " + o.made[i+1] + " "
		}
	}
	e.Hint = strings.Replace(e.Hint, up, "hellox up "+words+"--target ", 1)
	return err
}

func hide(f *pflag.FlagSet, name string) { f.Lookup(name).Hidden = true }

func (o *upOptions) run(ctx context.Context, sh shell) error {
	if err := o.check(); err != nil {
		return err
	}
	var err error
	if o.builds, err = build.ParseAll(o.buildTexts); err != nil {
		return err
	}
	if err := o.checkOverlay(); err != nil {
		return err
	}
	steps := output.NewSteps(sh.data, sh.err, sh.env, o.output == "json")
	sh.runner.OnWaiting(steps.Waiting)
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
		return timedOut(setup, "up", o.again, err)
	}
	if err := usable(setup, sh, found, o.namespace); err != nil {
		steps.Fail(err)
		return err
	}
	for _, e := range found.PassedOver {
		steps.Warn(e.Sentence)
		if e.Hint != "" {
			steps.Note("passed over: " + e.Hint)
		}
	}
	if found.Target == cluster.Local {
		o.profile = ""
		if err := o.checkLocal("a stream in this process, which is all there is here"); err != nil {
			steps.Fail(err)
			return err
		}
		err = o.upLocal(ctx, setup, sh, found, steps)
	} else {
		if slices.Contains(o.given, "--node-image") {
			if err := found.CheckNodeImage(setup, o.nodeImage); err != nil {
				steps.Fail(err)
				return timedOut(setup, "up", o.again, err)
			}
		}
		o.target, o.profile = string(found.Target), found.Profile
		err = o.upCluster(ctx, setup, sh, found, steps)
	}
	return timedOut(setup, "up", o.again, err)
}

// check returns why the flags of up cannot apply together.
func (o *upOptions) check() error {
	if o.web.Number == o.mqtt.Number && o.web.Number != 0 {
		return usage(fmt.Sprintf("--web-port and --mqtt-port are both %d: page and broker need a port each", o.web.Number), o.portless+" --web-port 0 --mqtt-port 0")
	}
	if o.watch && (o.detach || o.dryRun) {
		return usage("--watch stays, and does what it says; it goes with neither --detach nor --dry-run", o.again+" --watch")
	}
	if o.target == targetLocal {
		return o.checkLocal("--target local")
	}
	if o.target == "minikube" && slices.Contains(o.given, "--node-image") {
		return usage("--node-image is for kind, not for --target minikube", o.onKind)
	}
	return nil
}

// checkLocal refuses the flags of a cluster for an installation without one.
func (o *upOptions) checkLocal(why string) error {
	if len(o.given) == 0 {
		return nil
	}
	return usage(strings.Join(o.given, ", ")+" is for minikube and kind, not for "+why, o.onKind+", or leave it out")
}

// checkOverlay returns an error if what is in the folder of --kustomize cannot be
// applied, or does not run an image of --build: before a cluster is started for it.
func (o *upOptions) checkOverlay() error {
	if o.overlay == "" && len(o.builds) == 0 {
		return nil
	}
	images := make(map[string]string, len(o.builds))
	for _, f := range o.builds {
		images[f.Name] = f.Placeholder()
	}
	objects, err := manifests.Render(manifests.Options{Namespace: o.namespace, ClusterSize: o.clusterSize, Overlay: o.overlay, Images: images})
	if err != nil {
		return overlayError(err)
	}
	broadcasters := slices.ContainsFunc(objects, func(u *unstructured.Unstructured) bool {
		return u.GetKind() == "StatefulSet" && u.GetName() == install.RoleBroadcast
	})
	if o.broadcastersSet && !broadcasters {
		return usage("--broadcasters: there are none in "+o.overlay, "set replicas in its manifests")
	}
	return nil
}

// timedOut puts the cause of the ended deadline of a command in the place of
// "context deadline exceeded", which says nothing to a person. The hint is to type
// it again, with its selection, and more time.
func timedOut(ctx context.Context, command, again string, err error) error {
	cause := context.Cause(ctx)
	if err == nil || cause == nil || errors.Is(cause, context.Canceled) || !errors.Is(err, context.DeadlineExceeded) && !errors.Is(err, cause) {
		return err
	}
	return failed(fmt.Errorf("%s: %w", command, cause), again+" --timeout 15m")
}
