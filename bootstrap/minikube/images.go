package minikube

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"hellox/bootstrap/cluster"
	"hellox/bootstrap/run"
	"hellox/bootstrap/step"
)

// Images implements Provider. The images of the profile's nodes are reached
// through Docker's own API where minikube gives it out, which is one node with the
// docker runtime; else the runtime's commands on each node, reached through
// the Docker that the nodes are containers of, or through ssh. Then `minikube
// docker-env` is never asked: with containerd it starts helpers in the node
// and edits the user's ssh files.
func (m *Provider) Images(ctx context.Context, c cluster.Candidate, runtime string) (cluster.NodeImages, error) {
	p := c.Detail.(profile)
	if p.singleDocker() {
		return m.docker(ctx, c)
	}
	if p.Config.Driver == "docker" {
		return cluster.RuntimeImages{Shell: cluster.EngineShell{Runner: m.runner, Engine: "docker"}, Runtime: runtime}, nil
	}
	addresses := map[string]string{}
	for i, n := range p.Config.Nodes {
		addresses[p.nodeName(i)] = net.JoinHostPort(n.IP, "22")
	}
	// Some drivers (qemu's own network, podman) have machines whose address
	// only minikube knows a way to.
	dialing, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	conn, err := (&net.Dialer{}).DialContext(dialing, "tcp", addresses[p.nodeName(0)])
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	if err != nil {
		if _, ok := m.runner.Look("ssh"); !ok {
			return nil, &step.Error{Kind: step.Missing, Sentence: "there is no way into the nodes of " + c.String(), Hint: "install ssh", Err: err}
		}
		return cluster.RuntimeImages{Shell: commandShell{m.runner, c.Name}, Runtime: runtime}, nil
	}
	conn.Close()
	return cluster.RuntimeImages{Runtime: runtime, Shell: &cluster.SSHShell{
		User: "docker",
		Address: func(node string) (string, error) {
			if a := addresses[node]; a != "" {
				return a, nil
			}
			return "", fmt.Errorf("%s has no address for node %s", c, node)
		},
		Key: func(ctx context.Context, node string) ([]byte, error) { return m.sshKey(ctx, c, node) },
	}}, nil
}

// A commandShell reaches nodes with minikube's own ssh. Its native client
// always takes a pty, which corrupts archives, and without an ssh program it
// takes that one without a word: the program must be there.
type commandShell struct {
	runner  *run.Runner
	profile string
}

func (s commandShell) Run(ctx context.Context, node string, stdin io.Reader, command ...string) (run.Output, error) {
	out, err := s.runner.Run(ctx, run.Command{
		Name: "minikube", Stdin: stdin,
		Args: []string{"ssh", "-p", s.profile, "-n", node, "--native-ssh=false", "--", "sudo -n " + cluster.Quote(command)},
	})
	// The command's exit code is only in ssh's last words.
	if exit := (*run.ExitError)(nil); errors.As(err, &exit) {
		said := strings.TrimSpace(exit.Stderr)
		at := strings.LastIndex(said, "ssh: exit status ")
		if code, err := strconv.Atoi(strings.TrimPrefix(said[max(at, 0):], "ssh: exit status ")); at >= 0 && err == nil {
			exit.Program, exit.Code, exit.Stderr = command[0], code, said[:at]
		}
	}
	return out, err
}

// sshKey returns the private key that minikube made for the node.
func (m *Provider) sshKey(ctx context.Context, c cluster.Candidate, node string) ([]byte, error) {
	out, err := m.run(ctx, nil, "ssh-key", "-p", c.Name, "-n", node)
	if err != nil {
		return nil, refusal("ask for the ssh key of", c, out, err)
	}
	return os.ReadFile(firstLine(out.Stdout))
}

// A dockerEnv is what `minikube docker-env` says, and the identity of the
// daemon that it was found to lead to.
type dockerEnv struct {
	Host     string `json:"DOCKER_HOST"`      // tcp://192.168.49.2:2376
	CertPath string `json:"DOCKER_CERT_PATH"` // folder of ca.pem, cert.pem, key.pem
	ID       string `json:"id,omitempty"`
}

// docker returns the Docker of the profile's one node. minikube takes
// a second to tell where it is, so the last answer is kept, and believed if
// the daemon there still says that it is the same one.
func (m *Provider) docker(ctx context.Context, c cluster.Candidate) (*dockerImages, error) {
	kept := filepath.Join(m.cacheDir, "docker-env", filepath.Base(c.Name)+".json")
	var env dockerEnv
	if text, err := os.ReadFile(kept); err == nil && json.Unmarshal(text, &env) == nil && env.ID != "" {
		if d, err := newDockerImages(env.Host, env.CertPath); err == nil {
			if id, err := d.id(ctx); err == nil && id == env.ID {
				return d, nil
			}
		}
	}
	out, err := m.run(ctx, nil, "-p", c.Name, "docker-env", "--shell", "none", "-o", "json")
	if err != nil {
		return nil, refusal("ask for the Docker of", c, out, err)
	}
	env = dockerEnv{}
	if err := json.Unmarshal([]byte(out.Stdout), &env); err != nil {
		return nil, fmt.Errorf("ask for the Docker of %s: its answer is not JSON", c)
	}
	d, err := newDockerImages(env.Host, env.CertPath)
	if err != nil {
		return nil, fmt.Errorf("reach the Docker of %s: %w", c, err)
	}
	if env.ID, err = d.id(ctx); err != nil {
		return nil, fmt.Errorf("reach the Docker of %s: %w", c, err)
	}
	// Not to keep it costs a second next time, and nothing else.
	if text, err := json.Marshal(env); err == nil && os.MkdirAll(filepath.Dir(kept), 0o700) == nil {
		if os.WriteFile(kept+".new", text, 0o600) == nil {
			_ = os.Rename(kept+".new", kept)
		}
	}
	return d, nil
}
