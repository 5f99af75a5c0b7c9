package broker

import (
	"bytes"
	"database/sql"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// refuses opens a store that cannot be used and wants the sentence, and the
// file untouched and closed.
func refuses(t *testing.T, store, want string) {
	t.Helper()
	path := filepath.Join(store, "broker.db")
	before, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	_, err = New(Options{Store: store})
	if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), store) {
		t.Errorf("got %v, want %q and the folder in it", err, want)
	}
	after, err := os.ReadFile(path)
	if err != nil || !bytes.Equal(before, after) {
		t.Errorf("the file was changed (%v)", err)
	}
	if log, err := os.Stat(path + "-wal"); err == nil {
		t.Errorf("a log of %d bytes is left", log.Size())
	}
}

func TestStoreOfAnother(t *testing.T) {
	t.Run("not a database", func(t *testing.T) {
		store := t.TempDir()
		if err := os.WriteFile(filepath.Join(store, "broker.db"), bytes.Repeat([]byte("hello "), 1000), 0o600); err != nil {
			t.Fatal(err)
		}
		refuses(t, store, "not a database")
	})
	t.Run("another database", func(t *testing.T) {
		store := t.TempDir()
		change(t, store, "CREATE TABLE diary (day TEXT)")
		refuses(t, store, "not a broker's store")
	})
	t.Run("newer", func(t *testing.T) {
		store := t.TempDir()
		_, stop := startStop(t, Options{Store: store})
		stop()
		change(t, store, "PRAGMA user_version = 99")
		refuses(t, store, "newer hellox")
	})
}

func change(t *testing.T, store, query string) {
	t.Helper()
	db, err := sql.Open("sqlite", filepath.Join(store, "broker.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.Exec(query); err != nil {
		t.Fatal(err)
	}
}

func TestStoreInUse(t *testing.T) {
	store := t.TempDir()
	p := newProcess(t, store)
	p.start(t)
	if _, err := New(Options{Store: store}); err == nil || !strings.Contains(err.Error(), "another broker has it open") {
		t.Errorf("a second broker on the store: %v", err)
	}
	connect(t, p.addr, hello{id: "first"}) // the first one goes on
}

// A flipped bit in a message is named when the message is to be sent: it is not
// passed on as if it were true, and what came after it is.
func TestDamagedMessage(t *testing.T) {
	store := t.TempDir()
	b, stop := startStop(t, Options{Store: store})
	away(t, b, "sub", "x")
	connect(t, b.Addr(0), hello{id: "pub"}).publish("x", "needle", 1, false)
	stop()
	path := filepath.Join(store, "broker.db")
	file, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	at := bytes.Index(file, []byte("needle"))
	if at < 0 {
		t.Fatal("the message is not in the file")
	}
	file[at] ^= 1
	if err := os.WriteFile(path, file, 0o600); err != nil {
		t.Fatal(err)
	}
	var said safeBuffer
	b, stop = startStop(t, Options{Store: store, Log: slog.New(slog.NewTextHandler(&said, nil))})
	defer stop()
	connect(t, b.Addr(0), hello{id: "pub"}).publish("x", "after it", 1, false)
	sub, _, _ := tryConnect(t, b.Addr(0), hello{id: "sub", keep: true})
	if got := sub.take().payload; got != "after it" {
		t.Errorf("got %q", got)
	}
	if !strings.Contains(said.String(), "damaged on the disk") {
		t.Errorf("the log says %q", said.String())
	}
}

// TestStoreV1 opens a store that hellox wrote before the journal became a
// package: three sessions, one of which had acknowledged two messages, and
// one retained message.
func TestStoreV1(t *testing.T) {
	store := t.TempDir()
	db, err := os.ReadFile(filepath.Join("testdata", "store-v1", "broker.db"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(store, "broker.db"), db, 0o600); err != nil {
		t.Fatal(err)
	}
	b := start(t, Options{Store: store})
	hellos := func(from int) (want []string) {
		for n := from; n < 6; n++ {
			want = append(want, "hello_world/broadcast/broadcast-0 Hello world "+strconv.Itoa(n))
		}
		return want
	}
	for _, test := range []struct {
		id   string
		v5   bool
		want []string
	}{
		{"away", false, append(append([]string{"hellox/presence/broadcast-0 here"}, hellos(0)...), "hello_world/elsewhere not for five")},
		{"taken", false, append(hellos(2), "hello_world/elsewhere not for five")},
		{"five", true, nil},
	} {
		c, code, present := tryConnect(t, b.Addr(0), hello{id: test.id, keep: true, v5: test.v5, resume: true})
		if code != 0 || !present {
			t.Fatalf("%s: code %#x, session present %v", test.id, code, present)
		}
		for _, want := range test.want {
			if g := c.take(); g.topic+" "+g.payload != want || g.qos != 1 {
				t.Fatalf("%s got %+v, want %s", test.id, g, want)
			}
		}
		c.silent()
	}
	c := connect(t, b.Addr(0), hello{id: "new"})
	c.subscribe(1, "hellox/presence/+")
	if g := c.take(); g.payload != "here" || !g.retain {
		t.Errorf("got %+v, want what was retained", g)
	}
	connect(t, b.Addr(0), hello{id: "pub"}).publish("hello_world/broadcast/x", "new", 1, false)
	five := connect(t, b.Addr(0), hello{id: "five", keep: true, v5: true, resume: true})
	if g := five.take(); g.payload != "new" {
		t.Errorf("got %+v", g)
	}
}
