package httpkit_test

import (
	"math/rand/v2"
	"net/http"
	"testing"
	"time"

	"entrepot/protocols/internal/httpkit"
)

// sameDates compares both forms with those of package time.
func sameDates(t *testing.T, at time.Time) {
	t.Helper()
	if got, want := string(httpkit.AppendHTTPDate([]byte("x"), at)), "x"+at.UTC().Format(http.TimeFormat); got != want {
		t.Fatalf("%d: HTTP date %q, want %q", at.Unix(), got, want)
	}
	if got, want := string(httpkit.AppendDateTime([]byte("x"), at)), "x"+at.UTC().Format("2006-01-02T15:04:05"); got != want {
		t.Fatalf("%d: date and time %q, want %q", at.Unix(), got, want)
	}
}

func TestDatesAreThoseOfPackageTime(t *testing.T) {
	first, last := time.Date(0, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC)
	for day := first; !day.After(last); day = day.AddDate(0, 0, 1) { // each day of the calendar
		if got, want := httpkit.HTTPDate(day), day.Format(http.TimeFormat); got != want {
			t.Fatalf("%s, want %s", got, want)
		}
	}
	for _, at := range []time.Time{
		first.Add(-time.Nanosecond), first, last.Add(time.Second - 1), last.Add(time.Second), {},
		time.Unix(0, 0), time.Unix(-1, 999_999_999), time.Unix(951_782_399, 0), time.Unix(4_107_542_400, 0),
		time.Date(2026, 11, 22, 23, 59, 59, 5, time.FixedZone("", -3*3600)),
	} {
		sameDates(t, at)
	}
	random := rand.New(rand.NewPCG(1, 2))
	for range 100_000 {
		sameDates(t, time.Unix(random.Int64N(last.Unix()-first.Unix())+first.Unix(), random.Int64N(1e9)))
	}
	for range 1000 {
		sameDates(t, time.Unix(random.Int64()>>random.IntN(40)-1<<40, 0))
	}
}

func BenchmarkHTTPDate(b *testing.B) {
	room, at := make([]byte, 0, 64), time.Date(2026, 11, 22, 8, 0, 0, 0, time.UTC)
	b.ReportAllocs()
	for b.Loop() {
		httpkit.AppendHTTPDate(room, at)
	}
}
