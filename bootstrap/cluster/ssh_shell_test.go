package cluster

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/pem"
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"hellox/bootstrap/bootstraptest"
	"hellox/bootstrap/run/runtest"
)

// A machine is a node with an ssh server that runs what it is told in a
// shell, where the commands of a runtime are scripts over a folder.
type machine struct {
	t    *testing.T
	dir  string
	addr string
	key  []byte // the user's, PEM
	wg   sync.WaitGroup
}

const (
	sudoShim = `#!/bin/sh
[ "$1" = -n ] && shift
exec "$@"
`
	ctrShim = `#!/bin/sh
[ "$*" = "-n k8s.io images import -" ] || { echo "ctr: $*" >&2; exit 64; }
cat >"$STORE/archive"
tar -tf "$STORE/archive" >/dev/null 2>&1 || { rm "$STORE/archive"; echo "ctr: archive/tar: invalid tar header" >&2; exit 1; }
`
	crictlShim = `#!/bin/sh
[ -f "$STORE/archive" ] || { echo "level=error msg=\"no such image \\\"$4\\\" present\"" >&2; exit 1; }
echo "{\"status\":{\"id\":\"$(tar -tf "$STORE/archive" | grep ^sha256:)\"}}"
`
)

func newMachine(t *testing.T) *machine {
	t.Helper()
	if _, err := exec.LookPath("sh"); err != nil {
		t.Skip("no shell for the node")
	}
	m := &machine{t: t, dir: t.TempDir()}
	for name, text := range map[string]string{"sudo": sudoShim, "ctr": ctrShim, "podman": strings.ReplaceAll(strings.Replace(ctrShim, "-n k8s.io images import -", "load --quiet", 1), "ctr:", "podman:"), "crictl": crictlShim} {
		bootstraptest.Must(os.WriteFile(filepath.Join(m.dir, name), []byte(text), 0o700))
	}
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	block, err := ssh.MarshalPrivateKey(private, "")
	if err != nil {
		t.Fatal(err)
	}
	m.key = pem.EncodeToMemory(block)
	host, err := ssh.NewSignerFromKey(private)
	if err != nil {
		t.Fatal(err)
	}
	known, err := ssh.NewPublicKey(public)
	if err != nil {
		t.Fatal(err)
	}
	config := &ssh.ServerConfig{PublicKeyCallback: func(c ssh.ConnMetadata, key ssh.PublicKey) (*ssh.Permissions, error) {
		if c.User() != "docker" || !bytes.Equal(key.Marshal(), known.Marshal()) {
			return nil, errors.New("not the user")
		}
		return nil, nil
	}}
	config.AddHostKey(host)
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	m.addr = ln.Addr().String()
	m.wg.Go(func() {
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			m.wg.Go(func() { m.serve(conn, config) })
		}
	})
	t.Cleanup(func() { ln.Close(); m.wg.Wait() })
	return m
}

func (m *machine) serve(conn net.Conn, config *ssh.ServerConfig) {
	defer conn.Close()
	_, channels, requests, err := ssh.NewServerConn(conn, config)
	if err != nil {
		return
	}
	m.wg.Go(func() { ssh.DiscardRequests(requests) })
	for c := range channels {
		channel, requests, err := c.Accept()
		if err != nil {
			return
		}
		m.wg.Go(func() { m.session(channel, requests) })
	}
}

func (m *machine) session(channel ssh.Channel, requests <-chan *ssh.Request) {
	defer channel.Close()
	for r := range requests {
		if r.Type != "exec" {
			if r.Type == "pty-req" {
				m.t.Error("a pty was asked for, which corrupts archives")
			}
			_ = r.Reply(false, nil)
			continue
		}
		_ = r.Reply(true, nil)
		var command struct{ Line string }
		_ = ssh.Unmarshal(r.Payload, &command)
		// The command ends with its connection.
		ctx, cancel := context.WithCancel(context.Background())
		defer cancel()
		m.wg.Go(func() {
			ssh.DiscardRequests(requests)
			cancel()
		})
		cmd := exec.CommandContext(ctx, "sh", "-c", command.Line)
		cmd.WaitDelay = time.Second
		cmd.Env = append(os.Environ(), "PATH="+m.dir+":"+os.Getenv("PATH"), "STORE="+m.dir)
		runtest.Bind(cmd)
		cmd.Stdin, cmd.Stdout, cmd.Stderr = channel, channel, channel.Stderr()
		var status struct{ Code uint32 }
		if exit := (*exec.ExitError)(nil); errors.As(cmd.Run(), &exit) {
			status.Code = uint32(exit.ExitCode())
		}
		_, _ = channel.SendRequest("exit-status", false, ssh.Marshal(status))
		return
	}
}

func (m *machine) shell(asked *int) *SSHShell {
	return &SSHShell{
		User:    "docker",
		Address: func(string) (string, error) { return m.addr, nil },
		Key:     func(context.Context, string) ([]byte, error) { *asked++; return m.key, nil },
	}
}

func (m *machine) images(asked *int, runtime string) func(context.Context) (NodeImages, error) {
	images := RuntimeImages{Shell: m.shell(asked), Runtime: runtime}
	return func(context.Context) (NodeImages, error) { return images, nil }
}

// An archive arrives byte for byte, whatever is in it, and each runtime is
// told in its own words.
func TestLoadOverSSH(t *testing.T) {
	for _, runtime := range []string{"containerd", "cri-o"} {
		t.Run(runtime, func(t *testing.T) {
			m, asked := newMachine(t), 0
			c := &Cluster{Nodes: []Node{{Name: "boxed"}}, images: m.images(&asked, runtime)}
			var all strings.Builder
			for i := range 300_000 {
				all.WriteByte(byte(i * 7))
			}
			img := bootstraptest.PackBytes(t, all.String(), "amd64")
			var loads []bool
			for range 2 {
				if err := c.LoadAll(t.Context(), img, func(loaded bool) { loads = append(loads, loaded) }); err != nil {
					t.Fatal(err)
				}
			}
			if len(loads) != 2 || !loads[0] || loads[1] {
				t.Errorf("loads %v", loads)
			}
			got, err := os.ReadFile(filepath.Join(m.dir, "archive"))
			if err != nil {
				t.Fatal(err)
			}
			var want bytes.Buffer
			if err := img.WriteArchive(t.Context(), &want, true); err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(got, want.Bytes()) {
				t.Errorf("%d bytes were sent, %d arrived, not the same", want.Len(), len(got))
			}
			if asked != 1 {
				t.Errorf("the key was asked for %d times", asked)
			}
			images, err := c.images(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if _, err := images.Load(t.Context(), "boxed", img.Identity(), strings.NewReader("noise")); err == nil || !strings.Contains(err.Error(), "invalid tar header") {
				t.Errorf("a broken archive: %v", err)
			}
		})
	}
}

// A loader that takes an archive and keeps nothing is found out.
func TestLoadDoesNotBelieveTheLoader(t *testing.T) {
	m, asked := newMachine(t), 0
	bootstraptest.Must(os.WriteFile(filepath.Join(m.dir, "ctr"), []byte("#!/bin/sh\ncat >/dev/null\n"), 0o700))
	c := &Cluster{images: m.images(&asked, "containerd")}
	_, err := c.Load(t.Context(), "boxed", bootstraptest.PackBytes(t, "an executable", "amd64"))
	if err == nil || !strings.Contains(err.Error(), "load image into node boxed: its runtime took hellox.local/hellox:") {
		t.Errorf("%v", err)
	}
}

// A loader that stops reading in the middle, and a run that is interrupted
// there, leave nothing waiting.
func TestLoadEndsInTheMiddle(t *testing.T) {
	m, asked := newMachine(t), 0
	img := bootstraptest.PackBytes(t, strings.Repeat("an executable", 1_000_000), "amd64")
	c := &Cluster{images: m.images(&asked, "containerd")}
	bootstraptest.Must(os.WriteFile(filepath.Join(m.dir, "ctr"), []byte("#!/bin/sh\nhead -c 1000 >/dev/null\necho 'no space left on device' >&2\nexit 1\n"), 0o700))
	if _, err := c.Load(t.Context(), "boxed", img); err == nil || !strings.Contains(err.Error(), "no space left on device") {
		t.Errorf("%v", err)
	}
	bootstraptest.Must(os.WriteFile(filepath.Join(m.dir, "ctr"), []byte("#!/bin/sh\necho >\"$STORE/reading\"\nexec sleep 60\n"), 0o700))
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	go func() {
		defer cancel()
		bootstraptest.WaitFor(t, "the loader", func() bool {
			_, err := os.Stat(filepath.Join(m.dir, "reading"))
			return err == nil
		})
	}()
	if _, err := c.Load(ctx, "boxed", img); !errors.Is(err, context.Canceled) {
		t.Errorf("interrupted: %v", err)
	}
}

func TestQuote(t *testing.T) {
	if _, err := exec.LookPath("sh"); err != nil {
		t.Skip("no shell for the words")
	}
	words := []string{"sh", "-c", `echo "$1"; exit 0`, "sh", "it's", "", "a b", "$HOME", "`x`", "\\"}
	out, err := exec.Command("sh", "-c", "printf '%s\\0' "+Quote(words)).Output()
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.Split(strings.TrimSuffix(string(out), "\x00"), "\x00"); strings.Join(got, "|") != strings.Join(words, "|") {
		t.Errorf("%q came out of %q", got, words)
	}
}
