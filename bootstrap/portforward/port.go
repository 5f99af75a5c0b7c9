package portforward

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"syscall"

	"hellox/bootstrap/peer"
	"hellox/bootstrap/step"
)

// A Port is the local port that a forward should listen on.
type Port struct {
	Number  int    // 0: any free one
	Asked   bool   // the user asked for it, so no other is tried
	Flag    string // --web-port, for the hint
	Command string // what takes the flag, for the hint: hellox up --namespace two
}

// portsTried is how many ports after the preferred one are tried.
const portsTried = 50

// ListenAll listens on the ports, each as Listen does, of a command that takes their flags.
// Which of them are taken is one error, whose hint has all that were asked for: those that
// are free as they are.
func ListenAll(ctx context.Context, command string, ports ...Port) ([]*Listener, error) {
	var all []*Listener
	closeAll := func() {
		for _, l := range all {
			l.Close()
		}
	}
	var taken []string
	hint := command
	for _, p := range ports {
		l, err := p.Listen(ctx)
		e, isTaken := errors.AsType[*step.Error](err)
		switch {
		case isTaken:
			taken = append(taken, e.Sentence)
			hint += " " + p.Flag + " 0"
			continue
		case err != nil:
			closeAll()
			return nil, err
		case p.Asked:
			hint += fmt.Sprintf(" %s %d", p.Flag, p.Number)
		}
		all = append(all, l)
	}
	if len(taken) > 0 {
		closeAll()
		return nil, &step.Error{Kind: step.Missing, Sentence: strings.Join(taken, ", and "), Hint: hint}
	}
	return all, nil
}

// Listen listens on the port of both loopback addresses. If the port is taken
// and was not asked for, the next free one is taken instead; Moved then says why.
func (p Port) Listen(ctx context.Context) (*Listener, error) {
	listeners, err := listenLoopback(ctx, p.Number)
	if err == nil {
		return &Listener{Listeners: listeners}, nil
	}
	if !errors.Is(err, syscall.EADDRINUSE) {
		return nil, err
	}
	taken := fmt.Sprintf("port %d is taken by %s", p.Number, portOwner(ctx, p.Number))
	if p.Asked {
		return nil, &step.Error{
			Kind:     step.Missing,
			Sentence: taken,
			Hint:     p.Command + " " + p.Flag + " 0",
		}
	}
	for next := p.Number + 1; next <= min(p.Number+portsTried, 65535); next++ {
		listeners, err = listenLoopback(ctx, next)
		if err == nil {
			return &Listener{listeners, fmt.Sprintf("%s, using %d", taken, next)}, nil
		}
		if !errors.Is(err, syscall.EADDRINUSE) {
			return nil, err
		}
	}
	return nil, &step.Error{
		Kind:     step.Missing,
		Sentence: fmt.Sprintf("%s, and so are the %d after it", taken, portsTried),
		Hint:     p.Command + " " + p.Flag + " 0",
	}
}

// A Listener listens on a local port.
type Listener struct {
	Listeners []net.Listener // on 127.0.0.1 and, where the machine has it, on ::1
	// Moved says in one sentence why the port is not the preferred one; "" if it
	// is.
	Moved string
}

// Close ends listening.
func (l *Listener) Close() {
	for _, ln := range l.Listeners {
		ln.Close()
	}
}

// listenLoopback listens on one port of 127.0.0.1 and, where the machine has
// it, of ::1: a browser may take localhost for either, and must not reach
// another program on one of them. Connections of other users are closed, where the
// system can tell (package peer). The error matches syscall.EADDRINUSE if the
// port is taken on either.
func listenLoopback(ctx context.Context, port int) ([]net.Listener, error) {
	var config net.ListenConfig
	for attempt := 0; ; attempt++ {
		four, err := config.Listen(ctx, "tcp4", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
		if err != nil {
			return nil, portError(port, err)
		}
		number := four.Addr().(*net.TCPAddr).Port
		six, err := config.Listen(ctx, "tcp6", net.JoinHostPort("::1", strconv.Itoa(number)))
		if err == nil {
			return []net.Listener{peer.OnlyMine(four), peer.OnlyMine(six)}, nil
		}
		err = portError(number, err)
		if !errors.Is(err, syscall.EADDRINUSE) {
			return []net.Listener{peer.OnlyMine(four)}, nil // there is no ::1 here
		}
		four.Close()
		// The port that the system chose is free on one address only: get
		// another.
		if port != 0 || attempt == portsTried {
			return nil, err
		}
	}
}

// portError makes errors of a taken port match syscall.EADDRINUSE on every
// system, and names the port in all others.
func portError(port int, err error) error {
	if addressInUse(err) {
		return fmt.Errorf("listen on port %d: %w", port, syscall.EADDRINUSE)
	}
	return fmt.Errorf("listen on port %d: %w", port, err)
}
