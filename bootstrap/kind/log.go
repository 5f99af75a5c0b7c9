package kind

import (
	"fmt"
	"strings"

	"sigs.k8s.io/kind/pkg/log"
)

// A stepLog is a log.Logger that passes on the steps that the library logs. It
// drops warnings and errors, which the library also returns.
type stepLog func(string)

func (l stepLog) Warn(string)           {}
func (l stepLog) Warnf(string, ...any)  {}
func (l stepLog) Error(string)          {}
func (l stepLog) Errorf(string, ...any) {}

func (l stepLog) V(level log.Level) log.InfoLogger {
	if level > 0 {
		return log.NoopInfoLogger{}
	}
	return l
}

func (l stepLog) Enabled() bool            { return true }
func (l stepLog) Infof(f string, a ...any) { l.Info(fmt.Sprintf(f, a...)) }

// Info passes on the beginning of a step, ` • Starting control-plane 🕹️  ...`,
// as its words.
func (l stepLog) Info(message string) {
	step, ok := strings.CutPrefix(strings.TrimSpace(message), "• ")
	if !ok {
		return
	}
	step = strings.Map(func(r rune) rune {
		if r > 0xff {
			return -1
		}
		return r
	}, strings.TrimSuffix(step, "..."))
	l(strings.TrimSpace(step))
}
