package store

import (
	"strings"
	"testing"
)

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
