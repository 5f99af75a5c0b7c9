package sqlite

import (
	"database/sql/driver"
	"fmt"
)

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

// badColumn is the error of a value that the schema does not allow.
func badColumn(table string, v driver.Value) error {
	return fmt.Errorf("table %s holds a %T where it should not", table, v)
}
