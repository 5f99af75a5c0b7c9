package engine

import (
	"errors"
	"fmt"
	"runtime"
	"strings"

	"hellox/bootstrap/run"
	"hellox/bootstrap/step"
)

// Failure returns why an engine's command failed, from what it wrote to stderr,
// or nil if that does not tell that the engine cannot be used.
func Failure(engine, stderr string) *step.Error {
	said := strings.ToLower(stderr)
	has := func(words ...string) bool {
		for _, w := range words {
			if strings.Contains(said, w) {
				return true
			}
		}
		return false
	}
	e := &step.Error{Kind: step.Missing}
	switch {
	case has("permission denied", "access is denied"):
		e.Sentence = "no permission to use " + engine
		e.Hint = "sudo usermod -aG docker $USER, then log in again"
		if engine != "docker" || runtime.GOOS != "linux" {
			e.Hint = engine + " info"
		}
	case has("context not found"):
		e.Sentence = "docker's context does not exist"
		e.Hint = "docker context use default"
	case has("certificate", "tls:", ".pem"):
		e.Sentence = engine + " has wrong or missing TLS certificates"
		e.Hint = "unset DOCKER_HOST DOCKER_TLS_VERIFY DOCKER_CERT_PATH"
	case has("cannot connect to", "failed to connect to", "error during connect", "daemon is not running",
		"cannot access containerd socket", "rootless containerd not running"):
		e.Sentence = engine + " is not running"
		e.Hint = starts(engine)
	default:
		return nil
	}
	return e
}

// starts returns the command that starts the engine on this system.
func starts(engine string) string {
	switch {
	case engine == "podman" && runtime.GOOS != "linux":
		return "podman machine start"
	case engine == "finch":
		return "finch vm start"
	case runtime.GOOS == "darwin":
		return "open -a Docker"
	case runtime.GOOS == "windows":
		return "start Docker Desktop"
	case engine == "nerdctl":
		return "sudo systemctl start containerd"
	}
	return "sudo systemctl start " + engine
}

// Unusable returns the error of an engine that was asked what there is and failed
// with err. One that was not asked to its end, or did not answer, is err itself.
func Unusable(engine string, err error) error {
	exit := (*run.ExitError)(nil)
	if !errors.As(err, &exit) {
		return err
	}
	if e := Failure(engine, exit.Stderr); e != nil {
		return e
	}
	return &step.Error{
		Kind:     step.Missing,
		Sentence: fmt.Sprintf("%s does not answer", engine),
		Hint:     engine + " info",
		Err:      err,
	}
}
