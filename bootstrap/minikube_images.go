package bootstrap

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
)

// minikubeImages chooses the way to the images of the profile's nodes:
// Docker's own API where minikube gives it out, which is one node with the
// docker runtime; else the runtime's commands on each node, reached through
// the Docker that the nodes are containers of, or through ssh. Then `minikube
// docker-env` is never asked: with containerd it starts helpers in the node
// and edits the user's ssh files.
func (f Found) minikubeImages(ctx context.Context, runtime string) (nodeImages, error) {
	p := f.minikube
	if p.singleDocker() {
		return f.minikubeDocker(ctx)
	}
	if p.Config.Driver == "docker" {
		return runtimeImages{shell: engineShell{f.options.Runner, "docker"}, runtime: runtime}, nil
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
		if _, ok := f.options.Runner.Look("ssh"); !ok {
			return nil, &Error{Kind: Missing, Sentence: "there is no way into the nodes of " + f.thing(), Hint: "install ssh", Err: err}
		}
		return runtimeImages{shell: minikubeShell{f.options.Runner, f.Profile}, runtime: runtime}, nil
	}
	conn.Close()
	return runtimeImages{runtime: runtime, shell: &sshShell{
		address: func(node string) (string, error) {
			if a := addresses[node]; a != "" {
				return a, nil
			}
			return "", fmt.Errorf("%s has no address for node %s", f.thing(), node)
		},
		key: func(ctx context.Context, node string) ([]byte, error) { return f.sshKey(ctx, node) },
	}}, nil
}

// A minikubeShell reaches nodes with minikube's own ssh. Its native client
// always takes a pty, which corrupts archives, and without an ssh program it
// takes that one without a word: the program must be there.
type minikubeShell struct {
	runner  *Runner
	profile string
}

func (s minikubeShell) run(ctx context.Context, node string, stdin io.Reader, command ...string) (Output, error) {
	out, err := s.runner.Run(ctx, Command{
		Name: "minikube", Stdin: stdin,
		Args: []string{"ssh", "-p", s.profile, "-n", node, "--native-ssh=false", "--", "sudo -n " + quote(command)},
	})
	// The command's exit code is only in ssh's last words.
	if exit := (*ExitError)(nil); errors.As(err, &exit) {
		said := strings.TrimSpace(exit.Stderr)
		at := strings.LastIndex(said, "ssh: exit status ")
		if code, err := strconv.Atoi(strings.TrimPrefix(said[max(at, 0):], "ssh: exit status ")); at >= 0 && err == nil {
			exit.Program, exit.Code, exit.Stderr = command[0], code, said[:at]
		}
	}
	return out, err
}

// sshKey returns the private key that minikube made for the node.
func (f Found) sshKey(ctx context.Context, node string) ([]byte, error) {
	out, err := f.options.Runner.runMinikube(ctx, nil, "ssh-key", "-p", f.Profile, "-n", node)
	if err != nil {
		return nil, f.refusal("ask for the ssh key of", out, err)
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

// minikubeDocker returns the Docker of the profile's one node. minikube takes
// a second to tell where it is, so the last answer is kept, and believed if
// the daemon there still says that it is the same one.
func (f Found) minikubeDocker(ctx context.Context) (*dockerImages, error) {
	kept := filepath.Join(f.options.CacheDir, "docker-env", filepath.Base(f.Profile)+".json")
	var env dockerEnv
	if text, err := os.ReadFile(kept); err == nil && json.Unmarshal(text, &env) == nil && env.ID != "" {
		if d, err := newDockerImages(env.Host, env.CertPath); err == nil {
			if id, err := d.id(ctx); err == nil && id == env.ID {
				return d, nil
			}
		}
	}
	out, err := f.options.Runner.runMinikube(ctx, nil, "-p", f.Profile, "docker-env", "--shell", "none", "-o", "json")
	if err != nil {
		return nil, f.refusal("ask for the Docker of", out, err)
	}
	env = dockerEnv{}
	if err := json.Unmarshal([]byte(out.Stdout), &env); err != nil {
		return nil, fmt.Errorf("ask for the Docker of %s: its answer is not JSON", f.thing())
	}
	d, err := newDockerImages(env.Host, env.CertPath)
	if err != nil {
		return nil, fmt.Errorf("reach the Docker of %s: %w", f.thing(), err)
	}
	if env.ID, err = d.id(ctx); err != nil {
		return nil, fmt.Errorf("reach the Docker of %s: %w", f.thing(), err)
	}
	// Not to keep it costs a second next time, and nothing else.
	if text, err := json.Marshal(env); err == nil && os.MkdirAll(filepath.Dir(kept), 0o700) == nil {
		if os.WriteFile(kept+".new", text, 0o600) == nil {
			_ = os.Rename(kept+".new", kept)
		}
	}
	return d, nil
}
