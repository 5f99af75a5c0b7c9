package main

import (
	"bytes"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// The time of --for is over before a broker that never answers is connected.
func TestWatchForWithoutConnection(t *testing.T) {
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	for _, more := range [][]string{nil, {"-n", "3"}} {
		var out, errs bytes.Buffer
		sh := shell{in: new(bytes.Buffer), out: &out, err: &errs, env: func(string) (string, bool) { return "", false }}
		args := append([]string{"watch", "mqtt://" + silent.Addr().String(), "--for", "300ms"}, more...)
		if code := run(t.Context(), args, sh); code != exitMissing || !strings.Contains(errs.String(), "it was not connected when the 300ms of --for were over") {
			t.Errorf("%v ended with %d: %s", args, code, errs.String())
		}
	}
}

// A message for hellox's own broker has hellox's limit; another broker has its own.
func TestPublishSize(t *testing.T) {
	for broker, want := range map[string]struct {
		code int
		said string
	}{
		"":                   {exitUsage, "topic and payload together have 262119 bytes; a hellox broker takes at most 262080"},
		"mqtt://127.0.0.1:1": {exitMissing, "refused"}, // it was tried
	} {
		var out, errs bytes.Buffer
		sh := shell{in: bytes.NewReader(make([]byte, 262_100)), out: &out, err: &errs, env: func(string) (string, bool) { return "", false }}
		if code := run(t.Context(), []string{"publish", "-", "--broker", broker}, sh); code != want.code || !strings.Contains(errs.String(), want.said) {
			t.Errorf("to %q it ended with %d: %s", broker, code, errs.String())
		}
	}
}

// --filter takes the @NAME of a filter that was kept, which completion offers.
func TestWatchNamedFilter(t *testing.T) {
	root := t.TempDir()
	write := func(path, text string) {
		path = filepath.Join(root, path)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("hellox/filters.toml", "hot = \"payload.temp>30\"\nwrong = \"delta>\"\nhigh = \"payload.temp>99\"\n")
	write("run.ndjson", `{"recording":1,"version":"test","source":"test","start":"2026-11-28T20:00:00.000000000Z"}`+"\n"+`{"id":1,"sender":"a","topic":"a","payload":"{\"temp\":31}","qos":0,"received":"2026-11-28T21:00:00.000000001Z"}`+"\n"+
		`{"id":2,"sender":"b","topic":"b","payload":"{\"temp\":29}","qos":0,"received":"2026-11-28T21:00:01.000000001Z"}`+"\n")
	watch := func(words ...string) (code int, out, errs string) {
		var o, e bytes.Buffer
		sh := shell{in: new(bytes.Buffer), out: &o, err: &e, env: func(name string) (string, bool) {
			if name != "XDG_CONFIG_HOME" {
				return "", false
			}
			return root, true
		}}
		return run(t.Context(), words, sh), o.String(), e.String()
	}
	file := filepath.Join(root, "run.ndjson")
	if code, out, errs := watch("watch", file, "--filter", "@hot", "--output", "json"); code != 0 || strings.Count(out, "\n") != 1 || !strings.Contains(out, `"topic":"a"`) {
		t.Errorf("%d: %s%s", code, out, errs)
	}
	for name, says := range map[string]string{
		"@cold":      `--filter: there is no filter named "cold"; there are @high, @hot, @wrong`,
		"@wrong":     "--filter: " + filepath.Join(root, "hellox", "filters.toml") + ": @wrong: column 7 of the filter",
		"@hot qos=1": "--filter: @hot stands alone: it cannot be combined with other terms",
	} {
		if code, _, errs := watch("watch", file, "--filter", name); code != exitUsage || !strings.Contains(errs, says) {
			t.Errorf("%s: %d: %s", name, code, errs)
		}
	}
	if _, out, _ := watch("__complete", "watch", "--filter", "@h"); !strings.HasPrefix(out, "@high\n@hot\n:4") {
		t.Errorf("completed to %q", out)
	}
}
