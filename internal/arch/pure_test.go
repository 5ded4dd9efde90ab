package arch

import (
	"go/ast"
	"go/token"
	"go/types"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/tools/go/packages"
)

// pureFiles are the files that are pure wherever they stand.
var pureFiles = map[string]bool{
	"decode.go": true, "parse.go": true, "cgroup.go": true, "convert.go": true, "rows.go": true, "pair.go": true, "enqueue.go": true,
}

// TestPureRoomsTouchNothing holds the third law where the list of imports cannot see a breach of it.
func TestPureRoomsTouchNothing(t *testing.T) {
	for _, pkg := range load(t) {
		if !plan()[roomOf(pkg)].pure {
			continue
		}
		for _, file := range pkg.Syntax {
			for _, breach := range breaches(pkg, file) {
				t.Errorf("%s is pure and %s", roomOf(pkg), breach)
			}
		}
		for _, file := range pkg.IgnoredFiles { // this test would not see what is in it
			t.Errorf("%s is pure and has %s for other machines or builds than this one", roomOf(pkg), filepath.Base(file))
		}
	}
}

// TestPureFilesTouchNothing holds the same law for the pure files of rooms that touch the world.
func TestPureFilesTouchNothing(t *testing.T) {
	for _, pkg := range load(t) {
		for _, file := range pkg.Syntax {
			name := pkg.Fset.Position(file.Pos()).Filename
			if !pureFiles[filepath.Base(name)] {
				continue
			}
			for _, breach := range breaches(pkg, file) {
				t.Errorf("%s is pure and %s", name, breach)
			}
			for _, imported := range file.Imports {
				if path, err := strconv.Unquote(imported.Path.Value); err == nil && !strings.HasPrefix(path, module) && !computes(path) {
					t.Errorf("%s is pure and imports %s", name, path)
				}
			}
		}
	}
}

// TestPureRoomsHavePureDoors keeps a pure room from touching the world through another room, and the grants true.
func TestPureRoomsHavePureDoors(t *testing.T) {
	for name, room := range plan() {
		if !room.pure && len(room.besides) > 0 {
			t.Errorf("%s is not pure, and needs no grant", name)
		}
		for other := range strings.FieldsSeq(room.ours) {
			if room.pure && !plan()[other].pure {
				t.Errorf("%s is pure and may import %s, which is not", name, other)
			}
		}
	}
	for _, pkg := range load(t) {
		for path := range plan()[roomOf(pkg)].besides {
			if pkg.Imports[path] == nil {
				t.Errorf("%s is granted %s and does not use it", roomOf(pkg), path)
			}
		}
	}
}

// breaches returns what a pure file does that reaches beyond its values, each as the end of a sentence.
func breaches(pkg *packages.Package, file *ast.File) []string {
	found := linked(pkg, file)
	for _, declaration := range file.Decls {
		found = append(found, declared(pkg, declaration)...)
	}
	ast.Inspect(file, func(n ast.Node) bool {
		what := ""
		switch n := n.(type) {
		case *ast.Ident:
			what = taken(pkg.TypesInfo.Uses[n])
		case *ast.GoStmt:
			what = "starts a goroutine"
		case *ast.AssignStmt:
			what = changed(pkg, n.Lhs...)
		case *ast.IncDecStmt:
			what = changed(pkg, n.X)
		case *ast.RangeStmt:
			what = changed(pkg, n.Key, n.Value)
		case *ast.UnaryExpr:
			if n.Op == token.AND {
				what = changed(pkg, n.X)
			}
		}
		if what != "" {
			found = append(found, what+" at "+pkg.Fset.Position(n.Pos()).String())
		}
		return true
	})
	return found
}

// taken says what an object reaches that a name of the file stands for, whatever the name; nothing for most.
func taken(of types.Object) string {
	switch name := qualified(of); {
	case listed(reaching, name):
		return "takes " + name
	case of == types.Universe.Lookup("print") || of == types.Universe.Lookup("println"):
		return "writes to the terminal"
	default:
		return ""
	}
}

// qualified returns path.Name of what a package declares, (path.Type).Name of a method, and nothing for all else.
func qualified(of types.Object) string {
	if of == nil || of.Pkg() == nil {
		return ""
	}
	if function, isFunction := of.(*types.Func); isFunction {
		return strings.ReplaceAll(function.Origin().FullName(), "(*", "(")
	}
	return of.Pkg().Path() + "." + of.Name()
}

// linked returns the compiler directives of a file that reach what a package keeps for itself.
func linked(pkg *packages.Package, file *ast.File) []string {
	var found []string
	for _, group := range file.Comments {
		for _, comment := range group.List {
			if strings.HasPrefix(comment.Text, "//go:linkname") {
				found = append(found, "links a name at "+pkg.Fset.Position(comment.Pos()).String())
			}
		}
	}
	return found
}

// declared says what is wrong with a declaration of the package itself.
func declared(pkg *packages.Package, declaration ast.Decl) []string {
	var found []string
	note := func(what string, name *ast.Ident) {
		found = append(found, what+" "+name.Name+" at "+pkg.Fset.Position(name.Pos()).String())
	}
	switch d := declaration.(type) {
	case *ast.FuncDecl:
		if d.Body == nil {
			note("has the body elsewhere of", d.Name)
		}
		if d.Recv == nil && d.Name.Name == "init" {
			note("runs before main by", d.Name)
		}
	case *ast.GenDecl:
		for _, spec := range d.Specs {
			values, isVar := spec.(*ast.ValueSpec)
			if d.Tok != token.VAR || !isVar || isEmbedded(d) {
				continue
			}
			for _, name := range values.Names {
				if name.Name != "_" && !isSettled(pkg.TypesInfo.Defs[name]) {
					note("keeps the package variable", name)
				}
			}
		}
	}
	return found
}

// isSettled reports whether a package variable is of a type that is a constant in all but name, as long as nobody assigns
// to it: an error or a compiled regular expression.
func isSettled(variable types.Object) bool {
	name := variable.Type().String()
	return name == "error" || name == "*regexp.Regexp"
}

// isEmbedded reports whether the linker fills a variable from a file of the repository.
func isEmbedded(d *ast.GenDecl) bool {
	return d.Doc != nil && strings.HasPrefix(d.Doc.List[len(d.Doc.List)-1].Text, "//go:embed ")
}

// changed says which package variable is changed, or may be through its address, by writing to these expressions.
func changed(pkg *packages.Package, targets ...ast.Expr) string {
	for _, target := range targets {
		variable, isVariable := root(pkg, target).(*types.Var)
		if isVariable && variable.Pkg() != nil && variable.Parent() == variable.Pkg().Scope() {
			return "changes the package variable " + qualified(variable)
		}
	}
	return ""
}

// root returns the object in which the place lies that an expression names: table of table["a"].b, and os.Args of
// os.Args[0].
func root(pkg *packages.Package, e ast.Expr) types.Object {
	switch e := e.(type) {
	case *ast.Ident:
		return pkg.TypesInfo.Uses[e]
	case *ast.ParenExpr:
		return root(pkg, e.X)
	case *ast.StarExpr:
		return root(pkg, e.X)
	case *ast.IndexExpr:
		return root(pkg, e.X)
	case *ast.SelectorExpr:
		if name, isName := e.X.(*ast.Ident); isName {
			if _, isPackage := pkg.TypesInfo.Uses[name].(*types.PkgName); isPackage {
				return pkg.TypesInfo.Uses[e.Sel]
			}
		}
		return root(pkg, e.X)
	default:
		return nil
	}
}

// roomOf returns the name of a package in the plan.
func roomOf(pkg *packages.Package) string {
	return strings.TrimPrefix(strings.TrimPrefix(pkg.PkgPath, module), "/")
}
