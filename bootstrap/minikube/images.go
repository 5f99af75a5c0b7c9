package minikube

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"time"

	"hellox/bootstrap/cluster"
	"hellox/bootstrap/run"
	"hellox/bootstrap/step"
	"hellox/smallfile"
)

// Images implements cluster.Provider. It uses Docker's API where minikube gives
// access to it, which is a single node with the docker runtime. Otherwise it runs
// the runtime's commands on each node, with `docker exec` if the nodes are
// containers, else with ssh. There `minikube docker-env` is never called: with
// containerd it starts helpers in the node and edits the user's ssh files.
func (m *Provider) Images(ctx context.Context, c cluster.Candidate, runtime string) (cluster.NodeImages, error) {
	p := c.Detail.(profile)
	if p.hasDocker() {
		return m.docker(ctx, c)
	}
	if p.Config.Driver == "docker" {
		return cluster.RuntimeImages{Shell: cluster.EngineShell{Runner: m.runner, Engine: "docker"}, Runtime: runtime}, nil
	}
	addresses := map[string]string{}
	for i, n := range p.Config.Nodes {
		addresses[p.nodeName(i)] = net.JoinHostPort(n.IP, "22")
	}
	// The machines of some drivers (qemu's own network, podman) can only be
	// reached through minikube.
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

// sshKey returns the private key that minikube created for the node.
func (m *Provider) sshKey(ctx context.Context, c cluster.Candidate, node string) ([]byte, error) {
	out, err := m.ask(ctx, run.AnswerLimit, "ssh-key", "-p", c.Name, "-n", node)
	if err != nil {
		return nil, refusal("ask for the ssh key of", c, out, err)
	}
	return os.ReadFile(firstLine(out.Stdout))
}

// A dockerEnv is what `minikube docker-env` prints, and the ID of the daemon at
// that address.
type dockerEnv struct {
	Host     string `json:"DOCKER_HOST"`      // tcp://192.168.49.2:2376
	CertPath string `json:"DOCKER_CERT_PATH"` // folder of ca.pem, cert.pem, key.pem
	ID       string `json:"id,omitempty"`
}

// docker returns the Docker of the profile's one node. minikube takes a second
// to print its address, so the last answer is cached. It is used if the daemon
// there still has the same ID.
func (m *Provider) docker(ctx context.Context, c cluster.Candidate) (*dockerImages, error) {
	cached := filepath.Join(m.cacheDir, "docker-env", filepath.Base(c.Name)+".json")
	var env dockerEnv
	if text, err := os.ReadFile(cached); err == nil && json.Unmarshal(text, &env) == nil && env.ID != "" {
		if d, err := newDockerImages(env.Host, env.CertPath); err == nil {
			if id, err := d.id(ctx); err == nil && id == env.ID {
				return d, nil
			}
		}
	}
	out, err := m.ask(ctx, nodeLimit, "-p", c.Name, "docker-env", "--shell", "none", "-o", "json")
	if err != nil {
		return nil, refusal("ask for the Docker of", c, out, err)
	}
	env = dockerEnv{}
	if err := json.Unmarshal([]byte(out.Stdout), &env); err != nil {
		return nil, fmt.Errorf("ask for the Docker of %s: its answer is not JSON", c)
	}
	d, err := newDockerImages(env.Host, env.CertPath)
	if err != nil {
		return nil, fmt.Errorf("connect to the Docker of %s: %w", c, err)
	}
	if env.ID, err = d.id(ctx); err != nil {
		return nil, fmt.Errorf("connect to the Docker of %s: %w", c, err)
	}
	// If it cannot be cached, the next call takes a second longer.
	if text, err := json.Marshal(env); err == nil && os.MkdirAll(filepath.Dir(cached), 0o700) == nil {
		_ = smallfile.Write(cached, text)
	}
	return d, nil
}
