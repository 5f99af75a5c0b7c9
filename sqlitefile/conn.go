package sqlitefile

import (
	"context"
	"database/sql/driver"
	"errors"
	"io"
	"net/url"
	"path/filepath"
	"strings"

	"modernc.org/sqlite"
	sqlitelib "modernc.org/sqlite/lib"
)

// A Conn is one connection to a SQLite file, used by one goroutine at a time.
// It is the driver's own, without database/sql between: an append costs a
// fifth less, and a statement is prepared once for each connection.
type Conn struct {
	dc    driver.Conn
	stmts map[string]driver.Stmt
}

// Dial opens a connection to the file at an absolute path, or with "" to one in
// memory. The path is escaped, so no part of it is taken for an option. options
// are those of modernc.org/sqlite, as in a query of a URL.
func Dial(ctx context.Context, path, options string) (*Conn, error) {
	file := "file::memory:"
	if path != "" {
		p := filepath.ToSlash(path)
		if !strings.HasPrefix(p, "/") {
			p = "/" + p // C:/… on Windows
		}
		file = (&url.URL{Scheme: "file", Path: p}).String()
	}
	dsn := file + "?_error_rc=1&_defensive=1&_dqs=0&_pragma=trusted_schema(0)&_pragma=cell_size_check(1)&" + options
	connector, err := sqlite.NewConnector(dsn)
	if err != nil {
		return nil, err
	}
	dc, err := connector.Connect(ctx)
	if err != nil {
		return nil, err
	}
	return &Conn{dc: dc, stmts: map[string]driver.Stmt{}}, nil
}

// Close closes the connection and its statements.
func (c *Conn) Close() error {
	for _, s := range c.stmts {
		s.Close()
	}
	return c.dc.Close()
}

// KeepWAL lets the write-ahead log, emptied, and its index outlive the last
// connection: to make them anew takes room, and a history must open on a full
// disk.
func (c *Conn) KeepWAL() error {
	control, ok := c.dc.(sqlite.FileControl)
	if !ok {
		return errors.New("the SQLite driver offers no file control")
	}
	_, err := control.FileControlPersistWAL("main", 1)
	return err
}

// Prepare returns a statement that stays prepared until Close.
func (c *Conn) Prepare(query string) (driver.Stmt, error) {
	if s := c.stmts[query]; s != nil {
		return s, nil
	}
	s, err := c.dc.Prepare(query)
	if err != nil {
		return nil, err
	}
	c.stmts[query] = s
	return s, nil
}

// Exec runs one statement, which stays prepared.
func (c *Conn) Exec(query string, args ...any) error {
	s, err := c.Prepare(query)
	if err != nil {
		return err
	}
	_, err = s.(driver.StmtExecContext).ExecContext(context.Background(), Named(args))
	return err
}

// Script runs statements that are not run again.
func (c *Conn) Script(ctx context.Context, query string) error {
	_, err := c.dc.(driver.ExecerContext).ExecContext(ctx, query, nil)
	return err
}

// Query calls row for each row, which may keep the values.
func (c *Conn) Query(ctx context.Context, query string, row func([]driver.Value) error, args ...any) error {
	s, err := c.Prepare(query)
	if err != nil {
		return err
	}
	return each(ctx, s, row, args)
}

// QueryOnce is Query for a statement that does not stay prepared.
func (c *Conn) QueryOnce(ctx context.Context, query string, row func([]driver.Value) error, args ...any) error {
	s, err := c.dc.Prepare(query)
	if err != nil {
		return err
	}
	defer s.Close()
	return each(ctx, s, row, args)
}

func each(ctx context.Context, s driver.Stmt, row func([]driver.Value) error, args []any) error {
	rows, err := s.(driver.StmtQueryContext).QueryContext(ctx, Named(args))
	if err != nil {
		return err
	}
	defer rows.Close()
	dest := make([]driver.Value, len(rows.Columns()))
	for {
		switch err := rows.Next(dest); {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		}
		if err := row(dest); err != nil {
			return err
		}
	}
}

// Integer returns the one integer that query selects; false if there is no
// row, or NULL.
func (c *Conn) Integer(ctx context.Context, query string, args ...any) (n int64, ok bool, err error) {
	err = c.Query(ctx, query, func(v []driver.Value) error {
		n, ok = v[0].(int64)
		return nil
	}, args...)
	return n, ok, err
}

// Transact runs f in one transaction.
func (c *Conn) Transact(f func() error) error {
	if err := c.Exec("BEGIN IMMEDIATE"); err != nil {
		return err
	}
	err := f()
	if err == nil {
		err = c.Exec("COMMIT")
	}
	if err != nil {
		// After some errors SQLite has rolled back by itself, and this fails.
		_ = c.Exec("ROLLBACK")
	}
	return err
}

// Named returns the arguments of a statement, as the driver takes them.
func Named(args []any) []driver.NamedValue {
	values := make([]driver.NamedValue, len(args))
	for i, a := range args {
		values[i] = driver.NamedValue{Ordinal: i + 1, Value: a}
	}
	return values
}

// IsFull reports whether err only means that there is no room: the transaction is
// undone, and may succeed when there is.
func IsFull(err error) bool {
	code, ok := sqliteCode(err)
	// Growing the shared memory file, which lies beside the database, reports
	// a full disk as an I/O error of its own.
	return ok && (code&0xff == sqlitelib.SQLITE_FULL || code == sqlitelib.SQLITE_IOERR_SHMSIZE)
}

// IsBusy reports whether err only means that another program has locked the file.
func IsBusy(err error) bool {
	code, ok := sqliteCode(err)
	return ok && code&0xff == sqlitelib.SQLITE_BUSY
}

// IsIO reports whether err means that the disk, and not the file, is at fault.
func IsIO(err error) bool {
	code, ok := sqliteCode(err)
	return ok && code&0xff == sqlitelib.SQLITE_IOERR
}

// IsDamaged reports whether err means that the file is not what it should be.
func IsDamaged(err error) bool {
	code, ok := sqliteCode(err)
	return ok && (code&0xff == sqlitelib.SQLITE_CORRUPT || code&0xff == sqlitelib.SQLITE_NOTADB)
}

// IsMisfit reports whether err means that a statement does not fit the tables of
// the file: their definitions are not those that were written.
func IsMisfit(err error) bool {
	code, ok := sqliteCode(err)
	return ok && code&0xff == sqlitelib.SQLITE_ERROR
}

func sqliteCode(err error) (int, bool) {
	var e *sqlite.Error
	if !errors.As(err, &e) {
		return 0, false
	}
	return e.Code(), true
}
