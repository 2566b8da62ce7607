package depotlist

import (
	"strings"
	"testing"

	"entrepot/gateway/errs"
)

func TestEveryKindHasAStatus(t *testing.T) {
	for _, kind := range errs.Kinds() {
		if statuses[kind] < 300 {
			t.Errorf("%v has no status", kind)
		}
	}
}

func FuzzDecode(f *testing.F) {
	for _, seed := range []string{`{"document":"YQ=="}`, `{}`, `[]`, `{"document":null}`, ``, `{"document":"x"}y`} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, body string) {
		document, err := decode(strings.NewReader(body))
		if err != nil && document != "" {
			t.Errorf("%q gives %q and %v", body, document, err)
		}
		if len(body) > maxBody && errs.Of(err) != errs.TooLarge {
			t.Errorf("%d bytes: %v", len(body), err)
		}
	})
}
