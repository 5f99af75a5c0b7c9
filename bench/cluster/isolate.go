package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// What this program tells itself when it runs itself again: in which folder it is, as
// which node it is to become hellox.
const (
	isolatedEnv = "HELLOX_BENCH_CLUSTER_DIR"
	helloxEnv   = "HELLOX_BENCH_CLUSTER_PROGRAM"
	nodeEnv     = "HELLOX_BENCH_CLUSTER_NODE"
)

// The network in the namespace: this program and the receivers are its first address.
const (
	bridge   = "br0"
	gateway  = "10.99.0.1"
	diskSize = 8 << 30 // of the sparse file under a node's disk: JetStream reserves what streams may hold
)

func nodeIP(i int) string { return fmt.Sprintf("10.99.0.%d", 11+i) }

// noIsolation returns why nodes cannot be cut off nor disks filled, or "".
func noIsolation() string {
	if os.Geteuid() != 0 {
		return "it needs root, for a network and disks of its own"
	}
	for _, tool := range []string{"ip", "mount", "mkfs.ext4"} {
		if _, err := exec.LookPath(tool); err != nil {
			return "there is no " + tool
		}
	}
	probe := exec.Command("true")
	probe.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET | syscall.CLONE_NEWNS}
	if err := probe.Run(); err != nil {
		return "there are no new namespaces: " + err.Error()
	}
	return ""
}

func canIsolate() bool { return noIsolation() == "" }

// isolate runs this program again in namespaces of its own, until it ends.
func isolate(ctx context.Context, c config) error {
	again := exec.CommandContext(ctx, "/proc/self/exe", os.Args[1:]...)
	again.Env = append(os.Environ(), isolatedEnv+"="+c.dir, helloxEnv+"="+c.hellox)
	again.Stdout, again.Stderr = os.Stdout, os.Stderr
	again.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET | syscall.CLONE_NEWNS, Pdeathsig: syscall.SIGKILL}
	again.Cancel = func() error { return again.Process.Signal(syscall.SIGTERM) }
	if err := again.Run(); err != nil {
		return errors.New("it failed, see above")
	}
	return nil
}

// isolated prepares the namespaces that this program is in.
func isolated(ctx context.Context) (hellox, dir string, err error) {
	if err := syscall.Mount("", "/", "", syscall.MS_REC|syscall.MS_PRIVATE, ""); err != nil {
		return "", "", fmt.Errorf("keep mounts to this namespace: %w", err)
	}
	for _, line := range []string{
		"link set lo up", "link add " + bridge + " type bridge", "addr add " + gateway + "/24 dev " + bridge, "link set " + bridge + " up",
	} {
		if err := ip(ctx, line); err != nil {
			return "", "", err
		}
	}
	return os.Getenv(helloxEnv), os.Getenv(isolatedEnv), nil
}

func ip(ctx context.Context, line string) error {
	if out, err := exec.CommandContext(ctx, "ip", strings.Fields(line)...).CombinedOutput(); err != nil {
		return fmt.Errorf("ip %s: %w: %s", line, err, out)
	}
	return nil
}

// A port is a node's cable to the bridge.
type port struct{ name string }

// connect gives a process that waits in enterNode its network. A node has the same
// address each time, that of its interface too: the others remember it.
func connect(ctx context.Context, node, serial int, child *exec.Cmd, ready *os.File) (port, error) {
	defer ready.Close()
	p := port{fmt.Sprintf("node%d-%d", node, serial)}
	for _, line := range []string{
		fmt.Sprintf("link add %s type veth peer name eth0 address 02:00:00:00:00:0%d netns %d", p.name, node+1, child.Process.Pid),
		fmt.Sprintf("link set %s master %s up", p.name, bridge),
	} {
		if err := ip(ctx, line); err != nil {
			return p, err
		}
	}
	_, err := ready.WriteString("\n")
	return p, err
}

// cut has the bridge drop what comes from the node and goes to it; join ends that.
func (p port) cut(ctx context.Context) error  { return ip(ctx, "link set "+p.name+" nomaster") }
func (p port) join(ctx context.Context) error { return ip(ctx, "link set "+p.name+" master "+bridge) }

// enterNode waits for this process's network, and becomes hellox.
func enterNode(node string) error {
	if _, err := bufio.NewReader(os.Stdin).ReadString('\n'); err != nil {
		return err
	}
	i, err := strconv.Atoi(node)
	if err != nil {
		return err
	}
	for _, line := range []string{"link set lo up", "addr add " + nodeIP(i) + "/24 dev eth0", "link set eth0 up"} {
		if err := ip(context.Background(), line); err != nil {
			return err
		}
	}
	return syscall.Exec(os.Args[1], os.Args[1:], os.Environ())
}

// mountDisk makes a disk of its own at dir.
func mountDisk(ctx context.Context, dir string) error {
	image := dir + ".img"
	f, err := os.Create(image)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := errors.Join(f.Truncate(diskSize), os.MkdirAll(dir, 0o700)); err != nil {
		return err
	}
	for _, args := range [][]string{{"mkfs.ext4", "-q", "-F", "-m", "0", image}, {"mount", "-o", "loop", image, dir}} {
		if out, err := exec.CommandContext(ctx, args[0], args[1:]...).CombinedOutput(); err != nil {
			return fmt.Errorf("%s: %w: %s", strings.Join(args, " "), err, out)
		}
	}
	return nil
}

// fill takes all room of the disk at dir; free gives it back.
func fill(dir string) (free func() error, err error) {
	path := filepath.Join(dir, "filler")
	f, err := os.Create(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	end := int64(0)
	for size := int64(1 << 30); size >= 1<<10; {
		err := unix.Fallocate(int(f.Fd()), 0, end, size)
		switch {
		case err == nil:
			end += size
		case errors.Is(err, unix.ENOSPC):
			size /= 2
		case !errors.Is(err, unix.EINTR):
			return nil, fmt.Errorf("fill %s: %w", dir, err)
		}
	}
	return func() error { return os.Remove(path) }, nil
}
