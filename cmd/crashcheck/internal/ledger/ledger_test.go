package ledger_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"entrepot/cmd/crashcheck/internal/faults"
	"entrepot/cmd/crashcheck/internal/ledger"
)

func result(fault string, seed uint64, wrong ...string) faults.Result {
	return faults.Result{Fault: fault, Seed: seed, Points: 2, Violations: wrong, Outcomes: map[string]int{"ok": 10, "unknown": 1}, Seconds: 1.5}
}

func TestLedgerResumesAndAddsUp(t *testing.T) {
	path := filepath.Join(t.TempDir(), "l.jsonl")
	l, old, err := ledger.Open(path)
	if err != nil || len(old) != 0 {
		t.Fatal(old, err)
	}
	for _, r := range []faults.Result{result("C1", 1, "lost"), result("C1", 2), result("C2", 1), result("C1", 1)} {
		if err := l.Add(r); err != nil {
			t.Fatal(err)
		}
	}
	l, all, err := ledger.Open(path)
	if err != nil || len(all) != 4 || !l.Has("C1", 2) || l.Has("C1", 3) || l.Has("C2", 2) {
		t.Fatalf("%v, %v", all, err)
	}
	totals := ledger.Totals(all)
	if len(totals) != 2 || totals[0].Fault != "C1" || totals[0].Runs != 2 || totals[0].Points != 4 || totals[0].Failed != 0 || totals[0].OK != 20 {
		t.Errorf("%+v", totals)
	}
	var out strings.Builder
	if err := ledger.WriteTable(&out, totals); err != nil || !strings.Contains(out.String(), "all") {
		t.Errorf("%v\n%s", err, out.String())
	}
}

func TestLedgerForgivesOnlyItsLastLine(t *testing.T) {
	path := filepath.Join(t.TempDir(), "l.jsonl")
	good := `{"fault":"C1","seed":1}` + "\n"
	if err := os.WriteFile(path, []byte(good+`{"fault":"C1","se`), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, all, err := ledger.Open(path); err != nil || len(all) != 1 {
		t.Errorf("%v, %v", all, err)
	}
	if _, err := ledger.Read(strings.NewReader("{\n" + good)); err == nil {
		t.Error("a broken line in the middle passes")
	}
}

func FuzzRead(f *testing.F) {
	f.Add(`{"fault":"C1","seed":1,"outcomes":{"ok":1}}`)
	f.Add("{\n{}\n")
	f.Fuzz(func(t *testing.T, text string) {
		all, err := ledger.Read(strings.NewReader(text))
		if err == nil && len(all) > strings.Count(text, "\n")+1 {
			t.Errorf("%d results from %q", len(all), text)
		}
	})
}
