// Package jsonview shows JSON from its source: digits, order and names given
// twice stay as they were sent, and nothing is parsed into numbers.
//
//	{"id":1724442618569203714,"room":"k\u00fcche"}
//
//	{
//	  "id": 1724442618569203714,      Indent: indented, texts without escapes
//	  "room": "küche"
//	}
//
//	line 1, column 7: NaN is …        Check: why a payload is not JSON
//
// What Indent returns is JSON again, of the same values, and safe to show: what
// a person would not see stays or becomes an escape. web/static/js/jsonscan.js
// and jsontext.js do the same on the page; testdata/cases.json is read by the
// tests of both.
//
// Finding values by a path is stream/filter's.
package jsonview
