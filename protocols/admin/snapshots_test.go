package admin_test

import (
	"fmt"
	"net/http/httptest"
	"testing"

	"entrepot/gateway"
	"entrepot/protocols/admin"
)

// What keeps a space from being deleted can be found and removed.
func TestSnapshotsAreTakenListedAndDestroyed(t *testing.T) {
	f := furnished(t)
	srv := httptest.NewServer(faceOf(f))
	t.Cleanup(srv.Close)
	c := &admin.Client{HTTP: srv.Client()}
	c.HTTP.Transport = rewrite{srv.URL, c.HTTP.Transport}
	ctx, box := t.Context(), admin.ContainerName{Account: "AUTH_test", Container: "box"}
	named := func(name string) admin.SnapshotName { return admin.SnapshotName{ContainerName: box, Snapshot: name} }

	for i := range 5 {
		var made admin.MadeSnapshot
		if err := c.Call(ctx, admin.MethodSnapshotCreate, named(fmt.Sprint("s", 5-i)), &made); err != nil || made.Snapshot != fmt.Sprint("s", 5-i) {
			t.Fatalf("create: %+v, %v", made, err)
		}
	}
	refusal(t, c.Call(ctx, admin.MethodSnapshotCreate, named("s1"), nil), -32009)
	refusal(t, c.Call(ctx, admin.MethodSnapshotCreate, named("a/b"), nil), -32602)
	refusal(t, c.Call(ctx, "container.delete", box, nil), -32009)

	var got []string
	for marker := ""; ; {
		var page admin.Snapshots
		if err := c.Call(ctx, admin.MethodSnapshotList, admin.SnapshotPage{ContainerName: box, Marker: marker, Limit: 2}, &page); err != nil {
			t.Fatal(err)
		}
		if len(page.Snapshots) > 2 {
			t.Errorf("a page of two has %+v", page)
		}
		for _, s := range page.Snapshots {
			got = append(got, s.Name)
			if s.Created.IsZero() {
				t.Errorf("%+v has no time", s)
			}
		}
		if marker = page.Marker; marker == "" {
			break
		}
	}
	if fmt.Sprint(got) != "[s5 s4 s3 s2 s1]" {
		t.Errorf("listed %v", got)
	}
	refusal(t, c.Call(ctx, admin.MethodSnapshotList, admin.SnapshotPage{ContainerName: box, Marker: "gone"}, nil), -32602)
	refusal(t, c.Call(ctx, admin.MethodSnapshotList, admin.SnapshotPage{ContainerName: box, Limit: 1001}, nil), -32602)

	for _, name := range got {
		if err := c.Call(ctx, admin.MethodSnapshotDestroy, named(name), nil); err != nil {
			t.Error(err)
		}
	}
	refusal(t, c.Call(ctx, admin.MethodSnapshotDestroy, named("s1"), nil), -32004)
	log, _, err := f.Gateway.Accounts.Log(f.Ctx("root"), gateway.LogPage{Limit: 100})
	count := map[string]int{}
	for _, line := range log {
		count[line.Method+" "+line.Target+" "+line.Result]++
	}
	if err != nil || count["snapshot.create test/box@s1 done"] != 1 || count["snapshot.destroy test/box@s1 done"] != 1 {
		t.Errorf("log %v, %v", count, err)
	}
	if err := c.Call(ctx, "container.delete", box, nil); err != nil {
		t.Error(err)
	}
}
