// Package clienturi reads the URI of a client's certificate, which says who the client
// is: the broker lets it in by that, and the client explains by it why it was refused.
package clienturi
