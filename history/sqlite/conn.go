package sqlite

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"net/url"
	"path/filepath"
	"strings"

	"modernc.org/sqlite"
	sqlitelib "modernc.org/sqlite/lib"
)

// A conn is one connection to a SQLite file, used by one goroutine at a time.
// It is the driver's own, without database/sql between: an append costs a
// fifth less so, and a statement is prepared once a connection.
type conn struct {
	dc    driver.Conn
	stmts map[string]driver.Stmt
}

// How a connection may use the file.
const (
	asWriter = "_txlock=immediate&_pragma=busy_timeout(5000)&_pragma=synchronous(FULL)&_pragma=cache_size(-65536)&_pragma=journal_size_limit(67108864)"
	asReader = "_pragma=busy_timeout(5000)&_pragma=query_only(1)&_pragma=cache_size(-8192)"
	// A visitor changes nothing, not even by closing. Where there is no log,
	// or nothing in it, it may take the file for immutable: else it
	// makes an empty log.
	asVisitor     = "mode=ro&_pragma=busy_timeout(5000)"
	asSoleVisitor = "mode=ro&immutable=1"
)

// dial opens a connection. The path is escaped, so no part of it is taken for
// an option.
func dial(ctx context.Context, path, as string) (*conn, error) {
	p := filepath.ToSlash(path)
	if !strings.HasPrefix(p, "/") {
		p = "/" + p // C:/… on Windows
	}
	dsn := (&url.URL{Scheme: "file", Path: p}).String() + "?_error_rc=1&_defensive=1&_dqs=0&_pragma=trusted_schema(0)&_pragma=cell_size_check(1)&" + as
	connector, err := sqlite.NewConnector(dsn)
	if err != nil {
		return nil, err
	}
	dc, err := connector.Connect(ctx)
	if err != nil {
		return nil, err
	}
	return &conn{dc: dc, stmts: map[string]driver.Stmt{}}, nil
}

func (c *conn) close() error {
	for _, s := range c.stmts {
		s.Close()
	}
	return c.dc.Close()
}

// keepLog lets the write-ahead log, emptied, and its index outlive the last
// connection: to make them anew takes room, and a history must open on a full
// disk.
func (c *conn) keepLog() error {
	control, ok := c.dc.(sqlite.FileControl)
	if !ok {
		return errors.New("the SQLite driver offers no file control")
	}
	_, err := control.FileControlPersistWAL("main", 1)
	return err
}

func (c *conn) prepare(query string) (driver.Stmt, error) {
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

// exec runs one statement, which stays prepared.
func (c *conn) exec(query string, args ...any) error {
	s, err := c.prepare(query)
	if err != nil {
		return err
	}
	_, err = s.(driver.StmtExecContext).ExecContext(context.Background(), named(args))
	return err
}

// script runs statements that are not run again.
func (c *conn) script(ctx context.Context, query string) error {
	_, err := c.dc.(driver.ExecerContext).ExecContext(ctx, query, nil)
	return err
}

// query calls row for each row, which may keep the values.
func (c *conn) query(ctx context.Context, query string, row func([]driver.Value) error, args ...any) error {
	s, err := c.prepare(query)
	if err != nil {
		return err
	}
	return each(ctx, s, row, args)
}

// once is query for a statement that does not stay prepared.
func (c *conn) once(ctx context.Context, query string, row func([]driver.Value) error, args ...any) error {
	s, err := c.dc.Prepare(query)
	if err != nil {
		return err
	}
	defer s.Close()
	return each(ctx, s, row, args)
}

func each(ctx context.Context, s driver.Stmt, row func([]driver.Value) error, args []any) error {
	rows, err := s.(driver.StmtQueryContext).QueryContext(ctx, named(args))
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

// integer returns the one integer that query selects; false if there is no
// row, or NULL.
func (c *conn) integer(ctx context.Context, query string, args ...any) (n int64, ok bool, err error) {
	err = c.query(ctx, query, func(v []driver.Value) error {
		n, ok = v[0].(int64)
		return nil
	}, args...)
	return n, ok, err
}

// transact runs f in one transaction.
func (c *conn) transact(f func() error) error {
	if err := c.exec("BEGIN IMMEDIATE"); err != nil {
		return err
	}
	err := f()
	if err == nil {
		err = c.exec("COMMIT")
	}
	if err != nil {
		// After some errors SQLite has rolled back by itself, and this fails.
		_ = c.exec("ROLLBACK")
	}
	return err
}

func named(args []any) []driver.NamedValue {
	values := make([]driver.NamedValue, len(args))
	for i, a := range args {
		values[i] = driver.NamedValue{Ordinal: i + 1, Value: a}
	}
	return values
}

// isFull reports whether err only means that there is no room: the transaction is
// undone, and may succeed when there is.
func isFull(err error) bool {
	code, ok := sqliteCode(err)
	// Growing the shared memory file, which lies beside the database, reports
	// a full disk as an I/O error of its own.
	return ok && (code&0xff == sqlitelib.SQLITE_FULL || code == sqlitelib.SQLITE_IOERR_SHMSIZE)
}

// isBusy reports whether err only means that another program has locked the file.
func isBusy(err error) bool {
	code, ok := sqliteCode(err)
	return ok && code&0xff == sqlitelib.SQLITE_BUSY
}

// isDamage reports whether err means that the file is not what it should be.
func isDamage(err error) bool {
	code, ok := sqliteCode(err)
	return ok && (code&0xff == sqlitelib.SQLITE_CORRUPT || code&0xff == sqlitelib.SQLITE_NOTADB)
}

func sqliteCode(err error) (int, bool) {
	var e *sqlite.Error
	if !errors.As(err, &e) {
		return 0, false
	}
	return e.Code(), true
}

// badColumn is the error of a value that the schema does not allow.
func badColumn(table string, v driver.Value) error {
	return fmt.Errorf("table %s holds a %T where it should not", table, v)
}
