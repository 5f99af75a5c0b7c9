package bootstrap

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"hellox/bootstrap/install"
	"hellox/bootstrap/kube"
	"hellox/bootstrap/step"
)

// copyProgress says how far the copy is, by the last line that it wrote.
func copyProgress(last install.Line) string {
	switch {
	case last.State == "progress" && last.Step == "copy":
		return "moves " + last.Detail
	case last.State == "progress" && last.Step == "compare":
		return "compares " + last.Detail
	}
	return "moves the history"
}

// await waits until a Job has ended, and returns the last line of its log.
func (m *mover) await(ctx context.Context, name string, text func(last install.Line) string) (install.Line, error) {
	var stuck string // the cause of a pod that waits
	var since time.Time
	for {
		job, err := install.ReadJob(ctx, m.inst, name)
		switch {
		case err != nil:
			return job.Last, err
		case job.Complete:
			return job.Last, nil
		case job.Failed:
			return job.Last, m.failed(name, &job)
		case !job.Exists:
			return job.Last, fmt.Errorf("move to %s: Job %s is gone", install.NodesText(m.To), name)
		}
		progress := text(job.Last)
		if job.Cause != nil {
			progress = job.Cause.String()
		}
		m.steps.Progress(progress)
		if !job.Stuck || job.Cause == nil {
			stuck = ""
		} else if key := job.Cause.Pod + job.Cause.Family(); key != stuck {
			stuck, since = key, time.Now()
		} else if time.Since(since) > job.Cause.Grace {
			return job.Last, m.failed(name, &job)
		}
		switch err := kube.Pause(ctx, lookEvery); {
		case errors.Is(err, context.DeadlineExceeded):
			return job.Last, &step.Error{
				Sentence: fmt.Sprintf("the time was over before the move to %s was done: %s", install.NodesText(m.To), progress),
				Hint:     fmt.Sprintf("Job %s goes on meanwhile; the same hellox up with --timeout 1h waits longer; %s", name, m.backHint()),
			}
		case err != nil:
			return job.Last, err
		}
	}
}

// failed is the error of a Job that failed, or whose pod waits in vain.
func (m *mover) failed(name string, job *install.Job) error {
	e := &step.Error{Hint: "the same hellox up tries it again; " + m.backHint()}
	why := cmp.Or(job.Last.Msg, "its pods ended before it was done")
	switch c := job.Cause; {
	case job.Last.State == "failed" && !job.Stuck:
		why = job.Last.Detail
	case c != nil:
		if why, e.Evidence = c.String(), c.Evidence; job.Stuck {
			if e.Hint = c.Hint; !strings.Contains(c.Hint, "the same hellox up") {
				e.Hint += "; then the same hellox up goes on"
			}
			e.Hint += "; " + m.backHint()
		}
	}
	verb := "failed"
	if job.Stuck {
		verb = "does not run"
	}
	e.Sentence = fmt.Sprintf("move to %s: Job %s %s: %s", install.NodesText(m.To), name, verb, why)
	return e
}
