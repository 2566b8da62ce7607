package admin

import (
	"testing"

	"entrepot/gateway/errs"
)

func TestEveryKindHasACodeOfItsOwn(t *testing.T) {
	table, seen := codes(), map[int]errs.Kind{}
	for _, k := range errs.Kinds() {
		f, ok := table[k]
		if !ok || f.Message == "" || f.Code > -32000 || f.Code < -32099 {
			t.Errorf("%v: %+v", k, f)
		}
		if other, twice := seen[f.Code]; twice {
			t.Errorf("%v and %v share %d", k, other, f.Code)
		}
		seen[f.Code] = k
	}
}
