// Package smallfile reads the files that a person names in a flag or writes by hand:
// users, rights, keys, passwords, certificates. One is read whole, it has a bound, and
// reading it never waits: what is no regular file is refused with a sentence. It also
// writes those that hellox keeps: its records, filters with names, certificates.
//
//	Read       a regular file, as often as one likes
//	ReadPipe   a pipe, once: /dev/fd/63 of a shell's <(…)
//	KeyPair    a certificate and its key, of two regular files
//	Write      a file in the place of another one, whole also after a crash
//	Create     a file where there is none
//
// Stores, recordings and logs, which grow, are neither read nor written here.
package smallfile
