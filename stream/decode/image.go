package decode

import (
	"bytes"
	"image/gif"
	"image/jpeg"
	"image/png"
	"net/http"

	stdimage "image"
)

// maxPixels bounds what is named an image: a browser needs four bytes for each
// pixel, however small the file is.
const maxPixels = 32 << 20

// image returns the media type and the size of an image that is safe to show, or
// "". A drawing with scripts (SVG) is none.
func image(content []byte) (mediaType string, width, height int) {
	var size stdimage.Config
	var err error
	switch mediaType = http.DetectContentType(content); mediaType {
	case "image/png":
		size, err = png.DecodeConfig(bytes.NewReader(content))
	case "image/jpeg":
		size, err = jpeg.DecodeConfig(bytes.NewReader(content))
	case "image/gif":
		size, err = gif.DecodeConfig(bytes.NewReader(content))
	default:
		return "", 0, 0
	}
	if err != nil || size.Width <= 0 || size.Height <= 0 || size.Width > maxPixels/size.Height {
		return "", 0, 0
	}
	return mediaType, size.Width, size.Height
}
