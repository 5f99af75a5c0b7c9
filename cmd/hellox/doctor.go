package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"net/url"
	"strconv"

	"github.com/spf13/cobra"

	"hellox/bootstrap/cluster"
	"hellox/bootstrap/doctor"
	"hellox/bootstrap/portforward"
	"hellox/cmd/hellox/args"
	"hellox/cmd/hellox/output"
	"hellox/cmd/hellox/state"
)

func newDoctor(sh shell) *cobra.Command {
	var target, profile, format string
	cmd := &cobra.Command{
		Use:   "doctor",
		Short: "Check what up needs, with the command that cures what is wrong",
		Long: `Check what up needs: the container engine and the clusters, their nodes and
kubeconfig, whether this program runs on the nodes, the ports, the folders and
the room on their disks. One line each: ok, warn (up works, and differs from what
you may expect) or fail, with the command that cures it. Nothing is changed.

It ends with 0 if nothing fails, also with warnings, and with 3 if anything does.`,
		Example: "  hellox doctor\n  hellox doctor --target kind --output json",
		RunE: func(cmd *cobra.Command, _ []string) error {
			return runDoctor(cmd.Context(), sh, cluster.Target(target), profile, format == "json")
		},
	}
	f := cmd.Flags()
	args.String(f, &target, "target", string(cluster.Auto), "what up would be asked for: `auto|minikube|kind|local`",
		args.OneOf("auto", "minikube", "kind", targetLocal))
	f.StringVar(&profile, "profile", "", "this minikube profile or kind cluster alone, by `NAME`")
	outputFlag(f, &format, "`text|json`")
	return cmd
}

// runDoctor prints each check as soon as it is known, as JSON all at the end.
func runDoctor(ctx context.Context, sh shell, target cluster.Target, profile string, asJSON bool) error {
	options, records, err := doctorOptions(ctx, sh, target, profile)
	if err != nil {
		return err
	}
	show := func(c doctor.Check) {
		if !asJSON {
			printCheck(sh.data, c)
		}
	}
	for _, c := range records {
		show(c)
	}
	checks := append(records, doctor.Examine(ctx, options, show)...)
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	verdict := doctor.Worst(checks)
	if asJSON {
		err = output.JSON(sh.out, struct {
			Verdict doctor.Verdict `json:"verdict"` // the worst
			Checks  []doctor.Check `json:"checks"`
		}{verdict, checks})
	}
	if err == nil && verdict == doctor.Fail {
		return errReported(exitMissing) // the lines say what fails, and what cures it
	}
	return err
}

// printCheck prints the verdict, what was judged and how it is, and below it the cure.
func printCheck(w io.Writer, c doctor.Check) {
	fmt.Fprintf(w, "%-5s %s: %s\n", c.Verdict, output.OneLine(c.Name), output.OneLine(c.Detail))
	if c.Cure != "" {
		fmt.Fprintf(w, "      cure: %s\n", output.OneLine(c.Cure))
	}
}

// doctorOptions are what up itself would use, and the checks of what this machine has
// recorded.
func doctorOptions(ctx context.Context, sh shell, target cluster.Target, profile string) (doctor.Options, []doctor.Check, error) {
	root, err := state.Root(sh.env)
	if err != nil {
		return doctor.Options{}, nil, err
	}
	cache, err := cacheRoot()
	if err != nil {
		return doctor.Options{}, nil, err
	}
	packer, err := newPacker(sh)
	if err != nil {
		return doctor.Options{}, nil, err
	}
	all, err := providers(sh, "")
	if err != nil {
		return doctor.Options{}, nil, err
	}
	records, held := checkRecords(ctx, root)
	return doctor.Options{
		Runner: sh.runner, Providers: all, Target: target, Profile: profile, Packer: packer,
		StateDir: root, CacheDir: cache, Held: held,
		Ports: []portforward.Port{
			{Number: portforward.PortWeb, Flag: "--web-port", Command: "hellox up"},
			{Number: portforward.PortMQTT, Flag: "--mqtt-port", Command: "hellox up"},
		},
	}, records, nil
}

// checkRecords judges what this machine has recorded, and returns who holds which
// port.
func checkRecords(ctx context.Context, root string) (checks []doctor.Check, held map[int]string) {
	held = map[int]string{}
	all, err := state.List(root)
	if err != nil {
		return []doctor.Check{{Name: "records", Verdict: doctor.Fail, Detail: err.Error(), Cure: cmp.Or(hintOf(err), "ls -ld "+args.Quote(root))}}, held
	}
	for _, instance := range all {
		p := instance.Process(ctx)
		c := doctor.Check{Name: instance.String(), Verdict: doctor.OK, Detail: "recorded; no process of this machine holds it"}
		switch {
		case instance.Unreadable != nil:
			c.Verdict, c.Detail = doctor.Fail, instance.Unreadable.Error()
			c.Cure = cmp.Or(hintOf(instance.Unreadable), "hellox down "+instance.Flags())
		case p.Answers:
			c.Detail = fmt.Sprintf("held by process %d", p.PID)
			for _, at := range []string{instance.Owner.Web, instance.Owner.MQTT} {
				if port, err := portOf(at); err == nil {
					held[port] = fmt.Sprintf("%s (process %d)", instance, p.PID)
				}
			}
		case p.Running:
			c.Verdict, c.Detail, c.Cure = doctor.Warn, describe(p), heldHint(instance.Installation, p)
		}
		checks = append(checks, c)
	}
	return checks, held
}

// portOf returns the port of a URL.
func portOf(address string) (int, error) {
	at, err := url.Parse(address)
	if err != nil {
		return 0, err
	}
	return strconv.Atoi(at.Port())
}
