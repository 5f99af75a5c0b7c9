package bootstrap

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
)

// minikubeImages chooses the way to the images of the profile's nodes:
// Docker's own API where minikube gives it out, which is one node with the
// docker runtime; else the runtime's commands on each node, through the
// container engine that the nodes are containers of, or through ssh. On the
// latter, `minikube docker-env` is never asked: with containerd it starts
// helpers in the node and edits the user's ssh files.
func (f Found) minikubeImages(ctx context.Context, c *Cluster) (nodeImages, error) {
	p := f.minikube
	if p.singleDocker() {
		return f.minikubeDocker(ctx)
	}
	images := runtimeImages{runtime: c.Runtime}
	switch p.Config.Driver {
	case "docker", "podman":
		images.shell = engineShell{f.options.Runner, p.Config.Driver}
	default:
		addresses := map[string]string{}
		for i, n := range p.Config.Nodes {
			addresses[p.nodeName(i)] = n.IP
		}
		images.shell = &sshShell{
			address: func(node string) (string, error) {
				if ip := addresses[node]; ip != "" {
					return ip + ":22", nil
				}
				return "", fmt.Errorf("minikube profile %q has no address for node %s", p.Name, node)
			},
			key: func(ctx context.Context, node string) ([]byte, error) { return f.sshKey(ctx, node) },
		}
	}
	return images, nil
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
