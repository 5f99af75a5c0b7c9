package ops

import (
	"io"
	"log/slog"

	"github.com/spf13/pflag"

	"hellox/cmd/hellox/args"
	"hellox/cmd/hellox/output"
	"hellox/stream/safetext"
)

// LogFlags are the flags of a role's log.
type LogFlags struct {
	level  slog.Level
	format string
}

// Add defines them.
func (f *LogFlags) Add(flags *pflag.FlagSet) {
	flags.TextVar(&f.level, "log-level", slog.LevelInfo, "`debug|info|warn|error`")
	args.String(flags, &f.format, "log-format", "auto", "`auto|text|json`: auto is text on a terminal, else JSON", args.OneOf("auto", "text", "json"))
}

// Logger returns a logger that writes to w; text from the network is made safe to
// show.
func (f *LogFlags) Logger(w io.Writer, role string) *slog.Logger {
	options := &slog.HandlerOptions{Level: f.level}
	var h slog.Handler
	switch f.format {
	case "json":
		h = slog.NewJSONHandler(w, options)
	case "text":
		h = slog.NewTextHandler(w, options)
	case "auto":
		if output.IsTerminal(w) {
			h = slog.NewTextHandler(w, options)
		} else {
			h = slog.NewJSONHandler(w, options)
		}
	}
	return slog.New(safetext.LogHandler(h)).With("role", role)
}
