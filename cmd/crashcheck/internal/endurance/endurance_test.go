package endurance_test

import (
	"bytes"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"entrepot/cmd/crashcheck/internal/endurance"
	"entrepot/cmd/crashcheck/internal/process"
	"entrepot/cmd/crashcheck/internal/wire"
)

func TestGrowthIsSeen(t *testing.T) {
	flat := make([]endurance.Sample, 16)
	for i := range flat {
		flat[i] = endurance.Sample{After: time.Duration(i) * 10 * time.Second, Anon: 50 << 20, Heap: 30 << 20, Goroutines: 40, Descriptors: 30}
	}
	if wrong := endurance.Grown(flat); len(wrong) > 0 {
		t.Errorf("%q", wrong)
	}
	for _, grow := range []func(s *endurance.Sample, i int64){
		func(s *endurance.Sample, i int64) { s.Anon += i << 23 },
		func(s *endurance.Sample, i int64) { s.Heap += i << 23 },
		func(s *endurance.Sample, i int64) { s.Goroutines += 3 * i },
		func(s *endurance.Sample, i int64) { s.Descriptors += 3 * i },
	} {
		grown := append([]endurance.Sample(nil), flat...)
		for i := range grown {
			grow(&grown[i], int64(i))
		}
		if wrong := endurance.Grown(grown); len(wrong) != 1 {
			t.Errorf("%q", wrong)
		}
	}
	flat[15].Heap, flat[14].Anon = 300<<20, 300<<20
	if wrong := endurance.Grown(flat); len(wrong) > 0 {
		t.Errorf("a moment's memory is called growth: %q", wrong)
	}
	if len(endurance.Grown(flat[:3])) == 0 {
		t.Error("three samples show growth or none")
	}
}

func TestManyObjectsAreMeasured(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	binary, err := process.Build(t.Context(), "../../../..", dir)
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	m := endurance.Many{
		Options: process.Options{Binary: binary, Data: filepath.Join(dir, "data"), Scratch: dir, Log: filepath.Join(dir, "log"), Password: "admin-password", Limit: time.Minute},
		Client:  wire.New("admin", "admin-password"), Objects: 300, Load: time.Second, Rest: 10 * time.Millisecond, Out: &out,
	}
	if err := m.Run(t.Context()); err != nil {
		t.Fatalf("%v\n%s", err, &out)
	}
	for _, want := range []string{"empty, at rest: ", "300 objects", "under load", "clean stop", "start after a kill"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("%q is missing in\n%s", want, &out)
		}
	}
}
