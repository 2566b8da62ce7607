package store

import (
	"errors"
	"go/ast"
	"go/constant"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"strings"
	"testing"
)

// queueKinds are the kinds of work that the package's constants name.
func queueKinds(t *testing.T) map[byte]string {
	t.Helper()
	fset := token.NewFileSet()
	var files []*ast.File
	for _, name := range []string{"schema.go", "jobs.go"} {
		f, err := parser.ParseFile(fset, name, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, f)
	}
	conf := types.Config{Importer: importer.Default(), Error: func(error) {}} // the rest of the package is not needed
	pkg, _ := conf.Check("store", fset, files, nil)
	kinds := make(map[byte]string)
	for _, name := range pkg.Scope().Names() {
		c, ok := pkg.Scope().Lookup(name).(*types.Const)
		if !ok || !strings.HasPrefix(name, "queue") && !strings.HasPrefix(name, "Job") {
			continue
		}
		n, exact := constant.Uint64Val(c.Val())
		if !exact || n > 255 {
			t.Fatalf("%s is %v", name, c.Val())
		}
		kinds[byte(n)] = name
	}
	return kinds
}

func TestCheckKnowsEveryKindOfWork(t *testing.T) {
	kinds := queueKinds(t)
	if len(kinds) < 10 {
		t.Fatalf("only %v was found", kinds)
	}
	for n := range 256 {
		name, known := kinds[byte(n)]
		if err := checkQueue(append([]byte{byte(n)}, make([]byte, 8+16)...)); errors.Is(err, errNoSuchWork) == known {
			t.Errorf("work of kind %d %s: %v", n, name, err)
		}
	}
}

func TestEveryTableHasANameInFindings(t *testing.T) {
	seen := map[string]bool{}
	for _, table := range Tables() {
		name := tableName(table)
		if name == "" || seen[name] {
			t.Errorf("table %d is called %q", table, name)
		}
		seen[name] = true
		if text := describe(table, []byte{1}); !strings.HasPrefix(text, name) {
			t.Errorf("a short row of %s is called %q", name, text)
		}
	}
}

func TestRowsOfEveryLengthAreJudgedWithoutPanic(t *testing.T) {
	c := &checker{Store: &Store{}}
	value := (&Account{}).encode()
	for _, table := range Tables() {
		for n := range 48 {
			for _, fill := range []byte{0, 1, 4, 'x'} {
				row := make([]byte, n)
				for i := range row {
					row[i] = fill
				}
				for _, v := range [][]byte{nil, value, make([]byte, 8), make([]byte, 32)} {
					_, _ = c.needs(table, row, v)
				}
			}
		}
	}
}
