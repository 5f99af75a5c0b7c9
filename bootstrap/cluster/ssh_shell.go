package cluster

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"time"

	"golang.org/x/crypto/ssh"

	"hellox/bootstrap/run"
)

// An SSHShell runs commands on nodes that are virtual machines, as a user with
// the right to sudo. It requests no pty, which would change line ends and take
// a 0x03 in an archive for Ctrl-C.
type SSHShell struct {
	User    string
	Address func(node string) (hostPort string, err error)
	Key     func(ctx context.Context, node string) ([]byte, error) // PEM

	mu   sync.Mutex
	keys map[string]ssh.Signer // by node; to ask minikube takes half a second
}

// signer returns the node's key.
func (s *SSHShell) signer(ctx context.Context, node string) (ssh.Signer, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if signer, ok := s.keys[node]; ok {
		return signer, nil
	}
	pem, err := s.Key(ctx, node)
	if err != nil {
		return nil, err
	}
	signer, err := ssh.ParsePrivateKey(pem)
	if err != nil {
		return nil, err
	}
	if s.keys == nil {
		s.keys = map[string]ssh.Signer{}
	}
	s.keys[node] = signer
	return signer, nil
}

// Run implements Shell.
func (s *SSHShell) Run(ctx context.Context, node string, stdin io.Reader, command ...string) (run.Output, error) {
	client, err := s.dial(ctx, node)
	if err != nil {
		return run.Output{}, fmt.Errorf("ssh to node %s: %w", node, err)
	}
	// Closing the connection also ends a session whose context has ended.
	defer context.AfterFunc(ctx, func() { client.Close() })()
	defer client.Close()
	session, err := client.NewSession()
	if err != nil {
		return run.Output{}, fmt.Errorf("ssh to node %s: %w", node, err)
	}
	var stdout, stderr bytes.Buffer
	session.Stdin, session.Stdout, session.Stderr = stdin, &stdout, &stderr
	err = session.Run("sudo -n " + Quote(command))
	out := run.Output{Stdout: stdout.String(), Stderr: stderr.String()}
	if ctx.Err() != nil {
		return out, context.Cause(ctx)
	}
	if exit := (*ssh.ExitError)(nil); errors.As(err, &exit) {
		return out, &run.ExitError{Program: command[0], Code: exit.ExitStatus(), Output: out}
	}
	if err != nil {
		return out, fmt.Errorf("ssh to node %s: %w", node, err)
	}
	return out, nil
}

func (s *SSHShell) dial(ctx context.Context, node string) (*ssh.Client, error) {
	address, err := s.Address(node)
	if err != nil {
		return nil, err
	}
	signer, err := s.signer(ctx, node)
	if err != nil {
		return nil, err
	}
	conn, err := (&net.Dialer{Timeout: 5 * time.Second}).DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	defer stop()
	c, channels, requests, err := ssh.NewClientConn(conn, address, &ssh.ClientConfig{
		User: s.User,
		Auth: []ssh.AuthMethod{ssh.PublicKeys(signer)},
		// minikube creates its machines' host keys, does not publish them and
		// does not check them either. What is sent is not secret.
		HostKeyCallback: ssh.InsecureIgnoreHostKey(),
		Timeout:         5 * time.Second,
	})
	if err != nil {
		conn.Close()
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		return nil, err
	}
	return ssh.NewClient(c, channels, requests), nil
}

// Quote quotes the words of a command for the node's shell.
func Quote(command []string) string {
	words := make([]string, len(command))
	for i, w := range command {
		words[i] = "'" + strings.ReplaceAll(w, "'", `'\''`) + "'"
	}
	return strings.Join(words, " ")
}
