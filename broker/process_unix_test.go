//go:build unix

package broker

import (
	"net"
	"os"
	"os/exec"
	"os/signal"
	"syscall"
	"time"
)

// hogDescriptors makes a child broker use up its file descriptors on SIGUSR1,
// and give them back on SIGUSR2.
func hogDescriptors() {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGUSR1, syscall.SIGUSR2)
	go func() {
		var hog []int
		for s := range signals {
			for _, fd := range hog {
				syscall.Close(fd)
			}
			hog = nil
			for s == syscall.SIGUSR1 {
				fd, err := syscall.Open(os.DevNull, syscall.O_RDONLY, 0)
				if err != nil {
					break
				}
				hog = append(hog, fd)
			}
			os.Stdout.WriteString(s.String() + "\n")
		}
	}()
}

// ownGroup makes a command the head of a process group, and killGroup ends all
// of it: a traced child outlives its tracer.
func ownGroup(c *exec.Cmd) { c.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} }

func killGroup(p *os.Process) { syscall.Kill(-p.Pid, syscall.SIGKILL) }

// descriptors checks that a broker in a process of its own lets a client in,
// after its descriptors were used up if short.
func (a *arena) descriptors(short bool) {
	t := a.t
	p := newProcess(t, t.TempDir())
	p.env = []string{"HELLOX_TEST_NOFILE=128"}
	p.start(t)
	if !short {
		connect(t, p.addr, hello{id: "first"}).disconnect()
		return
	}
	p.signal(t, syscall.SIGUSR1)
	waiting, err := net.Dial("tcp", p.addr.String()) // the kernel takes it; accept fails
	if err != nil {
		t.Fatal(err)
	}
	defer waiting.Close()
	c := &client{t: t, c: waiting}
	c.send(hello{id: "waiting"}.packet())
	wait(t, "accept fails", func() bool { return p.said("accept failed") })
	p.signal(t, syscall.SIGUSR2)
	connect(t, p.addr, hello{id: "after"})
}

func (p *process) signal(t interface{ Fatal(...any) }, s syscall.Signal) {
	if err := p.cmd.Process.Signal(s); err != nil {
		t.Fatal(err)
	}
	select {
	case <-p.lines:
	case <-time.After(testTimeout):
		t.Fatal("the child does not answer the signal")
	}
}

func limitDescriptors(n uint64) error {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return err
	}
	limit.Cur = n
	return syscall.Setrlimit(syscall.RLIMIT_NOFILE, &limit)
}
