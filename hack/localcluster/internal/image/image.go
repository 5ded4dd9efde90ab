// Package image makes container images from static programs, without a container engine or a base image.
//
// Equal input gives an equal image, byte for byte: times are zero and files are sorted. It must not pull or push.
package image

import (
	"archive/tar"
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/static"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// File is one file of an image.
type File struct {
	Path    string // absolute, in the image
	Content []byte
	Mode    int64 // permission bits; 0 means 0644
}

// Spec says what an image holds.
type Spec struct {
	Tag          string // such as localhost/portolan:dev
	Architecture string // such as amd64; the operating system is linux
	Files        []File // in any order, no path twice
	Entrypoint   []string
	Arguments    []string // the default arguments, which a pod may replace
	Environment  []string // NAME=value
	User         string   // numeric, such as 65532; "" is root
	WorkDir      string   // "" is the root folder
	Labels       map[string]string
}

// Build returns the image. Errors name the field of the spec that is wrong.
func Build(s Spec) (v1.Image, error) {
	if err := s.validate(); err != nil {
		return nil, err
	}
	layer, err := s.layer()
	if err != nil {
		return nil, err
	}
	built, err := mutate.Append(empty.Image, mutate.Addendum{
		Layer:   static.NewLayer(layer, types.DockerUncompressedLayer),
		History: v1.History{CreatedBy: "localcluster image"},
	})
	if err != nil {
		return nil, fmt.Errorf("adding the layer: %w", err)
	}
	file, err := built.ConfigFile()
	if err != nil {
		return nil, fmt.Errorf("reading the image configuration: %w", err)
	}
	file = file.DeepCopy()
	file.OS, file.Architecture = "linux", s.Architecture
	file.Config = v1.Config{
		Entrypoint: s.Entrypoint, Cmd: s.Arguments, Env: s.Environment,
		User: s.User, WorkingDir: s.WorkDir, Labels: s.Labels,
	}
	built, err = mutate.ConfigFile(built, file)
	if err != nil {
		return nil, fmt.Errorf("setting the image configuration: %w", err)
	}
	return built, nil
}

// Write writes the image as a docker-archive, which containerd, Docker and Podman load.
func Write(w io.Writer, tag string, built v1.Image) error {
	reference, err := name.NewTag(tag, name.WithDefaultRegistry(""))
	if err != nil {
		return fmt.Errorf("tag %q: %w", tag, err)
	}
	if err := tarball.Write(reference, built, w); err != nil {
		return fmt.Errorf("writing the image archive: %w", err)
	}
	return nil
}

// Program returns the file of the host at source as an executable at target.
func Program(target, source string) (File, error) {
	content, err := os.ReadFile(source)
	if err != nil {
		return File{}, fmt.Errorf("reading a program for the image: %w", err)
	}
	return File{Path: target, Content: content, Mode: 0o755}, nil
}

// validate returns one error per wrong field, joined.
func (s Spec) validate() error {
	var errs []error
	if _, err := name.NewTag(s.Tag, name.WithDefaultRegistry("")); err != nil {
		errs = append(errs, fmt.Errorf("tag %q: want a name such as localhost/portolan:dev: %w", s.Tag, err))
	}
	if s.Architecture == "" {
		errs = append(errs, errors.New("architecture: want a name such as amd64"))
	}
	if len(s.Entrypoint) == 0 {
		errs = append(errs, errors.New("entrypoint: want the path of a program in the image"))
	}
	seen := map[string]bool{}
	for _, f := range s.Files {
		if !path.IsAbs(f.Path) || path.Clean(f.Path) != f.Path || f.Path == "/" {
			errs = append(errs, fmt.Errorf("file %q: want a clean absolute path in the image", f.Path))
		}
		if seen[f.Path] {
			errs = append(errs, fmt.Errorf("file %q: it is named twice", f.Path))
		}
		seen[f.Path] = true
	}
	return errors.Join(errs...)
}

// layer returns the files and their folders as a tar archive.
func (s Spec) layer() ([]byte, error) {
	files := slices.SortedFunc(slices.Values(s.Files), func(a, b File) int { return cmp.Compare(a.Path, b.Path) })
	var buffer bytes.Buffer
	archive := tar.NewWriter(&buffer)
	for _, folder := range folders(files) {
		header := tar.Header{Typeflag: tar.TypeDir, Name: strings.TrimPrefix(folder, "/") + "/", Mode: 0o755, ModTime: time.Unix(0, 0)}
		if folder == "/tmp" {
			header.Mode = 0o1777
		}
		if err := archive.WriteHeader(&header); err != nil {
			return nil, fmt.Errorf("adding %s to the image: %w", folder, err)
		}
	}
	for _, f := range files {
		header := tar.Header{
			Typeflag: tar.TypeReg, Name: strings.TrimPrefix(f.Path, "/"), Size: int64(len(f.Content)),
			Mode: cmp.Or(f.Mode, 0o644), ModTime: time.Unix(0, 0),
		}
		if err := archive.WriteHeader(&header); err != nil {
			return nil, fmt.Errorf("adding %s to the image: %w", f.Path, err)
		}
		if _, err := archive.Write(f.Content); err != nil {
			return nil, fmt.Errorf("adding %s to the image: %w", f.Path, err)
		}
	}
	if err := archive.Close(); err != nil {
		return nil, fmt.Errorf("finishing the layer: %w", err)
	}
	return buffer.Bytes(), nil
}

// folders returns the parents of the files, and /tmp, sorted, so that parents come before what is in them.
func folders(files []File) []string {
	found := map[string]bool{"/tmp": true}
	for _, f := range files {
		for folder := path.Dir(f.Path); folder != "/"; folder = path.Dir(folder) {
			found[folder] = true
		}
	}
	var all []string
	for folder := range found {
		all = append(all, folder)
	}
	slices.Sort(all)
	return all
}
