package bootstrap

import (
	"fmt"
	"strings"

	"sigs.k8s.io/kind/pkg/log"
)

// kindLog is where the library tells its steps; it implements log.Logger.
// Warnings and errors are not passed on: what matters of them is returned.
type kindLog func(string)

func (l kindLog) Warn(string)           {}
func (l kindLog) Warnf(string, ...any)  {}
func (l kindLog) Error(string)          {}
func (l kindLog) Errorf(string, ...any) {}

func (l kindLog) V(level log.Level) log.InfoLogger {
	if level > 0 {
		return log.NoopInfoLogger{}
	}
	return l
}

func (l kindLog) Enabled() bool            { return true }
func (l kindLog) Infof(f string, a ...any) { l.Info(fmt.Sprintf(f, a...)) }

// Info passes on the beginning of a step, ` • Starting control-plane 🕹️  ...`,
// as its words.
func (l kindLog) Info(message string) {
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
