package command

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
)

// writeFiles writes all files or none: every text goes to a temporary file beside its place, and only when all are
// written they are renamed. What is there and is no regular file, such as a pipe, is written to directly.
func writeFiles(ctx context.Context, texts map[string][]byte) (err error) {
	pending := make(map[string]string) // temporary file → place
	defer func() {
		for temporary := range pending {
			err = errors.Join(err, os.Remove(temporary))
		}
	}()
	for _, path := range slices.Sorted(maps.Keys(texts)) {
		temporary, place, err := prepare(path, texts[path])
		if err != nil {
			return unwritable(path, err)
		}
		if temporary != "" {
			pending[temporary] = place
		}
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	for _, temporary := range slices.Sorted(maps.Keys(pending)) {
		if err := os.Rename(temporary, pending[temporary]); err != nil {
			return unwritable(pending[temporary], err)
		}
		delete(pending, temporary)
	}
	return nil
}

// unwritable names the path that a person gave, and the cause without the name of a temporary file.
func unwritable(path string, err error) error {
	var named *fs.PathError
	var linked *os.LinkError
	switch {
	case errors.As(err, &named):
		err = named.Err
	case errors.As(err, &linked):
		err = linked.Err
	}
	return fmt.Errorf("writing %s: %w", path, err)
}

// prepare writes a temporary file for a place. What is no regular file is written at once; there is no temporary file.
func prepare(path string, text []byte) (temporary, place string, err error) {
	place, mode, regular, err := destination(path)
	if err != nil {
		return "", "", err
	}
	if !regular {
		return "", "", os.WriteFile(place, text, mode)
	}
	temporary, err = writeTemporary(place, text, mode)
	return temporary, place, err
}

// The modes of files and directories that were not there; the umask narrows them.
const (
	newFileMode      fs.FileMode = 0o666
	newDirectoryMode fs.FileMode = 0o777
)

// readRegular returns what a regular file holds, and nil for what is not there or is no regular file.
func readRegular(path string) ([]byte, error) {
	there, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, nil
	case err != nil:
		return nil, err
	case !there.Mode().IsRegular():
		return nil, nil
	}
	text, err := os.ReadFile(path)
	if text == nil && err == nil {
		text = []byte{} // an empty file is there
	}
	return text, err
}

// destination follows symbolic links and says whether a rename may take the place of what is there.
func destination(path string) (place string, mode fs.FileMode, regular bool, err error) {
	place, err = filepath.EvalSymlinks(path)
	if errors.Is(err, fs.ErrNotExist) {
		return path, newFileMode, true, nil
	}
	if err != nil {
		return "", 0, false, err
	}
	there, err := os.Stat(place)
	switch {
	case err != nil:
		return "", 0, false, err
	case there.IsDir():
		return "", 0, false, errors.New("it is a directory")
	}
	return place, there.Mode().Perm(), there.Mode().IsRegular(), nil
}

// writeTemporary writes a new file beside place and returns its name. The file is on disk when it returns.
func writeTemporary(place string, text []byte, mode fs.FileMode) (name string, err error) {
	file, err := createBeside(place, mode)
	if err != nil {
		return "", err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(file.Name()))
		}
	}()
	_, err = file.Write(text)
	if err == nil && mode != newFileMode {
		err = file.Chmod(mode) // as it was, whatever the umask
	}
	if err == nil {
		err = file.Sync()
	}
	return file.Name(), errors.Join(err, file.Close())
}

// createBeside creates a file with a name that nobody has. os.CreateTemp would make it readable by its owner only.
func createBeside(place string, mode fs.FileMode) (*os.File, error) {
	base := filepath.Join(filepath.Dir(place), "."+filepath.Base(place)+".portolan-"+strconv.Itoa(os.Getpid()))
	for try := range 100 {
		file, err := os.OpenFile(base+"-"+strconv.Itoa(try), os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
		if !errors.Is(err, fs.ErrExist) {
			return file, err
		}
	}
	return nil, errors.New("every name for a temporary file is taken")
}
