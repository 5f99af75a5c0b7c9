package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"hellox/bootstrap/install"
	"hellox/cmd/hellox/args"
	"hellox/cmd/hellox/output"
	"hellox/cmd/hellox/state"
	"hellox/stream/safetext"
)

func newLogs(sh shell) *cobra.Command {
	var (
		selected selection
		o        install.LogOptions
		format   string
	)
	cmd := &cobra.Command{
		Use:       "logs [ROLE]",
		Short:     "Show the roles' logs",
		Example:   "  hellox logs receive -f\n  hellox logs --previous",
		Args:      oneRole,
		ValidArgs: roles(),
		RunE: func(cmd *cobra.Command, words []string) error {
			ctx := cmd.Context()
			if o.Follow && o.Previous {
				return usage("--follow and --previous cannot be combined: a previous container logs nothing more", "")
			}
			if len(words) == 1 {
				o.Role = words[0]
			}
			show := func(line install.LogLine) error {
				if format == "json" {
					return output.JSON(sh.out, line)
				}
				_, err := fmt.Fprintf(sh.out, "%s %s\n", line.Pod, safetext.Clean(line.Text))
				return err
			}
			instance, err := selected.selectAny(ctx, sh)
			if err != nil {
				return err
			}
			if instance.Target == targetLocal {
				if o.Previous {
					return usage("--previous is for pods: "+instance.String()+" has none", "hellox logs "+instance.Flags())
				}
				root, err := state.Root(sh.env)
				if err != nil {
					return err
				}
				return localLogs(ctx, state.DirOf(root, instance.Installation), o, show)
			}
			cluster, err := connectCluster(ctx, sh, instance.Installation)
			if err != nil {
				return err
			}
			o.Namespace = instance.Namespace
			return install.Logs(ctx, cluster.REST, o, show)
		},
	}
	f := cmd.Flags()
	selected.add(f)
	f.BoolVarP(&o.Follow, "follow", "f", false, "continue with new lines as they are logged")
	f.BoolVarP(&o.Previous, "previous", "p", false, "show the previous containers, before the last restart")
	args.Number(f, &o.Tail, "tail", "", -1, -1, args.NoLimit, "the last `LINES` of each pod; -1 is all")
	outputFlag(f, &format, "`text|json`")
	return cmd
}

// localLogs reads the log file of a local installation, whose roles share one
// process; Previous means nothing there.
func localLogs(ctx context.Context, dir state.Dir, o install.LogOptions, show func(install.LogLine) error) error {
	f, err := os.Open(dir.LogFile())
	if errors.Is(err, fs.ErrNotExist) {
		return missing(errors.New("show the logs: nothing was logged yet"), "hellox up --target local")
	}
	if err != nil {
		return fmt.Errorf("show the logs: %w", err)
	}
	defer f.Close()
	var kept []install.LogLine
	lines := bufio.NewReaderSize(f, 64<<10)
	for {
		text, err := lines.ReadString('\n')
		if line, ok := localLine(text, o.Role); ok && err == nil {
			if o.Tail < 0 {
				if err := show(line); err != nil {
					return err
				}
			} else if kept = append(kept, line); int64(len(kept)) > o.Tail {
				kept = kept[1:]
			}
		}
		if err == nil {
			continue
		}
		if !errors.Is(err, io.EOF) {
			return fmt.Errorf("show the logs: %w", err)
		}
		for _, line := range kept {
			if err := show(line); err != nil {
				return err
			}
		}
		kept, o.Tail = nil, -1
		if !o.Follow {
			return nil
		}
		// A file has no way to say that it grew; a person does not see the delay.
		if _, err := f.Seek(-int64(len(text)), io.SeekCurrent); err != nil {
			return fmt.Errorf("show the logs: %w", err)
		}
		lines.Reset(f)
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// localLine tells the role of a line of a local installation's log.
func localLine(text, role string) (install.LogLine, bool) {
	var said struct{ Role string }
	if json.Unmarshal([]byte(text), &said) != nil || role != "" && role != said.Role {
		return install.LogLine{}, false
	}
	return install.LogLine{Pod: said.Role, Role: said.Role, Text: text[:len(text)-1]}, true
}

func roles() []string { return []string{"broker", "broadcast", "receive"} }

// oneRole takes no argument, or a role.
func oneRole(_ *cobra.Command, words []string) error {
	if len(words) > 1 {
		return errors.New("logs takes one ROLE, or none for all")
	}
	if len(words) == 1 && !slices.Contains(roles(), words[0]) {
		return fmt.Errorf("logs takes broker, broadcast or receive, not %q", words[0])
	}
	return nil
}
