// Package standby is what is served while there is no history to show.
//
//	GET /, /login, /static/… ─┐          503, a sentence as HTML that asks again by itself
//	GET /api/…               ─┤ Handler  503, a problem (RFC 9457)
//	                          └◄ Why     what is waited for, and a hint
//
// Not here: who may ask (web/origin), and when it ends (web).
package standby
