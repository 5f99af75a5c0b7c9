// Package origin refuses requests that another site, another port or another
// name made a browser send.
//
//	request ─ Host ─ Sec-Fetch-Site ─ Origin ─ unsafe methods ─ next
//	          421        403           403          403
//
// It knows HTTP and nothing of hellox. The headers of every answer, the
// Content Security Policy among them, lie in the parent package.
package origin
