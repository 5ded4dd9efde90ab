package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/types/pluginpb"
)

const shop = `syntax = "proto3";
package shop.v1;
import "google/protobuf/timestamp.proto";
import "shop/v1/cart.proto";
option go_package = "example.com/shop/shoppb;shoppb";
// An order of one cart.
message Order { google.protobuf.Timestamp at = 1; Cart cart = 2; }
`

const cart = `syntax = "proto3";
package shop.v1;
option go_package = "example.com/shop/shoppb;shoppb";
message Cart { repeated string items = 1; }
`

func TestCompilePutsImportsFirst(t *testing.T) {
	request, err := compile(t.Context(), tree(t, map[string]string{"shop/v1/a.proto": shop, "shop/v1/cart.proto": cart}))
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, file := range request.GetProtoFile() {
		got = append(got, file.GetName())
	}
	if want := []string{"google/protobuf/timestamp.proto", "shop/v1/cart.proto", "shop/v1/a.proto"}; !slices.Equal(got, want) {
		t.Errorf("files in the request: %v, want %v", got, want)
	}
	if got, want := request.GetFileToGenerate(), []string{"shop/v1/a.proto", "shop/v1/cart.proto"}; !slices.Equal(got, want) {
		t.Errorf("files to generate: %v, want %v", got, want)
	}
}

func TestCompileSaysWhatIsWrong(t *testing.T) {
	for name, tc := range map[string]struct {
		files map[string]string
		want  string
	}{
		"a directory without sources":  {nil, "no .proto file"},
		"a missing import":             {map[string]string{"shop/v1/a.proto": shop}, "shop/v1/cart.proto"},
		"a mistake in the first line":  {map[string]string{"a.proto": "message {"}, "a.proto:1:"},
		"two messages of the one name": {map[string]string{"a.proto": cart, "b.proto": cart}, "Cart"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := compile(t.Context(), tree(t, tc.files))
			if err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("compile: %v, want an error with %q", err, tc.want)
			}
		})
	}
}

func TestWriteStaysInsideTheModule(t *testing.T) {
	name := "../outside.go"
	err := write(t.TempDir(), []*pluginpb.CodeGeneratorResponse_File{{Name: &name}})
	if err == nil || !strings.Contains(err.Error(), "outside of the module") {
		t.Errorf("write: %v, want an error that says where the file would go", err)
	}
}

// tree writes files, by path, into a new directory.
func tree(t *testing.T, files map[string]string) string {
	t.Helper()
	root := t.TempDir()
	for name, content := range files {
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return root
}
