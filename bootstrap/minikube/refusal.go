package minikube

import (
	"errors"
	"fmt"

	"hellox/bootstrap/cluster"
	"hellox/bootstrap/run"
	"hellox/bootstrap/step"
)

// refusal returns an error with one sentence and a hint from minikube's output.
// verb is what was tried: "start".
func refusal(verb string, c cluster.Candidate, out run.Output, err error) error {
	if code, ok := run.ExitCode(err); !ok || code < 0 {
		return err // minikube did not run or was ended
	}
	sentence, advice, name := reason(out)
	e := &step.Error{Kind: step.Failed, Sentence: fmt.Sprintf("%s %s", verb, c), Hint: advice, Err: errors.New(sentence)}
	if sentence == "" {
		e.Err = err
	}
	switch name {
	case "DRV_AS_ROOT":
		e.Hint = fmt.Sprintf("the same hellox up as an ordinary user, or first minikube start -p %s --force", c.Name)
	case "RSRC_OVER_ALLOC_MEM", "RSRC_INSUFFICIENT_SYS_MEMORY", "RSRC_INSUFFICIENT_CONTAINER_MEMORY":
		e.Hint = "minikube config set memory 2200, then the same hellox up"
	case "DRV_UNSUPPORTED_OS", "DRV_NOT_FOUND":
		e.Hint = "minikube config set driver docker, then the same hellox up"
	}
	if e.Hint == "" {
		e.Hint = fmt.Sprintf("minikube start -p %s shows more; hellox up --target kind needs no minikube", c.Name)
	}
	return e
}
