package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/dustin/go-humanize"

	"hellox/cmd/hellox/args"
	"hellox/cmd/hellox/output"
	"hellox/history"
	"hellox/history/file"
	"hellox/tui/lines"
	"hellox/tui/source"
)

// recordFlags are those of a recording.
type recordFlags struct {
	path, size string
	files      int
}

func (f *recordFlags) add(flags flagSet) {
	flags.StringVar(&f.path, "record", "", "also write the messages to `FILE`, compressed if it ends in .zst")
	flags.StringVar(&f.size, "record-size", "1GiB", "at `BYTES`, rename the file of --record to FILE.1 (and so on) and begin the next")
	args.Number(flags, &f.files, "record-files", "", file.DefaultFiles, 1, 1000, "keep the newest `N` files of --record")
}

// create begins a recording of the view at path.
func (v view) create(path string) (*file.Writer, error) {
	size, err := humanize.ParseBytes(v.record.size)
	if err != nil || size < 4<<10 || size > 1<<50 {
		return nil, usage(fmt.Sprintf("--record-size takes 4KiB or more, not %q", v.record.size), "hellox watch --record-size 1GiB")
	}
	if info, err := os.Stat(path); err == nil && !info.Mode().IsRegular() {
		return nil, usage(fmt.Sprintf("record to %s: a recording is a regular file, and this is none", path), "hellox watch --output json > "+args.Quote(path))
	}
	w, err := file.Create(path, file.Options{Version: thisVersion().String(), Source: v.title, MaxSize: int64(size), Files: v.record.files})
	switch {
	case errors.Is(err, file.ErrNotRecording):
		return nil, usage(fmt.Sprintf("record to %s: the file is no recording of hellox, and is left as it is", path), "hellox watch --record "+newRecording(time.Now()))
	case errors.Is(err, file.ErrInUse):
		return nil, missing(err, "hellox watch --record "+newRecording(time.Now()))
	}
	return w, err
}

// newRecording is the name of a recording that begins then.
func newRecording(now time.Time) string { return "hellox-" + now.Format("20060102T150405") + ".ndjson" }

// begin begins the recording that --record names, before anything is connected: a
// wrong name is told at once.
func (v *view) begin() (err error) {
	if v.record.path != "" {
		v.writer, err = v.create(v.record.path)
	}
	return err
}

// recorder returns what the screen records with; nil for a recording.
func (v view) recorder() *source.Recorder {
	if v.clock != nil {
		return nil
	}
	return &source.Recorder{Begun: v.writer, Since: v.since, Select: v.selected, Open: func() (*file.Writer, error) {
		return v.create(cmp.Or(v.record.path, newRecording(time.Now())))
	}}
}

// recordLines returns what is given each batch that is written. What cannot be recorded
// is told once, and watching goes on.
func (v view) recordLines(sh shell) func([]history.Event) {
	told := false
	return func(events []history.Event) {
		if err := v.writer.Write(events); err != nil && !told {
			told = true
			fmt.Fprintf(sh.err, "%s; the stream goes on\n", output.OneLine(err.Error()))
		}
	}
}

// recorded ends a recording, if there is one, and says how much was recorded.
func recorded(sh shell, last func() *file.Writer) {
	w := last()
	if w == nil {
		return
	}
	err := w.Close()
	text := "recorded " + source.RecordedText(w.Status())
	if err != nil {
		text += ", and then no more: " + err.Error()
	}
	fmt.Fprintln(sh.err, output.OneLine(text))
}

// file shows a recording. On the screen it is paged; as lines it is read once, and
// followed while it is written.
func (v view) file(ctx context.Context, sh shell, path string) error {
	v.title = filepath.Base(path)
	var damage func() file.Damage
	var err error
	if v.output == "tui" {
		store, openErr := file.Open(ctx, path, progressOf(sh, path))
		if openErr != nil {
			return fileError(ctx, path, openErr)
		}
		defer store.Close()
		damage = store.Damage
		v.clock = func() time.Time { return store.Now().Local() }
		err = v.show(ctx, sh, store, nil)
	} else {
		follower, openErr := file.Follow(ctx, path, v.selected, v.since)
		if openErr != nil {
			return fileError(ctx, path, openErr)
		}
		damage = follower.Damage
		err = v.lines(ctx, sh, lines.Options{Follower: follower})
	}
	if err != nil {
		return fileError(ctx, path, err)
	}
	if text := damage().String(); text != "" {
		fmt.Fprintf(sh.err, "%s: %s\n", output.OneLine(path), text)
	}
	return nil
}

// fileError returns err, that of a recording, with its exit code and hint.
func fileError(ctx context.Context, path string, err error) error {
	switch {
	case ctx.Err() != nil:
		return err
	case errors.Is(err, file.ErrNotRecording):
		return usage(fmt.Sprintf("watch %s: it is not a recording of hellox", path), "hellox watch --record "+newRecording(time.Now())+" makes one")
	case errors.Is(err, fs.ErrNotExist):
		return usage(fmt.Sprintf("watch %s: there is no such file", path), "hellox watch --record "+args.Quote(path)+" makes one")
	}
	return err
}

// progressOf shows how far a large recording has been read.
func progressOf(sh shell, path string) file.Progress {
	if !output.Capable(sh.err, sh.env) {
		return nil
	}
	return func(read, size int64) {
		fmt.Fprintf(sh.err, "\r\x1b[Kreading %s: %d %%\r", output.OneLine(path), 100*read/max(size, 1))
	}
}
