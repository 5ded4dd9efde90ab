// Command protogen compiles protobuf schemas and hands them to code generators that are Go programs of this module.
//
//	protogen -root DIR -out DIR -module PATH PLUGIN...
//
// It takes every *.proto file below root and runs each plugin, a path to a protoc plugin such as protoc-gen-go, with the
// parameter module=PATH. Files land below out. It needs no protoc and no network. It must not know any schema of its own.
package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"

	"github.com/bufbuild/protocompile"
	"github.com/bufbuild/protocompile/protoutil"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/pluginpb"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	root := flag.String("root", ".", "folder that the imports of the schemas are relative to")
	out := flag.String("out", ".", "folder of the Go module that generated files land in")
	module := flag.String("module", "", "path of that module, cut from the front of go_package")
	flag.Parse()
	if err := run(ctx, *root, *out, *module, flag.Args()); err != nil {
		fmt.Fprintln(os.Stderr, "protogen:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, root, out, module string, plugins []string) error {
	if module == "" || len(plugins) == 0 {
		return errors.New("want -module and at least one plugin")
	}
	request, err := compile(ctx, root)
	if err != nil {
		return fmt.Errorf("compiling the schemas below %s: %w", root, err)
	}
	request.Parameter = proto.String("module=" + module)
	for _, plugin := range plugins {
		if err := generate(ctx, plugin, request, out); err != nil {
			return fmt.Errorf("running %s: %w", plugin, err)
		}
	}
	return nil
}

// compile returns the plugin request for every schema below root: the files to generate, and these with all imports in
// an order in which each file comes after what it imports.
func compile(ctx context.Context, root string) (*pluginpb.CodeGeneratorRequest, error) {
	names, err := schemas(root)
	if err != nil {
		return nil, err
	}
	compiler := protocompile.Compiler{
		Resolver:       protocompile.WithStandardImports(&protocompile.SourceResolver{ImportPaths: []string{root}}),
		SourceInfoMode: protocompile.SourceInfoStandard,
	}
	files, err := compiler.Compile(ctx, names...)
	if err != nil {
		return nil, err
	}
	request := &pluginpb.CodeGeneratorRequest{FileToGenerate: names}
	seen := make(map[string]bool)
	for _, file := range files {
		request.ProtoFile = appendWithImports(request.ProtoFile, seen, file)
	}
	return request, nil
}

func schemas(root string) ([]string, error) {
	var names []string
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || filepath.Ext(path) != ".proto" {
			return err
		}
		name, err := filepath.Rel(root, path)
		names = append(names, filepath.ToSlash(name))
		return err
	})
	return names, err
}

func appendWithImports(dst []*descriptorpb.FileDescriptorProto, seen map[string]bool, file protoreflect.FileDescriptor) []*descriptorpb.FileDescriptorProto {
	if seen[file.Path()] {
		return dst
	}
	seen[file.Path()] = true
	imports := file.Imports()
	for i := range imports.Len() {
		dst = appendWithImports(dst, seen, imports.Get(i).FileDescriptor)
	}
	return append(dst, protoutil.ProtoFromFileDescriptor(file))
}

func generate(ctx context.Context, plugin string, request *pluginpb.CodeGeneratorRequest, out string) error {
	input, err := proto.Marshal(request)
	if err != nil {
		return err
	}
	command := exec.CommandContext(ctx, plugin)
	command.Stdin, command.Stderr = bytes.NewReader(input), os.Stderr
	output, err := command.Output()
	if err != nil {
		return err
	}
	var response pluginpb.CodeGeneratorResponse
	if err := proto.Unmarshal(output, &response); err != nil {
		return fmt.Errorf("reading its answer: %w", err)
	}
	if response.Error != nil {
		return errors.New(response.GetError())
	}
	for _, file := range response.GetFile() {
		if err := write(out, file); err != nil {
			return err
		}
	}
	return nil
}

func write(out string, file *pluginpb.CodeGeneratorResponse_File) error {
	name := filepath.FromSlash(file.GetName())
	if !filepath.IsLocal(name) || !strings.HasSuffix(name, ".go") {
		return fmt.Errorf("refusing to write %q", file.GetName())
	}
	path := filepath.Join(out, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	return os.WriteFile(path, []byte(file.GetContent()), 0o644)
}
