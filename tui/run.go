package tui

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	tea "github.com/charmbracelet/bubbletea"
	"github.com/charmbracelet/lipgloss"

	"hellox/history"
	"hellox/tui/source"
	"hellox/tui/theme"
)

// Options configure Run.
type Options struct {
	Store  history.Store
	Title  string         // what is watched: "kind-hellox · hellox"
	Since  time.Time      // show no message received before it; zero: no bound
	Select history.Select // shown at first
	Client source.Client  // to publish and tell with; nil: neither is possible
	Memory int64          // bytes of messages held; 0: 256 MiB
	In     io.Reader      // a terminal
	Out    io.Writer      // a terminal
	Now    func() time.Time
}

// DefaultMemory is the number of bytes of messages held by default.
const DefaultMemory = 256 << 20

// Run shows the stream on a terminal. It returns nil when the user quits, the
// error of ctx when that ends, and context.Canceled after ctrl+c. The terminal
// is then as it was before, also after a panic.
func Run(ctx context.Context, o Options) error {
	if o.Memory <= 0 {
		o.Memory = DefaultMemory
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	// Bubble Tea has asked the terminal for its background at the start of the
	// process. Asked again here, the terminal would answer into the input.
	r := lipgloss.NewRenderer(o.Out)
	r.SetHasDarkBackground(lipgloss.HasDarkBackground())

	work, cancel := context.WithCancel(ctx)
	src := source.New(work, o.Store, o.Client)
	defer src.Wait()
	defer cancel()

	// The title is set later: the terminal saves the one it has.
	_, _ = io.WriteString(o.Out, "\x1b[22;2t")
	defer func() { _, _ = io.WriteString(o.Out, "\x1b[23;2t") }()

	program := tea.NewProgram(newModel(src, theme.New(r), o),
		tea.WithContext(ctx), tea.WithInput(o.In), tea.WithOutput(o.Out),
		tea.WithAltScreen(), tea.WithMouseCellMotion(), tea.WithFPS(30),
		// Signals end ctx: the caller listens for them.
		tea.WithoutSignalHandler(),
	)
	last, err := program.Run()
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.Is(err, tea.ErrInterrupted):
		return context.Canceled
	case err != nil:
		return fmt.Errorf("show the stream: %w", err)
	}
	return last.(model).left
}
