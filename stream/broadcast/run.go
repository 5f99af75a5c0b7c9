package broadcast

import (
	"context"
	"fmt"
)

// Run runs the broadcasters until ctx ends. Each publishes its text as soon as it
// is connected for the first time, and from then on after each random time,
// whether the broker is there or not: what is not acknowledged is sent again in
// order. When ctx ends they send what is
// pending, publish that they are gone, and Run returns nil, within two seconds.
//
// An error is of the options, of the metrics or of too few open files; a
// broker that is not there is waited for.
func Run(ctx context.Context, o Options) error {
	if err := o.Check(); err != nil {
		return fmt.Errorf("broadcast: %w", err)
	}
	f, err := newFleet(o)
	if err != nil {
		return fmt.Errorf("broadcast: %w", err)
	}
	f.run(ctx)
	return nil
}
