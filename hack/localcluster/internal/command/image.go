package command

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"strings"

	"github.com/spf13/cobra"

	"github.com/portolan-io/portolan/hack/localcluster/internal/image"
)

// imageOptions is what the command `image` can be told.
type imageOptions struct {
	binary string
	files  []string // TARGET=SOURCE
	spec   image.Spec
	output string
}

func newImage() *cobra.Command {
	o := imageOptions{spec: image.Spec{Architecture: runtime.GOARCH}}
	cmd := &cobra.Command{
		Use:   "image --binary FILE --tag NAME --output FILE",
		Short: "Make an image archive from one static program; equal input gives an equal image",
		Args:  cobra.NoArgs,
		RunE:  func(_ *cobra.Command, _ []string) error { return o.run() },
	}
	flags := cmd.Flags()
	flags.StringVar(&o.binary, "binary", "", "the program")
	flags.StringSliceVar(&o.spec.Entrypoint, "entrypoint", nil, "where the program is in the image, and arguments that always come first (default /NAME of the program)")
	flags.StringSliceVar(&o.spec.Arguments, "arg", nil, "default argument, which a pod may replace; may be repeated")
	flags.StringSliceVar(&o.spec.Environment, "env", nil, "NAME=value; may be repeated")
	flags.StringVar(&o.spec.Tag, "tag", "", "name of the image, such as localhost/portolan:dev")
	flags.StringVar(&o.spec.User, "user", "", "numeric user that the program runs as (default root)")
	flags.StringVar(&o.spec.WorkDir, "workdir", "", "folder that the program starts in (default /)")
	flags.StringToStringVar(&o.spec.Labels, "label", nil, "NAME=value; may be repeated")
	flags.StringArrayVar(&o.files, "file", nil, "TARGET=SOURCE, a further file; may be repeated")
	flags.StringVar(&o.spec.Architecture, "architecture", o.spec.Architecture, "architecture of the program")
	flags.StringVar(&o.output, "output", "", "the archive to write")
	return cmd
}

// run makes the archive.
func (o imageOptions) run() error {
	if o.binary == "" || o.output == "" {
		return errors.New("name the program with --binary and the archive with --output")
	}
	if len(o.spec.Entrypoint) == 0 {
		o.spec.Entrypoint = []string{"/" + o.binary[strings.LastIndexByte(o.binary, '/')+1:]}
	}
	program, err := image.Program(o.spec.Entrypoint[0], o.binary)
	if err != nil {
		return err
	}
	o.spec.Files = append(o.spec.Files, program)
	for _, each := range o.files {
		target, source, ok := strings.Cut(each, "=")
		if !ok {
			return fmt.Errorf("file %q: want TARGET=SOURCE", each)
		}
		content, err := os.ReadFile(source)
		if err != nil {
			return fmt.Errorf("reading a file for the image: %w", err)
		}
		o.spec.Files = append(o.spec.Files, image.File{Path: target, Content: content})
	}
	return o.write()
}

// write builds the image and puts it in place whole.
func (o imageOptions) write() error {
	built, err := image.Build(o.spec)
	if err != nil {
		return err
	}
	draft := o.output + ".new"
	file, err := os.Create(draft)
	if err != nil {
		return fmt.Errorf("creating the image archive: %w", err)
	}
	if err := errors.Join(image.Write(file, o.spec.Tag, built), file.Close()); err != nil {
		return err
	}
	if err := os.Rename(draft, o.output); err != nil {
		return fmt.Errorf("finishing the image archive: %w", err)
	}
	return nil
}
