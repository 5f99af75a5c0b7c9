package run

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"hellox/bootstrap/step"
)

// AnswerLimit is how long a program has to answer a question. A start or a creation
// is no question: it takes as long as its context lasts.
const AnswerLimit = 5 * time.Second

// namedAfter is after how long a program that has not answered yet is named.
const namedAfter = time.Second

// NoAnswer is the cause of the error of a program that did not answer a question
// within that time.
type NoAnswer time.Duration

func (n NoAnswer) Error() string { return fmt.Sprintf("gave up after %s", time.Duration(n)) }

// OnWaiting makes r call waiting with the questions that have not been answered for a
// second, such as "docker ps", each time that they change; with none once all are.
func (r *Runner) OnWaiting(waiting func(questions []string)) *Runner {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.waiting = waiting
	return r
}

// Ask runs a program that answers a question, and gives it up after limit.
func (r *Runner) Ask(ctx context.Context, limit time.Duration, c Command) (Output, error) {
	var out Output
	err := r.Question(ctx, c.question(), limit, func(ctx context.Context) (err error) {
		out, err = r.Run(ctx, c)
		return err
	})
	return out, err
}

// Question calls ask, whose context ends after limit; ask returns that context's
// cause then. The error is a *step.Error with a NoAnswer for a cause, and at once if
// the same question was not answered before: it would only take as long again.
func (r *Runner) Question(ctx context.Context, question string, limit time.Duration, ask func(context.Context) error) error {
	r.mu.Lock()
	silent := r.silent[question]
	r.mu.Unlock()
	if silent != nil {
		return silent
	}
	silent = &step.Error{Kind: step.Missing, Sentence: question + " has not answered", Hint: question, Err: NoAnswer(limit)}
	limited, cancel := context.WithTimeoutCause(ctx, limit, silent)
	defer cancel()
	answered := r.WaitFor(question)
	err := ask(limited)
	answered()
	if err != nil && ctx.Err() == nil && limited.Err() != nil {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.silent[question] = silent
	}
	return err
}

// WaitFor makes r name the question while it is not answered, as OnWaiting has it, until
// answered is called.
func (r *Runner) WaitFor(question string) (answered func()) {
	asked := &unanswered{question: question}
	named := time.AfterFunc(namedAfter, func() { r.name(asked) })
	return func() {
		named.Stop()
		r.answered(asked)
	}
}

// An unanswered question is one that was asked a while ago.
type unanswered struct {
	question string
	answered bool
}

// name adds a to the questions that have not been answered for a while, unless it
// was answered just now.
func (r *Runner) name(a *unanswered) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !a.answered {
		r.unanswered = append(r.unanswered, a)
		r.tellWaiting()
	}
}

// answered removes a from them.
func (r *Runner) answered(a *unanswered) {
	r.mu.Lock()
	defer r.mu.Unlock()
	a.answered = true
	if i := slices.Index(r.unanswered, a); i >= 0 {
		r.unanswered = slices.Delete(r.unanswered, i, i+1)
		r.tellWaiting()
	}
}

func (r *Runner) tellWaiting() {
	if r.waiting == nil {
		return
	}
	var questions []string
	for _, a := range r.unanswered {
		questions = append(questions, a.question)
	}
	r.waiting(questions)
}

// question names the command as a person would: without its flags, but with the
// profile that it asks for.
func (c Command) question() string {
	words := []string{c.Name}
	for _, arg := range c.Args {
		if strings.HasPrefix(arg, "-") && arg != "-p" {
			break
		}
		words = append(words, arg)
	}
	return strings.Join(words, " ")
}
