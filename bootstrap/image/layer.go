package image

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"hash"
	"io"
	"os"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"github.com/klauspost/compress/gzip"
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

// zip compresses the layer. The library's gzip is nearly twice as fast as
// the standard one, and several nodes share the result.
func zip(l *layer) (*zippedLayer, error) {
	var data bytes.Buffer
	z, err := gzip.NewWriterLevel(&data, gzip.BestSpeed)
	if err != nil {
		return nil, err
	}
	if _, err := io.Copy(z, l.reader()); err != nil {
		return nil, err
	}
	if err := z.Close(); err != nil {
		return nil, err
	}
	sum := sha256.New()
	sum.Write(data.Bytes())
	return &zippedLayer{layer: l, data: data.Bytes(), digest: hashOf(sum)}, nil
}

func (z *zippedLayer) Digest() (v1.Hash, error) { return z.digest, nil }
func (z *zippedLayer) Size() (int64, error)     { return int64(len(z.data)), nil }

func (z *zippedLayer) Compressed() (io.ReadCloser, error) {
	return io.NopCloser(bytes.NewReader(z.data)), nil
}

func (z *zippedLayer) MediaType() (types.MediaType, error) { return types.DockerLayer, nil }
