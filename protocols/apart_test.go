package protocols_test

import (
	"testing"

	"entrepot/gateway/errs"
	"entrepot/protocols"
)

// Two doors below one first segment of a path would take each other's
// requests.
func TestDoorsStandApart(t *testing.T) {
	for _, tt := range []struct {
		one, other string
		apart      bool
	}{
		{"dav", "durastore", true}, {"v1", "v1.0", true},
		{"dav", "dav", false}, {"dav", "dav/x", false}, {"v1/a", "v1/b", false}, {"metrics", "x", false},
	} {
		_, err := protocols.New(protocols.Config{}, protocols.Deps{},
			protocols.Mount{Name: "one", Face: face{tt.one, echo}}, protocols.Mount{Name: "other", Face: face{tt.other, echo}})
		if tt.apart && err != nil || !tt.apart && errs.Of(err) != errs.Invalid {
			t.Errorf("%s beside %s: %v", tt.one, tt.other, err)
		}
	}
}
