package store_test

import (
	"testing"
	"time"

	"entrepot/store"
)

func TestPrefixIsOfLiveObjectsBesideTheOneLeftOut(t *testing.T) {
	w, _ := hostile(t)
	soon := w.clock.Now().Add(time.Minute)
	w.put("live/a", 1, time.Time{})
	w.put("both/a", 1, soon)
	w.put("both/b", 1, time.Time{})
	w.put("gone/a", 1, soon)
	w.clock.advance(time.Hour)
	for _, c := range []struct {
		prefix, except string
		want           bool
	}{
		{"live/", "", true},
		{"live/", "live/a", false},
		{"both/", "", true}, // the first has expired
		{"both/", "both/b", false},
		{"both/", "both/a", true},
		{"gone/", "", false},
		{"none/", "", false},
		{"", "", true},
	} {
		err := w.View(t.Context(), func(v *store.View) error {
			got, err := v.HasPrefix(w.container.ID, c.prefix, c.except, w.Now())
			if got != c.want {
				t.Errorf("prefix %q without %q: %v", c.prefix, c.except, got)
			}
			return err
		})
		if err != nil {
			t.Error(err)
		}
	}
}
