package sqlite

import (
	"crypto/sha256"
	"database/sql"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"hellox/history"
	"hellox/history/historytest"
)

// closedHistory makes a history with some messages and closes it.
func closedHistory(t *testing.T, path string) {
	t.Helper()
	s, err := Open(t.Context(), path, Options{})
	if err != nil {
		t.Fatal(err)
	}
	historytest.AppendAll(t, s, historytest.Hello("a", 1, 0), historytest.Foreign("x", "y", 1))
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

func alter(t *testing.T, path, statement string) {
	t.Helper()
	db, err := sql.Open("sqlite", "file:"+path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.Exec(statement); err != nil {
		t.Fatal(err)
	}
}

func write(t *testing.T, path string, content []byte) {
	t.Helper()
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
}

// hashes returns the content of every file in dir but locks.
func hashes(t *testing.T, dir string) map[string][32]byte {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	sums := map[string][32]byte{}
	for _, e := range entries {
		if strings.HasSuffix(e.Name(), ".lock") || strings.HasSuffix(e.Name(), "-shm") {
			continue // neither holds anything that lasts
		}
		content, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		sums[e.Name()] = sha256.Sum256(content)
	}
	return sums
}

// Files that are not to be used are refused with a sentence and a hint, and
// left as they are.
func TestRefusedAndUntouched(t *testing.T) {
	for _, c := range []struct {
		name  string
		make  func(t *testing.T, path string)
		want  string
		posix bool
	}{
		{"of a newer version", func(t *testing.T, path string) {
			closedHistory(t, path)
			alter(t, path, "PRAGMA user_version = 99")
		}, "version 99", false},
		{"not a database", func(t *testing.T, path string) { write(t, path, []byte(strings.Repeat("Dear diary, ", 100))) }, "not a history of hellox", false},
		{"a short file", func(t *testing.T, path string) { write(t, path, []byte("x")) }, "not a history of hellox", false},
		{"another program's database", func(t *testing.T, path string) { alter(t, path, "CREATE TABLE theirs(x)") }, "not a history of hellox", false},
		{"cut off", func(t *testing.T, path string) {
			closedHistory(t, path)
			if err := os.Truncate(path, 8192); err != nil {
				t.Fatal(err)
			}
		}, "it is damaged", false},
		{"its pages overwritten", func(t *testing.T, path string) {
			closedHistory(t, path)
			f, err := os.OpenFile(path, os.O_WRONLY, 0)
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			if _, err := f.WriteAt([]byte(strings.Repeat("damage", 1000)), 4096); err != nil {
				t.Fatal(err)
			}
		}, "it is damaged", false},
		{"only its log is left", func(t *testing.T, path string) { write(t, path+"-wal", []byte("log")) }, "still there", false},
		{"a folder", func(t *testing.T, path string) {
			if err := os.Mkdir(path, 0o700); err != nil {
				t.Fatal(err)
			}
		}, "not a regular file", false},
		{"a symbolic link", func(t *testing.T, path string) {
			closedHistory(t, path+".real")
			if err := os.Symlink(path+".real", path); err != nil {
				t.Fatal(err)
			}
		}, "symbolic link", true},
		{"a symbolic link for its lock", func(t *testing.T, path string) {
			if err := os.Symlink(path+".elsewhere", path+".lock"); err != nil {
				t.Fatal(err)
			}
		}, "symbolic link", true},
		{"in a folder that every user may write to", func(t *testing.T, path string) {
			if err := os.Chmod(filepath.Dir(path), 0o777); err != nil {
				t.Fatal(err)
			}
		}, "every user may write", true},
	} {
		t.Run(c.name, func(t *testing.T) {
			if c.posix && runtime.GOOS == "windows" {
				t.Skip("Windows has neither such links nor such permissions")
			}
			path := filepath.Join(t.TempDir(), "history.db")
			c.make(t, path)
			if info, err := os.Stat(path); err == nil && info.IsDir() {
				defer os.Remove(path)
				if _, err := Open(t.Context(), path, Options{}); err == nil || !strings.Contains(err.Error(), c.want) {
					t.Fatalf("%v", err)
				}
				return
			}
			before := hashes(t, filepath.Dir(path))
			s, err := Open(t.Context(), path, Options{})
			if err == nil {
				s.Close()
				t.Fatal("it was taken")
			}
			var refused *FileError
			if !errors.As(err, &refused) || !strings.Contains(err.Error(), c.want) || refused.Hint() == "" {
				t.Errorf("refused with %q, hint %q", err, refused.Hint())
			}
			after := hashes(t, filepath.Dir(path))
			if len(before) != len(after) {
				t.Errorf("files before %d, after %d", len(before), len(after))
			}
			for name, sum := range before {
				if after[name] != sum {
					t.Errorf("%s has changed", name)
				}
			}
		})
	}
}

// A version that stands only in the log is found too, and the log is left.
func TestNewerVersionInTheLog(t *testing.T) {
	path := filepath.Join(t.TempDir(), "history.db")
	closedHistory(t, path)
	s := openTest(t, path, Options{})
	if err := s.writer.Script(t.Context(), "PRAGMA user_version = 7"); err != nil {
		t.Fatal(err)
	}
	crash(t, s)
	copied := filepath.Join(t.TempDir(), "history.db")
	for _, rest := range []string{"", "-wal"} {
		content, err := os.ReadFile(path + rest)
		if err != nil {
			t.Fatal(err)
		}
		write(t, copied+rest, content)
	}
	before := hashes(t, filepath.Dir(copied))
	if _, err := Open(t.Context(), copied, Options{}); err == nil || !strings.Contains(err.Error(), "version 7") {
		t.Fatalf("%v", err)
	}
	after := hashes(t, filepath.Dir(copied))
	if len(after) != 2 || before["history.db"] != after["history.db"] || before["history.db-wal"] != after["history.db-wal"] {
		t.Error("what was refused has changed")
	}
}

func TestTwoReceiversOnOneFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "history.db")
	s := openTest(t, path, Options{})
	_, err := Open(t.Context(), path, Options{})
	var refused *FileError
	if !errors.As(err, &refused) || !strings.Contains(err.Error(), "another receiver is using it") {
		t.Fatalf("%v", err)
	}
	historytest.AppendAll(t, s, historytest.Hello("a", 1, 0))
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	openTest(t, path, Options{})
}

// What a killed creation leaves is no history, and is no hindrance.
func TestKilledWhileCreating(t *testing.T) {
	path := filepath.Join(t.TempDir(), "history.db")
	write(t, path+".new", []byte("half of a database"))
	write(t, path+".new-journal", []byte("and its journal"))
	write(t, path, nil)
	s := openTest(t, path, Options{})
	historytest.AppendAll(t, s, historytest.Hello("a", 1, 0))
	if runtime.GOOS != "windows" {
		if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("permissions %v, %v", info.Mode(), err)
		}
	}
}

func TestMigration(t *testing.T) {
	path := filepath.Join(t.TempDir(), "history.db")
	closedHistory(t, path)
	steps := append(migrations(), "CREATE TABLE later(x); INSERT INTO later SELECT id FROM m", "CREATE TABLE latest(x); INSERT INTO nowhere VALUES(1)")
	_, err := open(t.Context(), path, Options{}, steps)
	if err == nil || !strings.Contains(err.Error(), "from version 3 to 4") {
		t.Fatalf("a step that fails: %v", err)
	}
	s, err := open(t.Context(), path, Options{}, steps[:3])
	if err != nil {
		t.Fatalf("the step before it has been taken: %v", err)
	}
	defer s.Close()
	if n, _, err := s.writer.Integer(t.Context(), "SELECT count(*) FROM later"); n != 2 || err != nil {
		t.Errorf("%d rows migrated, %v", n, err)
	}
	if n, ok, _ := s.writer.Integer(t.Context(), "SELECT 1 FROM sqlite_schema WHERE name = 'latest'"); ok {
		t.Errorf("half of a step was taken: %d", n)
	}
	page, err := s.Messages(t.Context(), history.Query{})
	if err != nil || len(page.Messages) != 2 {
		t.Errorf("%v, %d messages", err, len(page.Messages))
	}
}
