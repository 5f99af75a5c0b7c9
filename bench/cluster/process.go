package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"sync"
	"syscall"
	"time"
)

// A process is one of hellox that is killed and started again.
type process struct {
	name   string
	hellox string
	args   []string
	node   int // in a network of its own, as that node; -1: in this one's
	log    *logWriter
	port   port // of a node in a network of its own

	starts  int
	cmd     *exec.Cmd
	ended   chan struct{}
	wanted  bool  // it is to end
	outcome error // of its end; set before ended is closed
}

// A logWriter keeps what a process logs in a file, and when it became the indexer.
type logWriter struct {
	name    string
	file    *os.File
	verbose bool

	mu      sync.Mutex
	indexer time.Time
}

func (l *logWriter) Write(b []byte) (int, error) {
	if bytes.Contains(b, []byte("this receiver is the indexer")) {
		l.mu.Lock()
		l.indexer = time.Now()
		l.mu.Unlock()
	}
	if l.verbose {
		fmt.Fprintf(os.Stderr, "%s: %s", l.name, b)
	}
	return l.file.Write(b)
}

func (l *logWriter) indexerSince() time.Time {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.indexer
}

// start starts p; it ends with this process at the latest.
func (p *process) start(ctx context.Context) error {
	p.cmd = exec.Command(p.hellox, p.args...)
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	p.cmd.Stdout, p.cmd.Stderr = p.log, p.log
	var ready *os.File
	if p.node >= 0 {
		p.cmd.Path, p.cmd.Args = "/proc/self/exe", append([]string{"cluster", p.hellox}, p.args...)
		p.cmd.Env = append(os.Environ(), nodeEnv+"="+strconv.Itoa(p.node))
		p.cmd.SysProcAttr.Cloneflags = syscall.CLONE_NEWNET
		read, write, err := os.Pipe()
		if err != nil {
			return err
		}
		defer read.Close()
		p.cmd.Stdin, ready = read, write
	}
	p.ended, p.wanted, p.outcome = make(chan struct{}), false, nil
	if err := p.cmd.Start(); err != nil {
		return fmt.Errorf("start %s: %w", p.name, err)
	}
	go func() {
		defer close(p.ended)
		p.outcome = p.cmd.Wait()
	}()
	if p.node >= 0 {
		p.starts++
		var err error
		if p.port, err = connect(ctx, p.node, p.starts, p.cmd, ready); err != nil {
			return fmt.Errorf("start %s: %w", p.name, err)
		}
	}
	return nil
}

// kill ends p as a power cut of its machine does.
func (p *process) kill() {
	p.wanted = true
	_ = p.cmd.Process.Kill() // an error says that it has ended
	<-p.ended
}

// term ends p by SIGTERM, and returns an error if it was not a good end.
func (p *process) term() error {
	p.wanted = true
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-p.ended:
	case <-time.After(15 * time.Second):
		p.kill()
		return fmt.Errorf("%s did not end by SIGTERM within 15 s", p.name)
	}
	if p.outcome != nil {
		return fmt.Errorf("%s ended by SIGTERM with %w", p.name, p.outcome)
	}
	return nil
}

// gone returns an error if p has ended by itself.
func (p *process) gone() error {
	select {
	case <-p.ended:
		if !p.wanted {
			return fmt.Errorf("%s ended by itself: %v", p.name, p.outcome)
		}
	default:
	}
	return nil
}
