package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// A trust is a bench that measures what TLS and identities cost an up.
type trust struct{ *bench }

// ups measures, by turns, the same with TLS and identities, as every installation has
// them, and with the component plain.
func (b trust) ups(ctx context.Context) error {
	plain := filepath.Join(b.dir, "plain")
	if _, err := output(b.command(ctx, b.programs[0], "manifests", "--eject", plain)); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(plain, "kustomization.yaml"), []byte(plainKustomization), 0o600); err != nil {
		return err
	}
	ways := []struct {
		name string
		args []string
	}{{name: "TLS"}, {name: "plain", args: []string{"--kustomize", plain}}}
	figures := map[string]*parts{}
	for _, way := range ways {
		figures[way.name] = newParts()
	}
	for round := range b.rounds {
		for i := range ways {
			way := ways[(i+round)%len(ways)] // neither is always the first
			fmt.Fprintln(os.Stderr, "round", round+1, way.name)
			if err := b.round(ctx, figures[way.name], b.programs[round+1], way.args); err != nil {
				return err
			}
		}
	}
	for _, way := range ways {
		figures[way.name].figures(way.name+": ", &b.figures)
	}
	var more []float64
	for i, with := range figures["TLS"].values[rollOut] {
		more = append(more, with-figures["plain"].values[rollOut][i])
	}
	b.figures.add("TLS: more than plain in the same round, "+rollOut, "s", "<= 0.3", more...)
	return nil
}

// rollOut is the figure that TLS must not make much larger.
const rollOut = "changed program, roll-out"

// round takes an up on an empty cluster, one that changes nothing, and one with a
// changed program, until its first message is seen.
func (b trust) round(ctx context.Context, to *parts, program string, args []string) error {
	if err := b.down(ctx); err != nil {
		return err
	}
	for _, one := range []struct{ name, program string }{
		{"first up", b.programs[0]}, {"nothing changed", b.programs[0]}, {"changed program", program},
	} {
		boot, began := "", time.Now()
		if one.program != b.programs[0] {
			var err error
			if boot, err = b.boot(ctx); err != nil {
				return err
			}
			began = time.Now()
		}
		events, took, err := b.up(ctx, one.program, args...)
		if err != nil {
			return err
		}
		to.add(one.name, took.Seconds())
		for _, e := range events {
			if e.State == "done" && (e.Step == "apply" || e.Step == "roll-out") {
				to.add(one.name+", "+e.Step, e.MS/1000)
			}
		}
		if boot != "" {
			if err := b.awaitBoot(ctx, boot); err != nil {
				return err
			}
			to.add("changed program until up has ended and its message was seen", time.Since(began).Seconds())
		}
	}
	return nil
}
