package duracloud_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"entrepot/gateway"
	"entrepot/gateway/gatewaytest"
	"entrepot/protocols/duracloud"
)

// get asks the door for a path as a user whose password is the name.
func get(t testing.TB, h http.Handler, user, path string) (status int, body string) {
	t.Helper()
	r := httptest.NewRequest(http.MethodGet, duracloud.DefaultPrefix+path, nil)
	r.SetBasicAuth(user, user)
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	b, err := io.ReadAll(w.Result().Body)
	if err != nil {
		t.Fatal(err)
	}
	return w.Code, string(b)
}

// nextDay moves the clock to the day after that of the start, whose samples
// are taken when there is nothing yet.
func nextDay(t *testing.T, f *gatewaytest.Fixture) {
	t.Helper()
	if err := f.Store.SampleUsage(t.Context()); err != nil {
		t.Fatal(err)
	}
	f.Clock.Advance(24 * time.Hour)
}

// sampled is a gateway whose clock began on 3 March 2024, 10:00 UTC,
// with samples of 4 March 2024 (100 bytes, 1 item), a Monday, and of the next
// day (201 bytes, 2). Only contents of before are changed while samples are
// taken, which the store does by itself, too.
func sampled(t *testing.T) (*gatewaytest.Fixture, http.Handler) {
	clock := gatewaytest.NewClock()
	clock.Advance(time.Date(2024, 3, 3, 10, 0, 0, 0, time.UTC).Sub(gatewaytest.Start()))
	f := fixture(t, gatewaytest.Options{Clock: clock})
	if err := f.Store.SampleUsage(t.Context()); err != nil {
		t.Fatal(err)
	}
	ctx := f.Ctx("admin")
	ref := gateway.Ref{Account: "acme", Container: "cars"}
	if _, err := f.Gateway.Spaces.Create(ctx, ref); err != nil {
		t.Fatal(err)
	}
	if err := f.Gateway.Trees.MakeFolder(ctx, gateway.Ref{Account: "acme", Container: "cars", Object: "folder"}, gateway.Conditions{}); err != nil {
		t.Fatal(err) // a marker: counted nowhere
	}
	for i, n := range []int{100, 101} { // each on the evening before its sample
		ref.Object = fmt.Sprint("item", i)
		if _, err := f.Gateway.Objects.Put(ctx, ref, strings.NewReader(strings.Repeat("x", n)), gateway.PutOptions{Item: true, Size: -1}); err != nil {
			t.Fatal(err)
		}
		clock.Advance(24 * time.Hour)
		if err := f.Store.SampleUsage(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	return f, handler(t, f, duracloud.Config{})
}

func TestReportsAreMadeOfDailySamples(t *testing.T) {
	_, h := sampled(t)
	const week = `[{"timestamp":1709596799000,"accountId":"acme","spaceId":"cars","storeId":"1","byteCount":150,"objectCount":1}]`
	const days = `[{"timestamp":1709596799000,"accountId":"acme","storeId":"1","byteCount":100,"objectCount":1},` +
		`{"timestamp":1709683199000,"accountId":"acme","storeId":"1","byteCount":201,"objectCount":2}]`
	for path, want := range map[string]string{
		"/report/space/cars?groupBy=week&start=1709510400000&end=1710115199000": week,
		"/report/space/cars?groupBy=MONTH&start=1709510400000":                  week,
		"/report/store?start=1709510400000":                                     days,
		"/report/store?groupBy=day&start=1709510400000&end=1709510400000":       days[:strings.Index(days, "},")+1] + "]",
		"/report/store/1709546400000":                                           `[{"timestamp":1709510400000,"accountId":"acme","spaceId":"cars","storeId":"1","byteCount":100,"objectCount":1}]`,
		"/report/store/1700000000000":                                           `[]`,
		"/report/store?storeID=2":                                               `[]`,
	} {
		if status, body := get(t, h, "admin", path); status != 200 || body != want {
			t.Errorf("%s: %d\n%s, want\n%s", path, status, body, want)
		}
	}
	for _, c := range []struct {
		user, path string
		status     int
		body       string
	}{
		{"admin", "/report/space/cars?start=abc", 400, "Unable to parse date: abc. Input value must be in epoch milliseconds."},
		{"admin", "/report/store/abc", 400, "Unable to parse date: abc. Input value must be in epoch milliseconds."},
		{"admin", "/report/space/cars?groupBy=year", 400, "year is not a valid value for the groupBy parameter. You must specify one of the following values: day,week,month"},
		{"admin", "/report/space/nospace", 404, "The space was not found: nospace"},
		{"admin", "/report/store?storeID=9", 404, "Store id (9) is not associated with this account."},
		{"ann", "/report/space/cars", 403, "Forbidden"},
		{"ann", "/report/store", 403, "Forbidden"},
		{"ann", "/report/store/1709546400000", 403, "Forbidden"},
		{"admin", "/report/space/a/b", 404, "There is nothing here."},
	} {
		if status, body := get(t, h, c.user, c.path); status != c.status || body != c.body {
			t.Errorf("%s as %s: %d %s, want %d %s", c.path, c.user, status, body, c.status, c.body)
		}
	}
}

func TestWeeksBeginOnMondayAndEndWithTheYear(t *testing.T) {
	f := fixture(t, gatewaytest.Options{})
	ref := gateway.Ref{Account: "acme", Container: "cars"}
	if _, err := f.Gateway.Spaces.Create(f.Ctx("admin"), ref); err != nil {
		t.Fatal(err)
	}
	nextDay(t, f)
	first := f.Clock.Now()
	for range 59 { // from Monday, 23 November 2026
		if err := f.Store.SampleUsage(t.Context()); err != nil {
			t.Fatal(err)
		}
		f.Clock.Advance(24 * time.Hour)
	}
	list, err := f.Gateway.Spaces.ReportSpace(f.Ctx("admin"), ref, first, f.Clock.Now(), gateway.ByWeek)
	if err != nil {
		t.Fatal(err)
	}
	var firsts []string
	for _, u := range list {
		firsts = append(firsts, u.Day.Format("01-02"))
	}
	if got := strings.Join(firsts, " "); got != "11-23 11-30 12-07 12-14 12-21 12-28 01-01 01-04 01-11 01-18" {
		t.Errorf("groups begin on %s", got)
	}
}

// Clients page until a page is empty where they read "1000+".
func TestSpaceCountsUpToAThousand(t *testing.T) {
	f := fixture(t, gatewaytest.Plain())
	h := handler(t, f, duracloud.Config{})
	ref := gateway.Ref{Account: "acme", Container: "cars"}
	if _, err := f.Gateway.Spaces.Create(f.Ctx("admin"), ref); err != nil {
		t.Fatal(err)
	}
	count := func() string {
		return want(t, 200, h, "admin", "HEAD", "/cars", "").Header()["x-dura-meta-space-count"][0]
	}
	for i := range 1000 {
		if i == 999 && count() != "999" {
			t.Errorf("999 items are counted as %s", count())
		}
		ref.Object = fmt.Sprintf("item %04d", i)
		if _, err := f.Gateway.Objects.Put(f.Ctx("admin"), ref, strings.NewReader("x"), gateway.PutOptions{Item: true, Size: 1}); err != nil {
			t.Fatal(err)
		}
	}
	if got := count(); got != "1000+" {
		t.Errorf("1000 items are counted as %s", got)
	}
	first := want(t, 200, h, "admin", "GET", "/cars?maxResults=10000", "").Body.String()
	if n := strings.Count(first, "<item>"); n != 1000 || strings.Contains(want(t, 200, h, "admin", "GET", "/cars?marker=item%200999", "").Body.String(), "<item>") {
		t.Errorf("the first page has %d items, or there is a second", n)
	}
}

// A store report sums the averages of the spaces: each over the days on which
// it was sampled, those that are gone included.
func TestReportsOfAStoreKeepSpacesThatAreGone(t *testing.T) {
	f, h := sampled(t)
	ctx := f.Ctx("admin")
	ref := gateway.Ref{Account: "acme", Container: "boats"}
	if _, err := f.Gateway.Spaces.Create(ctx, ref); err != nil {
		t.Fatal(err)
	}
	ref.Object = "item"
	if _, err := f.Gateway.Objects.Put(ctx, ref, strings.NewReader("0123456"), gateway.PutOptions{Item: true, Size: -1}); err != nil {
		t.Fatal(err)
	}
	f.Clock.Advance(24 * time.Hour)
	if err := f.Store.SampleUsage(ctx); err != nil { // Wednesday
		t.Fatal(err)
	}
	want(t, 200, h, "admin", "DELETE", "/boats", "")
	f.Store.Drain(ctx)
	const row = `"accountId":"acme","storeId":"1"`
	for path, rows := range map[string]string{
		// cars: (100 + 201 + 201) / 3 = 167.33 bytes of 1.67 items; boats: 7 of 1
		"/report/store?groupBy=week&start=1709510400000":  `[{"timestamp":1709596799000,` + row + `,"byteCount":174,"objectCount":2}]`,
		"/report/store?groupBy=month&start=1709510400000": `[{"timestamp":1709596799000,` + row + `,"byteCount":174,"objectCount":2}]`,
		"/report/store?start=1709683200000":               `[{"timestamp":1709769599000,` + row + `,"byteCount":208,"objectCount":3}]`,
		"/report/store/1709683200000": `[{"timestamp":1709683200000,"accountId":"acme","spaceId":"boats","storeId":"1","byteCount":7,"objectCount":1},` +
			`{"timestamp":1709683200000,"accountId":"acme","spaceId":"cars","storeId":"1","byteCount":201,"objectCount":2}]`,
	} {
		if status, body := get(t, h, "admin", path); status != 200 || body != rows {
			t.Errorf("%s: %d\n%s, want\n%s", path, status, body, rows)
		}
	}
}
