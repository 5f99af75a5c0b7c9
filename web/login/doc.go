// Package login lets a browser in to a page that is reached beyond loopback.
//
//	code ─ shown by the process, once, two minutes ─► POST /api/login ─┬─► cookie (HttpOnly)
//	                                                                   └─► key (localStorage, sent as a header)
//	every other request of the API ─ cookie and key ─► next
//
// Both are demanded: browsers send a cookie to every port of a host, so that a
// server on another port can record it, but localStorage belongs to one port; and
// a script that reads localStorage cannot read the cookie. Sessions are only in
// memory: they end with the process.
//
// TLS and the origin policy come before it, in the parent package.
package login
