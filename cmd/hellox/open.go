package main

import (
	"bufio"
	"context"
	"fmt"
	"os/exec"
	"runtime"

	"github.com/spf13/cobra"

	"hellox/cmd/hellox/output"
)

func newOpen(sh shell) *cobra.Command {
	var selected selection
	cmd := &cobra.Command{
		Use:   "open",
		Short: "Show the stream in the browser",
		Long: `Show the stream in the browser. If up holds the forwards this returns at once;
otherwise it opens a forward and stays in the foreground until Ctrl-C or Enter.`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx := cmd.Context()
			a, err := selected.connect(ctx, sh)
			if err != nil {
				return err
			}
			defer a.close()
			if err := browse(ctx, sh, a.web); err != nil {
				fmt.Fprintf(sh.err, "hellox: open the browser: %s\nhint: open %s yourself\n", output.OneLine(err.Error()), a.web)
			} else {
				fmt.Fprintf(sh.err, "opened %s\n", a.web)
			}
			if a.own {
				fmt.Fprintln(sh.err, "Enter or Ctrl-C ends the forward.")
				return waitForEnd(ctx, sh, nil)
			}
			return nil
		},
	}
	selected.add(cmd.Flags())
	return cmd
}

// browse opens url in the system's browser.
func browse(ctx context.Context, sh shell, url string) error {
	var name string
	var args []string
	switch runtime.GOOS {
	case "darwin":
		name = "open"
	case "windows":
		name, args = "rundll32", []string{"url.dll,FileProtocolHandler"}
	default:
		name = "xdg-open"
	}
	if b, ok := sh.env("BROWSER"); ok && b != "" {
		name, args = b, nil
	}
	return exec.CommandContext(context.WithoutCancel(ctx), name, append(args, url)...).Start()
}

// waitForEnd waits for ctx (a signal), for stop, or for Enter on a terminal.
// The end of stdin ends nothing.
func waitForEnd(ctx context.Context, sh shell, stop <-chan struct{}) error {
	enter := make(chan struct{})
	if output.IsTerminal(sh.in) {
		// It stays behind in its read when something else ends the wait; the
		// process ends then.
		go func() {
			if _, err := bufio.NewReader(sh.in).ReadString('\n'); err == nil {
				close(enter)
			}
		}()
	}
	select {
	case <-ctx.Done():
	case <-stop:
	case <-enter:
	}
	return nil
}
