// Package changes tells what differs between two payloads.
//
//	{"temp":21.5,"on":true}  ─┐
//	                          ├─▶  ~ payload.temp 21.5 → 21.6 (+0.1)
//	{"temp":21.6,"id":7}     ─┘    + payload.id 7
//	                               − payload.on true
//
// JSON is compared value by value, by its source: nothing is parsed into binary
// numbers. All else is compared as texts, or by size. web/static/js/changes.js does
// the same on the page; testdata/cases.json is read by the tests of both.
//
// Which messages are compared is not decided here.
package changes
