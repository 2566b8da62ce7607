package main

import (
	"encoding/json"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// A rule says what packages below some paths may not import, and why.
type rule struct {
	from   string   // import paths with this prefix
	except []string // but for these prefixes
	not    []string // may not import paths with these prefixes
	why    string
}

func layers() []rule {
	return []rule{
		{from: "entrepot/store/kv", not: []string{"entrepot/gateway", "entrepot/protocols", "entrepot/auth", "entrepot/store/blob"},
			why: "an engine keeps rows and knows nothing of what they mean"},
		{from: "entrepot/store/blob", not: []string{"entrepot/gateway", "entrepot/protocols", "entrepot/auth", "entrepot/store/kv"},
			why: "blobs are bytes and know nothing of who refers to them"},
		{from: "entrepot/store", except: []string{"entrepot/store/kv", "entrepot/store/blob"},
			not: []string{"entrepot/protocols", "entrepot/auth", "entrepot/gateway/names", "entrepot/gateway/gatewaytest"},
			why: "the store knows no protocol and no caller"},
		{from: "entrepot/gateway", except: []string{"entrepot/gateway/gatewaytest"}, not: []string{"entrepot/protocols", "entrepot/store/kv", "entrepot/store/blob"},
			why: "the core speaks to the typed store, not to its engines, and to no protocol"},
		{from: "entrepot/auth", not: []string{"entrepot/protocols", "entrepot/store", "entrepot/gateway/names"},
			why: "of ours, auth imports the kinds of failure only"},
		{from: "entrepot/protocols", not: []string{"entrepot/store", "entrepot/cmd"},
			why: "a face decodes, calls the gateway and encodes; the store is below it"},
		{from: "entrepot/", except: []string{"entrepot/protocols", "entrepot/auth/httpauth", "entrepot/cmd"}, not: []string{"net/http"},
			why: "nothing below the protocols knows HTTP"},
		{from: "entrepot/", except: []string{"entrepot/protocols", "entrepot/cmd"}, not: []string{"encoding/xml"},
			why: "nothing below the protocols knows XML"},
		{from: "entrepot/", except: []string{"entrepot/store/kv/boltkv"}, not: []string{"go.etcd.io/bbolt"},
			why: "only its driver knows bbolt"},
		{from: "entrepot/", except: []string{"entrepot/store/kv/pgkv"}, not: []string{"github.com/jackc/pgx"},
			why: "only its driver knows PostgreSQL"},
		{from: "entrepot/", except: []string{"entrepot/protocols/dav", "entrepot/cmd/peerbench"}, not: []string{"golang.org/x/net/webdav"},
			why: "only the WebDAV face knows x/net/webdav, and the program that measures it"},
	}
}

// faces import no other face.
func faces() []string {
	return []string{"entrepot/protocols/swift", "entrepot/protocols/dav", "entrepot/protocols/depot", "entrepot/protocols/depotlist", "entrepot/protocols/admin", "entrepot/protocols/keystone", "entrepot/protocols/duracloud"}
}

type listed struct {
	ImportPath, Dir string
	Imports         []string
	GoFiles         []string
}

// packages lists the module's packages without their tests.
func packages(t *testing.T) []listed {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "go", "list", "-json=ImportPath,Dir,Imports,GoFiles", "entrepot/...").Output()
	if err != nil {
		t.Fatal(err)
	}
	var all []listed
	for dec := json.NewDecoder(strings.NewReader(string(out))); dec.More(); {
		var p listed
		if err := dec.Decode(&p); err != nil {
			t.Fatal(err)
		}
		all = append(all, p)
	}
	if len(all) < 10 {
		t.Fatalf("only %d packages listed", len(all))
	}
	return all
}

func within(path, prefix string) bool {
	return path == prefix || strings.HasPrefix(path, strings.TrimSuffix(prefix, "/")+"/")
}

func anyWithin(path string, prefixes []string) bool {
	for _, p := range prefixes {
		if within(path, p) {
			return true
		}
	}
	return false
}

func TestImportsFollowTheLayers(t *testing.T) {
	for _, p := range packages(t) {
		for _, r := range layers() {
			if !within(p.ImportPath, r.from) || anyWithin(p.ImportPath, r.except) {
				continue
			}
			for _, i := range p.Imports {
				if anyWithin(i, r.not) {
					t.Errorf("%s imports %s: %s", p.ImportPath, i, r.why)
				}
			}
		}
		for _, face := range faces() {
			for _, i := range p.Imports {
				if within(p.ImportPath, face) && anyWithin(i, faces()) && !within(i, face) {
					t.Errorf("%s imports %s: a face imports no other face", p.ImportPath, i)
				}
			}
		}
	}
}

func TestEveryPackageAndExportedNameIsDocumented(t *testing.T) {
	for _, p := range packages(t) {
		documented := false
		for _, name := range p.GoFiles {
			file, err := parser.ParseFile(token.NewFileSet(), filepath.Join(p.Dir, name), nil, parser.ParseComments)
			if err != nil {
				t.Fatal(err)
			}
			documented = documented || file.Doc != nil
			for _, d := range file.Decls {
				for _, missing := range undocumented(d) {
					t.Errorf("%s: %s has no comment", filepath.Join(p.ImportPath, name), missing)
				}
				if f, ok := d.(*ast.FuncDecl); ok && f.Recv == nil && f.Name.Name == "init" {
					t.Errorf("%s: init functions hide what a program does", filepath.Join(p.ImportPath, name))
				}
			}
		}
		if !documented {
			t.Errorf("%s has no package comment", p.ImportPath)
		}
	}
}

// undocumented names the exported things of a declaration without a comment.
// Names of a group may share the group's.
func undocumented(d ast.Decl) []string {
	switch d := d.(type) {
	case *ast.FuncDecl:
		if d.Name.IsExported() && d.Doc == nil && (d.Recv == nil || exportedReceiver(d.Recv)) {
			return []string{d.Name.Name}
		}
	case *ast.GenDecl:
		var out []string
		for _, s := range d.Specs {
			switch s := s.(type) {
			case *ast.TypeSpec:
				if s.Name.IsExported() && s.Doc == nil && d.Doc == nil {
					out = append(out, s.Name.Name)
				}
			case *ast.ValueSpec:
				if s.Names[0].IsExported() && s.Doc == nil && d.Doc == nil && s.Comment == nil {
					out = append(out, s.Names[0].Name)
				}
			}
		}
		return out
	}
	return nil
}

func exportedReceiver(fields *ast.FieldList) bool {
	t := fields.List[0].Type
	if star, ok := t.(*ast.StarExpr); ok {
		t = star.X
	}
	if index, ok := t.(*ast.IndexExpr); ok {
		t = index.X
	}
	id, ok := t.(*ast.Ident)
	return ok && id.IsExported()
}

func TestTopLevelHoldsOnlyWhatBelongsThere(t *testing.T) {
	allowed := map[string]bool{
		"cmd": true, "gateway": true, "protocols": true, "store": true, "auth": true, "docs": true, "README.md": true,
		"Makefile": true, "LICENSE": true, "go.mod": true, "go.sum": true, ".ci": true, ".gitignore": true,
	}
	out, err := exec.CommandContext(t.Context(), "git", "-C", "../..", "ls-files").Output()
	if err != nil {
		t.Skipf("not a git checkout: %v", err)
	}
	for line := range strings.SplitSeq(strings.TrimSpace(string(out)), "\n") {
		top, _, _ := strings.Cut(line, "/")
		if !allowed[top] {
			t.Errorf("%s does not belong at the top level", line)
		}
	}
	err = filepath.WalkDir("../..", func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.IsDir() && (d.Name() == "util" || d.Name() == "utils" || d.Name() == "common") {
			t.Errorf("%s: a package's name says what is inside", path)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}

// avoided are what tests may not say, and why. A server of httptest closes the
// idle connections of the common transport when it ends, which fails requests
// that other tests have under way.
func avoided() map[string]string {
	common := "tests share no transport: use the server's client, or one with a transport of its own"
	return map[string]string{
		"http.DefaultClient": common, "http.DefaultTransport": common,
		"http.Get": common, "http.Head": common, "http.Post": common, "http.PostForm": common,
		"rapid.Check": "chance.Check has a seed that can be repeated",
	}
}

func TestTestsShareNothingThatMakesThemFail(t *testing.T) {
	found := 0
	err := filepath.WalkDir("../..", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, "_test.go") {
			return err
		}
		found++
		set := token.NewFileSet()
		f, err := parser.ParseFile(set, path, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		ast.Inspect(f, func(n ast.Node) bool {
			if s, ok := n.(*ast.SelectorExpr); ok {
				if x, ok := s.X.(*ast.Ident); ok && avoided()[x.Name+"."+s.Sel.Name] != "" {
					t.Errorf("%s: %s.%s: %s", set.Position(n.Pos()), x.Name, s.Sel.Name, avoided()[x.Name+"."+s.Sel.Name])
				}
			}
			return true
		})
		return nil
	})
	if err != nil || found < 100 {
		t.Errorf("%d files of tests, %v", found, err)
	}
}
