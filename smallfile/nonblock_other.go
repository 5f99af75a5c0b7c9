//go:build !unix

package smallfile

// nonblock is nothing where no path names a FIFO.
const nonblock = 0
