package main

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"hellox/cmd/hellox/args"
	"hellox/cmd/hellox/output"
	"hellox/stream"
	"hellox/tui/units"
)

func newTell(sh shell) *cobra.Command {
	var (
		selected selection
		flags    brokerFlags
		url      string
		format   string
	)
	cmd := &cobra.Command{
		Use:   "tell SENDER VERB",
		Short: "Command one broadcaster: say, pause, resume, interval or identify",
		Long: `Command one broadcaster, and print its answer and the round trip.

  say TEXT            publish TEXT at once
  pause, resume       stop publishing Hello world, and continue
  interval MIN MAX    wait between MIN and MAX from now on
  identify            publish which broadcaster it is`,
		Example: `  hellox tell broadcast-0 say 'Hello back'
  hellox tell broadcast-0 interval 200ms 2s`,
		Args: words(true, "SENDER", "VERB (say, pause, resume, interval or identify)"),
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx, typed := cmd.Context(), typedSelection(cmd.Flags())
			command, err := stream.ParseCommand(args[1], args[2:]...)
			if err != nil {
				return usage(err.Error(), tellHint(typed, args))
			}
			if !stream.ValidID(args[0]) {
				return usage(fmt.Sprintf("%q cannot be a broadcaster's id", args[0]), "hellox status"+selected.flags())
			}
			to, err := dialBroker(ctx, sh, selected, flags, url)
			if err != nil {
				return err
			}
			defer to.close()
			answer, roundTrip, err := to.conn.Ask(ctx, args[0], command)
			var absent *stream.AbsentError
			if errors.As(err, &absent) {
				return missing(fmt.Errorf("tell %s: %w", output.OneLine(args[0]), err), absentHint(absent, typed, args))
			}
			if errors.Is(err, stream.ErrNoAnswer) {
				return failed(fmt.Errorf("tell %s: %w", args[0], err), cmp.Or(hintOf(err), "hellox status"+selected.flags()+" lists the broadcasters"))
			}
			if err != nil {
				return fmt.Errorf("tell %s: %w", args[0], err)
			}
			if format == "json" {
				if err := output.JSON(sh.out, struct {
					Sender      string        `json:"sender"`
					Answer      stream.Answer `json:"answer"`
					RoundTripMS float64       `json:"round_trip_ms"`
				}{args[0], answer, stream.Millis(roundTrip)}); err != nil {
					return err
				}
			} else if answer.OK {
				if _, err := fmt.Fprintf(sh.out, "%s: ok, %s; answered in %s\n", output.OneLine(args[0]), command.Done(answer.State), units.Latency(roundTrip)); err != nil {
					return fmt.Errorf("print the answer: %w", err)
				}
			}
			if !answer.OK {
				return fmt.Errorf("tell %s: it answers: %s", args[0], answer.Error)
			}
			return nil
		},
	}
	f := cmd.Flags()
	selected.add(f)
	flags.add(f)
	f.StringVar(&url, "broker", "", "`URL` of the broker, or the @NAME of a connection (default: the installation's)")
	outputFlag(f, &format, "`text|json`")
	return cmd
}

// tellHint returns what to type instead of a command that is none: a text of
// several words in quotes, else the help.
func tellHint(typed string, args []string) string {
	if args[1] != string(stream.Say) || len(args) < 4 {
		return "hellox tell --help"
	}
	text := strings.Join(args[2:], " ")
	return fmt.Sprintf("hellox tell%s %s say '%s'", typed, output.OneLine(args[0]), output.OneLine(strings.ReplaceAll(text, "'", `'\''`)))
}

// typedSelection returns the flags on the command line that select an installation or a
// broker, each after a space, but the password.
func typedSelection(flags *pflag.FlagSet) string {
	typed := ""
	for _, word := range args.Words(flags, "target", "profile", "namespace", "broker", "user", "ca", "cert", "key", "server-name", "client-id") {
		typed += " " + word
	}
	if flags.Changed("insecure") {
		typed += " --insecure"
	}
	return typed
}

// absentHint returns the command to type instead, with what was typed.
func absentHint(absent *stream.AbsentError, typed string, given []string) string {
	if len(absent.Here) == 0 {
		if strings.Contains(typed, " --broker ") {
			return "hellox broadcast" + typed
		}
		return "hellox scale 1" + typed
	}
	words := []string{"hellox tell" + typed, args.Quote(slices.Min(absent.Here))}
	for _, word := range given[1:] {
		words = append(words, args.Quote(word))
	}
	return strings.Join(words, " ")
}
