package engine

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"runtime"

	"hellox/bootstrap/cluster"
	"hellox/bootstrap/run"
	"hellox/bootstrap/step"
)

// Local returns nil if the engine's command uses a daemon of this machine in r's
// environment. Otherwise the error is a *step.Error of kind Unsafe: a cluster of
// that engine would be another machine's, whatever address its containers publish.
func Local(r *run.Runner, engine string) error {
	host, from, undo := endpoint(r, engine)
	if isLocal(host) {
		return nil
	}
	return &step.Error{
		Kind:     step.Unsafe,
		Sentence: engine + " is on another machine",
		Err:      fmt.Errorf("%s is %s", from, host),
		Hint:     undo,
	}
}

// isLocal reports whether the address of a daemon is this machine's; "" is the
// engine's own default, which is.
func isLocal(host string) bool {
	if host == "" {
		return true
	}
	u, err := url.Parse(host)
	if err != nil {
		return false
	}
	switch u.Scheme {
	case "unix", "npipe", "fd":
		return true
	}
	return cluster.IsThisMachine(u.Hostname())
}

// endpoint returns the address of the daemon that the engine's command uses, what
// says so, and the command that undoes that. host is "" if nothing says so.
func endpoint(r *run.Runner, engine string) (host, from, undo string) {
	switch engine {
	case "docker":
		if host := r.Getenv("DOCKER_HOST"); host != "" {
			return host, "DOCKER_HOST", "unset DOCKER_HOST DOCKER_TLS_VERIFY DOCKER_CERT_PATH"
		}
		if name := r.Getenv("DOCKER_CONTEXT"); name != "" {
			return contextHost(r, name), "docker's context " + name, "unset DOCKER_CONTEXT"
		}
		if name := currentContext(r); name != "" {
			return contextHost(r, name), "docker's context " + name, "docker context use default"
		}
	case "podman":
		if host := r.Getenv("CONTAINER_HOST"); host != "" {
			return host, "CONTAINER_HOST", "unset CONTAINER_HOST"
		}
	}
	return "", "", ""
}

// Settings returns the environment variable that makes the engine's command use the daemon
// that it uses in r's environment, such as DOCKER_HOST=unix:///var/run/docker.sock; "" if
// it knows only one.
func Settings(r *run.Runner, engine string) string {
	host, _, _ := endpoint(r, engine)
	switch {
	case engine == "docker" && host == "" && runtime.GOOS == "windows":
		host = "npipe:////./pipe/docker_engine"
	case engine == "docker" && host == "":
		host = "unix:///var/run/docker.sock"
	case host == "":
		return ""
	}
	return map[string]string{"docker": "DOCKER_HOST=", "podman": "CONTAINER_HOST="}[engine] + host
}

// dockerFile returns the path of a file of the docker command's own.
func dockerFile(r *run.Runner, parts ...string) string {
	dir := r.Getenv("DOCKER_CONFIG")
	if dir == "" {
		dir = filepath.Join(r.Home(), ".docker")
	}
	return filepath.Join(append([]string{dir}, parts...)...)
}

// currentContext returns the name of docker's current context; "" is the default.
// It reads docker's file, as the command takes a process.
func currentContext(r *run.Runner) string {
	var config struct {
		CurrentContext string `json:"currentContext"`
	}
	text, err := os.ReadFile(dockerFile(r, "config.json"))
	if err != nil || json.Unmarshal(text, &config) != nil {
		return ""
	}
	return config.CurrentContext
}

// contextHost returns the address of the daemon of a docker context; "" if there is no
// file of that context, which the default has none of. docker reports a missing one.
func contextHost(r *run.Runner, name string) string {
	var meta struct {
		Endpoints map[string]struct{ Host string }
	}
	sum := sha256.Sum256([]byte(name))
	text, err := os.ReadFile(dockerFile(r, "contexts", "meta", hex.EncodeToString(sum[:]), "meta.json"))
	if err != nil || json.Unmarshal(text, &meta) != nil {
		return ""
	}
	return meta.Endpoints["docker"].Host
}
