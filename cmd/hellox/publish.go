package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"hellox/bootstrap/install"
	"hellox/cmd/hellox/args"
	"hellox/cmd/hellox/output"
	"hellox/cmd/hellox/prompt"
	"hellox/history/remote"
	"hellox/stream"
	"hellox/stream/mqtt"
	"hellox/stream/safetext"
)

func newPublish(sh shell) *cobra.Command {
	var (
		selected selection
		flags    brokerFlags
		url      string
		topic    string
		qos      uint8
		retain   bool
		format   string
	)
	cmd := &cobra.Command{
		Use:   "publish TEXT",
		Short: "Publish one message (- reads it from stdin)",
		Example: `  hellox publish 'Hello back'
  echo '{"temp": 21.5}' | hellox publish - --topic hello_world/sensor
  hellox publish hi --broker mqtt://127.0.0.1:1883 --topic greetings`,
		Args: words(false, "TEXT"),
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx := cmd.Context()
			payload := []byte(args[0])
			if args[0] == "-" {
				var err error
				if payload, err = prompt.All(ctx, io.LimitReader(sh.in, maxStdin+1)); err != nil {
					return fmt.Errorf("read the message from stdin: %w", err)
				}
			}
			if len(payload) > maxStdin {
				return usage(fmt.Sprintf("publish takes at most %d bytes from stdin", maxStdin), "")
			}
			if url == "" { // another broker has limits of its own
				if err := stream.CheckSize(topic, payload); err != nil {
					return usage(err.Error(), "")
				}
			}
			to, err := dialBroker(ctx, sh, selected, flags, url)
			if err != nil {
				return err
			}
			defer to.close()
			if retain && len(payload) == 0 {
				if err := confirmClear(ctx, sh, to.broker, topic); err != nil {
					return err
				}
			}
			if err := to.conn.Publish(ctx, topic, payload, qos, retain); err != nil {
				return failed(fmt.Errorf("publish to %s: %w", safetext.Topic(topic), err), hintOf(err))
			}
			if qos == 0 && to.page != "" {
				warnUnstored(ctx, sh.err, to.page)
			}
			if format == "json" {
				return output.JSON(sh.out, struct {
					Broker string `json:"broker"`
					Topic  string `json:"topic"`
					Bytes  int    `json:"bytes"`
					QoS    uint8  `json:"qos"`
					Retain bool   `json:"retain"`
				}{to.broker.String(), topic, len(payload), qos, retain})
			}
			fmt.Fprintf(sh.err, "published %d bytes to %s\n", len(payload), safetext.Topic(topic))
			return nil
		},
	}
	f := cmd.Flags()
	selected.add(f)
	flags.add(f)
	f.StringVar(&url, "broker", "", "`URL` of the broker, or the @NAME of a connection (default: the installation's)")
	args.String(f, &topic, "topic", stream.TopicPublish, "`TOPIC` to publish to", stream.CheckTopic)
	args.Number(f, &qos, "qos", "", 1, 0, 2, "`0|1|2`; at 0 a broker of several nodes stores nothing: the history does not get the message")
	f.BoolVar(&retain, "retain", false, "retain the message: later subscribers receive it")
	outputFlag(f, &format, "`text|json`")
	return cmd
}

// confirmClear shows what the broker retains on topic and asks before it is cleared,
// if there is a person to ask.
func confirmClear(ctx context.Context, sh shell, broker mqtt.Broker, topic string) error {
	if !output.IsTerminal(sh.in) || !output.IsTerminal(sh.err) {
		return nil
	}
	name := safetext.Topic(topic)
	retained, err := mqtt.Retained(ctx, broker, topic)
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case err != nil:
		fmt.Fprintf(sh.err, "what %s retains cannot be read: %s\n", name, output.OneLine(err.Error()))
	case retained == nil:
		fmt.Fprintf(sh.err, "%s retains nothing\n", name)
		return nil
	default:
		text := []rune(output.OneLine(string(retained.Payload[:min(len(retained.Payload), 4*maxRetainedShown)])))
		if len(text) > maxRetainedShown {
			text = append(text[:maxRetainedShown], '…')
		}
		fmt.Fprintf(sh.err, "%s retains %d bytes: %s\n", name, len(retained.Payload), string(text))
	}
	yes, err := prompt.Confirm(ctx, sh.in, sh.err, "clear it?")
	if err == nil && !yes {
		return failed(errors.New("nothing was cleared: not confirmed"), "")
	}
	return err
}

// maxRetainedShown is how many characters of a retained payload are shown.
const maxRetainedShown = 400

// maxStdin is more than any packet that a client sends holds.
const maxStdin = 16 << 20

// warnUnstored says that a message at QoS 0 gets into no history, if that of the
// receiver at page is one of a broker of several nodes.
func warnUnstored(ctx context.Context, w io.Writer, page string) {
	ctx, cancel := context.WithTimeout(ctx, forwardAnswers)
	defer cancel()
	client, err := remote.Open(ctx, page)
	if err != nil {
		return // what was published is; status says what is wrong with the receiver
	}
	defer func() { _ = client.Close() }()
	if stats, err := client.Stats(ctx); err == nil && stats.Shared {
		fmt.Fprintln(w, "not stored: a broker of several nodes passes QoS 0 on and stores it nowhere; --qos 1 is stored")
	}
}

// A dialed is a connection to a broker. Its owner calls close.
type dialed struct {
	conn   *mqtt.Conn
	broker mqtt.Broker
	page   string // URL of the installation's page; "" without one
	close  func()
}

// dialBroker connects to the broker of that URL, or with none to that of the
// selected installation.
func dialBroker(ctx context.Context, sh shell, s selection, flags brokerFlags, url string) (d dialed, err error) {
	end := func() {}
	if url == "" {
		sh, err := remembering(sh)
		if err != nil {
			return d, err
		}
		a, err := s.connect(ctx, sh)
		if err != nil {
			return d, err
		}
		if err := a.ready(ctx, sh, install.RoleBroker); err != nil {
			a.close()
			return d, err
		}
		end, url, d.page = a.close, a.mqtt, a.web
	}
	if d.broker, err = flags.parse(ctx, sh, url); err != nil {
		end()
		return d, err
	}
	d.conn, err = mqtt.Dial(ctx, mqtt.DialOptions{Broker: d.broker, ClientID: flags.clientID})
	if err != nil {
		end()
		if ctx.Err() == nil && (errors.Is(err, mqtt.ErrUnreachable) || errors.Is(err, mqtt.ErrDenied)) {
			err = missing(err, hintOf(err))
		}
		return d, err
	}
	d.close = func() { d.conn.Close(); end() }
	return d, nil
}
