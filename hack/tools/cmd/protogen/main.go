// Command protogen generates the Go code of the protocol buffers in this repository.
//
// It is what buf or protoc would be used for, and no more: it compiles every .proto file below the given source roots and
// hands the result to protoc-gen-go and protoc-gen-connect-go, which must stand beside it. It must not decide where code
// goes: the go_package option of each file does.
//
// Usage, from the root of the module:
//
//	protogen -module github.com/portolan-io/portolan internal/wire/proto internal/query/proto
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := run(ctx, os.Args[1:])
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "protogen:", err)
		os.Exit(1)
	}
}

// run generates the code of all source roots in args. A root that does not exist is an error.
func run(ctx context.Context, args []string) error {
	flags := flag.NewFlagSet("protogen", flag.ContinueOnError)
	module := flags.String("module", "", "module path that go_package options begin with")
	out := flags.String("out", ".", "root directory of that module")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if *module == "" || flags.NArg() == 0 {
		return errors.New("want -module and at least one directory with .proto files")
	}
	self, err := os.Executable()
	if err != nil {
		return fmt.Errorf("finding the plug-ins: %w", err)
	}
	for _, root := range flags.Args() {
		request, err := compile(ctx, root)
		if err != nil {
			return fmt.Errorf("compiling %s: %w", root, err)
		}
		for _, plugin := range []string{"protoc-gen-go", "protoc-gen-connect-go"} {
			request.Parameter = new("module=" + *module)
			files, err := generate(ctx, filepath.Join(filepath.Dir(self), plugin), request)
			if err != nil {
				return fmt.Errorf("generating code for %s: %w", root, err)
			}
			if err := write(*out, files); err != nil {
				return err
			}
		}
	}
	return nil
}
