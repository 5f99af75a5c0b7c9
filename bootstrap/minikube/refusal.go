package minikube

import (
	"errors"
	"fmt"

	"hellox/bootstrap/cluster"
	"hellox/bootstrap/run"
	"hellox/bootstrap/step"
)

// refusal turns what minikube said into one sentence and a hint.
func refusal(verb string, c cluster.Candidate, out run.Output, err error) error {
	if code, ok := run.ExitCode(err); !ok || code < 0 {
		return err // it was not minikube that refused
	}
	sentence, advice, name := reason(out)
	e := &step.Error{Kind: step.Failed, Sentence: fmt.Sprintf("%s %s", verb, c), Hint: advice, Err: errors.New(sentence)}
	if sentence == "" {
		e.Err = err
	}
	switch name {
	case "DRV_AS_ROOT":
		e.Hint = fmt.Sprintf("type hellox up as an ordinary user, or first minikube start -p %s --force", c.Name)
	case "RSRC_OVER_ALLOC_MEM", "RSRC_INSUFFICIENT_SYS_MEMORY", "RSRC_INSUFFICIENT_CONTAINER_MEMORY":
		e.Hint = "minikube config set memory 2200, then hellox up"
	case "DRV_UNSUPPORTED_OS", "DRV_NOT_FOUND":
		e.Hint = "minikube config set driver docker, then hellox up"
	}
	if e.Hint == "" {
		e.Hint = fmt.Sprintf("minikube start -p %s says more; hellox up --target kind does without it", c.Name)
	}
	return e
}
