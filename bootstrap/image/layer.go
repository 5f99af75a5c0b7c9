package image

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"hash"
	"io"
	"os"
	"runtime"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"github.com/klauspost/compress/gzip"
	"golang.org/x/sync/errgroup"
)

// A layer is a tar archive of one executable, not compressed and never whole in
// memory: it is read from the file each time. It implements v1.Layer.
type layer struct {
	head   []byte // the tar header before the file
	file   *os.File
	length int64  // of the file
	tail   []byte // the padding after it, and the archive's end
	digest v1.Hash
	size   int64 // of the archive
}

func newLayer(file *os.File) (*layer, error) {
	info, err := file.Stat()
	if err != nil {
		return nil, err
	}
	l := &layer{file: file, length: info.Size()}
	var head bytes.Buffer
	// Owner and time of the file do not go into the archive: the same executable
	// must give the same image on every machine.
	err = tar.NewWriter(&head).WriteHeader(&tar.Header{
		Typeflag: tar.TypeReg, Name: "hellox", Mode: 0o555, Size: l.length, ModTime: time.Unix(0, 0),
	})
	if err != nil {
		return nil, err
	}
	const block = 512
	l.head = head.Bytes()
	l.tail = make([]byte, (block-l.length%block)%block+2*block)
	sum := sha256.New()
	if l.size, err = io.Copy(sum, l.reader()); err != nil {
		return nil, err
	}
	l.digest = hashOf(sum)
	return l, nil
}

func hashOf(h hash.Hash) v1.Hash {
	return v1.Hash{Algorithm: "sha256", Hex: hex.EncodeToString(h.Sum(nil))}
}

func (l *layer) reader() io.Reader {
	return io.MultiReader(bytes.NewReader(l.head), io.NewSectionReader(l.file, 0, l.length), bytes.NewReader(l.tail))
}

// ReadAt reads the archive at an offset. It implements io.ReaderAt.
func (l *layer) ReadAt(p []byte, offset int64) (n int, err error) {
	head := int64(len(l.head))
	for _, part := range []struct {
		r  io.ReaderAt
		at int64 // where it begins
	}{{bytes.NewReader(l.head), 0}, {io.NewSectionReader(l.file, 0, l.length), head}, {bytes.NewReader(l.tail), head + l.length}} {
		at := offset + int64(n) - part.at
		if at < 0 {
			break
		}
		read, err := part.r.ReadAt(p[n:], at)
		n += read
		if n == len(p) {
			return n, nil
		}
		if err != nil && !errors.Is(err, io.EOF) {
			return n, err
		}
	}
	return n, io.EOF
}

func (l *layer) Digest() (v1.Hash, error) { return l.digest, nil }
func (l *layer) DiffID() (v1.Hash, error) { return l.digest, nil }
func (l *layer) Size() (int64, error)     { return l.size, nil }

// Compressed returns it as it is, as the media type says.
func (l *layer) Compressed() (io.ReadCloser, error)   { return io.NopCloser(l.reader()), nil }
func (l *layer) Uncompressed() (io.ReadCloser, error) { return io.NopCloser(l.reader()), nil }

func (l *layer) MediaType() (types.MediaType, error) { return types.DockerUncompressedLayer, nil }

// A zippedLayer is the same layer compressed. It is in memory,
// because a tar archive has the length of a file before its bytes.
type zippedLayer struct {
	*layer
	data   []byte
	digest v1.Hash
}

// zipPart is how much of a layer is compressed at a time. It is the same everywhere, so
// that the result is.
const zipPart = 4 << 20

// zip compresses the layer. The library's gzip is nearly twice as fast as
// the standard one, its parts are compressed beside each other, each as a member of one
// gzip file (RFC 1952, 2.2), and several nodes share the result.
func zip(l *layer) (*zippedLayer, error) {
	parts := make([]bytes.Buffer, (l.size+zipPart-1)/zipPart)
	var group errgroup.Group
	group.SetLimit(runtime.GOMAXPROCS(0))
	for i := range parts {
		group.Go(func() error {
			offset := int64(i) * zipPart
			return zipTo(&parts[i], io.NewSectionReader(l, offset, min(zipPart, l.size-offset)))
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	var data bytes.Buffer
	for i := range parts {
		_, _ = parts[i].WriteTo(&data) // a Buffer takes all
	}
	sum := sha256.New()
	sum.Write(data.Bytes())
	return &zippedLayer{layer: l, data: data.Bytes(), digest: hashOf(sum)}, nil
}

func zipTo(w io.Writer, r io.Reader) error {
	z, err := gzip.NewWriterLevel(w, gzip.BestSpeed)
	if err != nil {
		return err
	}
	if _, err := io.Copy(z, r); err != nil {
		return err
	}
	return z.Close()
}

func (z *zippedLayer) Digest() (v1.Hash, error) { return z.digest, nil }
func (z *zippedLayer) Size() (int64, error)     { return int64(len(z.data)), nil }

func (z *zippedLayer) Compressed() (io.ReadCloser, error) {
	return io.NopCloser(bytes.NewReader(z.data)), nil
}

func (z *zippedLayer) MediaType() (types.MediaType, error) { return types.DockerLayer, nil }
