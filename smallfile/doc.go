// Package smallfile reads the files that a person names in a flag or writes by hand:
// users, rights, keys, passwords, certificates. One is read whole, it has a bound, and
// reading it never waits: what is no regular file is refused with a sentence.
//
//	Read       a regular file, as often as one likes
//	ReadPipe   a pipe, once: /dev/fd/63 of a shell's <(…)
//	KeyPair    a certificate and its key, of two regular files
//
// Stores, recordings and logs, which grow, are not read here.
package smallfile
