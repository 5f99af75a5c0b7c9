package portforward

import (
	"context"
	"fmt"
	"time"

	"github.com/shirou/gopsutil/v4/net"
	"github.com/shirou/gopsutil/v4/process"
)

// portOwner names the program that listens on a TCP port of this machine:
// "nginx (process 4242)". It is for a message: a program that cannot be found is
// "another program".
func portOwner(ctx context.Context, port int) string {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	const unknown = "another program"
	connections, err := net.ConnectionsWithContext(ctx, "tcp")
	if err != nil {
		return unknown
	}
	for _, c := range connections {
		if c.Status != "LISTEN" || int(c.Laddr.Port) != port || c.Pid == 0 {
			continue
		}
		p, err := process.NewProcessWithContext(ctx, c.Pid)
		if err != nil {
			return fmt.Sprintf("process %d", c.Pid)
		}
		name, err := p.NameWithContext(ctx)
		if err != nil {
			return fmt.Sprintf("process %d", c.Pid)
		}
		return fmt.Sprintf("%s (process %d)", name, c.Pid)
	}
	return unknown
}
