package admin_test

import (
	"context"
	"errors"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"entrepot/protocols/admin"
)

// keeper notes what it is asked for.
type keeper struct{ asked []any }

func (k *keeper) Check(_ context.Context, c admin.Check) (out admin.Checked, err error) {
	k.asked = append(k.asked, c)
	for range admin.MaxFindings + 5 {
		out.Found++
		out.Note(admin.Finding{Where: strings.Repeat("w", 5000), Reason: strings.Repeat("r", 5000)})
	}
	return out, nil
}

func (k *keeper) Sweep(_ context.Context, s admin.Sweep) (admin.Swept, error) {
	k.asked = append(k.asked, s)
	return admin.Swept{Found: 2, Orphans: []string{"a", "b"}}, nil
}

func (k *keeper) Backup(_ context.Context, b admin.Backup) (admin.BackedUp, error) {
	k.asked = append(k.asked, b)
	return admin.BackedUp{}, errors.New("/mnt/backup: no space left on device")
}

func (k *keeper) Events(_ context.Context, e admin.Events) ([]admin.Event, error) {
	k.asked = append(k.asked, e)
	return []admin.Event{{Time: time.Unix(1, 0).UTC(), Kind: "damage", Ref: "r", Text: "t"}}, nil
}

func TestMaintenanceIsAskedAndAnswers(t *testing.T) {
	k := &keeper{}
	srv := httptest.NewServer(admin.New(admin.Deps{Maintenance: k}))
	t.Cleanup(srv.Close)
	client := srv.Client()
	client.Transport = rewrite{srv.URL, client.Transport}
	c, ctx := &admin.Client{HTTP: client}, t.Context()

	var checked admin.Checked
	if err := c.Call(ctx, admin.MethodCheck, admin.Check{Content: true}, &checked); err != nil {
		t.Fatal(err)
	}
	if checked.Found != admin.MaxFindings+5 || len(checked.Findings) != admin.MaxFindings || len(checked.Findings[0].Where) > 1100 {
		t.Error(checked.Found, len(checked.Findings))
	}
	var swept admin.Swept
	if err := c.Call(ctx, admin.MethodSweep, admin.Sweep{Grace: 5, DryRun: true}, &swept); err != nil || len(swept.Orphans) != 2 {
		t.Error(swept, err)
	}
	var fail *admin.Failure
	err := c.Call(ctx, admin.MethodBackup, admin.Backup{Directory: "/mnt/backup"}, nil)
	if !errors.As(err, &fail) || !strings.Contains(fail.Message, "no space left") {
		t.Error("the operator is not told why", err)
	}
	var events []admin.Event
	if err := c.Call(ctx, admin.MethodEvents, admin.Events{}, &events); err != nil || len(events) != 1 || events[0].Text != "t" {
		t.Error(events, err)
	}
	var at admin.Address
	if err := c.Call(ctx, admin.MethodAddress, struct{}{}, &at); err != nil || at.URL != "" {
		t.Error("a face without an address tells one", at, err)
	}
	want := []any{
		admin.Check{Content: true}, admin.Sweep{Grace: 5, DryRun: true}, admin.Backup{Directory: "/mnt/backup"},
		admin.Events{Limit: admin.MaxFindings},
	}
	if len(k.asked) != len(want) {
		t.Fatal(k.asked)
	}
	for i := range want {
		if k.asked[i] != want[i] {
			t.Errorf("%+v, want %+v", k.asked[i], want[i])
		}
	}
	for method, params := range map[string]any{
		admin.MethodCheck: admin.Check{Rate: -1}, admin.MethodSweep: admin.Sweep{Grace: -1},
		admin.MethodBackup: admin.Backup{Directory: "relative"}, admin.MethodEvents: admin.Events{Limit: 1001},
	} {
		if err := c.Call(ctx, method, params, nil); !errors.As(err, &fail) || fail.Code != -32602 {
			t.Errorf("%s %+v: %v", method, params, err)
		}
	}
	if len(k.asked) != len(want) {
		t.Error("a call that cannot be right was carried out")
	}
}

func TestWithoutMaintenanceItsMethodsAreNotThere(t *testing.T) {
	c, _, _, _ := newClient(t)
	var fail *admin.Failure
	if err := c.Call(t.Context(), admin.MethodSweep, admin.Sweep{}, nil); !errors.As(err, &fail) || fail.Code != -32601 {
		t.Error(err)
	}
}
