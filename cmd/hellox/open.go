package main

import (
	"context"
	"fmt"
	"os/exec"
	"runtime"
	"time"

	"github.com/spf13/cobra"

	"hellox/bootstrap/install"
	"hellox/cmd/hellox/output"
	"hellox/cmd/hellox/prompt"
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
			sh, err := remembering(sh)
			if err != nil {
				return err
			}
			a, err := selected.connect(ctx, sh)
			if err != nil {
				return err
			}
			defer a.close()
			if err := a.ready(ctx, sh, install.RoleReceive); err != nil {
				return err
			}
			return a.open(ctx, sh)
		},
	}
	selected.add(cmd.Flags())
	return cmd
}

// open shows the page in a browser, for as long as a forward of its own is held. Without
// a browser it prints the URL and ends: nobody would look at what it holds.
func (a endpoints) open(ctx context.Context, sh shell) error {
	if noBrowser := browse(ctx, sh, a.web); noBrowser != nil {
		if _, err := fmt.Fprintln(sh.out, a.web); err != nil {
			return err
		}
		hint := "open " + a.web + " yourself"
		if a.own { // its forward ends here
			hint = "BROWSER=PROGRAM hellox open " + a.Flags() + ", or hellox watch " + a.Flags()
		}
		return missing(fmt.Errorf("open the browser: %w", noBrowser), hint)
	}
	fmt.Fprintf(sh.err, "opened %s\n", a.web)
	if !a.own {
		return nil
	}
	fmt.Fprintln(sh.err, "Enter or Ctrl-C ends the forward.")
	return waitForEnd(ctx, sh, nil)
}

// browserTime is how long a browser may take to fail. What still runs then is one
// that does not return before its window is closed.
const browserTime = 2 * time.Second

// browse opens url in the system's browser, or returns why none could be started.
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
	browser := exec.CommandContext(context.WithoutCancel(ctx), name, append(args, url)...)
	if err := browser.Start(); err != nil {
		return err
	}
	ended := make(chan error, 1)
	go func() { ended <- browser.Wait() }() // the browser may outlive this process
	timeout := time.NewTimer(browserTime)
	defer timeout.Stop()
	select {
	case err := <-ended:
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	case <-timeout.C:
	case <-ctx.Done():
		return ctx.Err()
	}
	return nil
}

// waitForEnd waits for ctx (a signal), for stop, or for Enter on a terminal.
// The end of stdin ends nothing.
func waitForEnd(ctx context.Context, sh shell, stop <-chan struct{}) error {
	var enter <-chan struct{}
	if output.IsTerminal(sh.in) {
		enter = prompt.Enter(sh.in)
	}
	select {
	case <-ctx.Done():
	case <-stop:
		fmt.Fprintln(sh.err, " • ended by hellox down")
	case <-enter:
	}
	return nil
}
