package admin

import (
	"fmt"
	"strings"
	"testing"
)

func FuzzReplicaMarker(f *testing.F) {
	for _, text := range []string{"", "1-2", "ffffffffffffffff-255", "x", "1-2-3", "-"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		m, err := replicaMarker(text)
		if err != nil || text == "" {
			return
		}
		again, err := replicaMarker(fmt.Sprintf("%x-%d", m.Source, m.Store))
		if err != nil || again != m || !strings.Contains(text, "-") {
			t.Errorf("%q is %+v, and again %+v, %v", text, m, again, err)
		}
	})
}
