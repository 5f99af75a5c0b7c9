package build

import (
	"archive/tar"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"

	"github.com/moby/patternmatcher"
	"github.com/moby/patternmatcher/ignorefile"
)

// Ignored returns a function that reports whether Docker leaves a file of the
// folder out, by its path within it and with slashes: .dockerignore says it.
func (f Folder) Ignored() (func(path string, isDir bool) bool, error) {
	file, err := os.Open(filepath.Join(f.Dir, ".dockerignore"))
	if errors.Is(err, fs.ErrNotExist) {
		return func(string, bool) bool { return false }, nil
	}
	if err != nil {
		return nil, fmt.Errorf("build %s: %w", f.Name, err)
	}
	defer file.Close()
	patterns, err := ignorefile.ReadAll(file)
	if err != nil {
		return nil, fmt.Errorf("build %s: read %s: %w", f.Name, file.Name(), err)
	}
	// The builder needs these two whatever the patterns say.
	matcher, err := patternmatcher.New(append(patterns, "!Dockerfile", "!.dockerignore"))
	if err != nil {
		return nil, fmt.Errorf("build %s: read %s: %w", f.Name, file.Name(), err)
	}
	// An exception may be anywhere below a directory that is left out.
	exceptions := false
	for _, p := range matcher.Patterns() {
		exceptions = exceptions || p.Exclusion() && p.String() != "Dockerfile" && p.String() != ".dockerignore"
	}
	return func(path string, isDir bool) bool {
		if isDir && exceptions {
			return false
		}
		ignored, err := matcher.MatchesOrParentMatches(filepath.FromSlash(path))
		return err == nil && ignored
	}, nil
}

// writeContext writes the files of the build as a tar archive. Owners and times do
// not go into it: only content makes an image another one.
func (f Folder) writeContext(w io.Writer) error {
	ignored, err := f.Ignored()
	if err != nil {
		return err
	}
	archive := tar.NewWriter(w)
	err = filepath.WalkDir(f.Dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || path == f.Dir {
			return err
		}
		name, err := filepath.Rel(f.Dir, path)
		if err != nil {
			return err
		}
		name = filepath.ToSlash(name)
		if ignored(name, d.IsDir()) {
			if d.IsDir() {
				return filepath.SkipDir
			}
			return nil
		}
		return addFile(archive, path, name, d)
	})
	if err != nil {
		return fmt.Errorf("build %s: read its files: %w", f.Name, err)
	}
	return archive.Close()
}

// addFile adds a file, a directory or a link to the archive; anything else is no
// file of a build.
func addFile(archive *tar.Writer, path, name string, d fs.DirEntry) error {
	info, err := d.Info()
	if err != nil {
		return err
	}
	link := ""
	switch {
	case info.Mode()&fs.ModeSymlink != 0:
		if link, err = os.Readlink(path); err != nil {
			return err
		}
	case !info.Mode().IsRegular() && !info.IsDir():
		return nil
	}
	header, err := tar.FileInfoHeader(info, filepath.ToSlash(link))
	if err != nil {
		return err
	}
	clean := tar.Header{Typeflag: header.Typeflag, Name: name, Linkname: header.Linkname, Mode: header.Mode, Size: header.Size}
	if info.IsDir() {
		clean.Name += "/"
	}
	if runtime.GOOS == "windows" {
		clean.Mode |= 0o111 // it has no such bits, and programs must have them
	}
	if err := archive.WriteHeader(&clean); err != nil {
		return err
	}
	if !info.Mode().IsRegular() {
		return nil
	}
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	_, err = io.Copy(archive, io.LimitReader(file, clean.Size)) // it may grow meanwhile
	return err
}
