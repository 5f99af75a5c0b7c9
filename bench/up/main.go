package main

import (
	"context"
	"flag"
	"os"

	"hellox/bench/rig"
)

func main() {
	var b bench
	flag.StringVar(&b.cluster, "cluster", "hellox", "kind cluster to measure on")
	flag.IntVar(&b.rounds, "rounds", 5, "rounds; the table holds their medians")
	flag.StringVar(&b.skaffold, "skaffold", "", "path of skaffold, to measure it with the same change")
	flag.BoolVar(&b.onlyTLS, "tls", false, "measure, by turns, an up with TLS and one with the component plain, and nothing else")
	flag.Parse()
	rig.Main(b.run)
}

// run measures everything, and removes what it brought up whatever happens.
func (b *bench) run(ctx context.Context) (err error) {
	if err := b.prepare(ctx); err != nil {
		return err
	}
	defer os.RemoveAll(b.dir)
	defer func() {
		if cleared := b.clear(context.WithoutCancel(ctx)); err == nil {
			err = cleared
		}
	}()
	measures := []func(context.Context) error{
		b.starts,
		b.firstUps,
		b.idleUps,
		b.changedUps,
		skaffold{b}.ups,
		b.memory,
	}
	if b.onlyTLS {
		measures = []func(context.Context) error{trust{b}.ups}
	}
	for _, measure := range measures {
		if err := measure(ctx); err != nil {
			return err
		}
	}
	b.figures.print(os.Stdout)
	return nil
}
