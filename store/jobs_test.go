package store_test

import (
	"testing"
	"time"

	"entrepot/gateway/errs"
	"entrepot/gateway/gatewaytest"
	"entrepot/store"
)

func TestJobIsTakenUpAgainAfterItsLease(t *testing.T) {
	f := gatewaytest.New(t)
	ctx, s := t.Context(), f.Store
	job := store.Job{Kind: store.JobVerify, Name: "x", Account: "test", Container: 7, User: "tester", Due: s.Now(), Since: s.Now(), Option: "all"}
	for range 2 { // two of one name are one
		if err := s.AddJob(ctx, job); err != nil {
			t.Fatal(err)
		}
	}
	take := func(want bool) store.Job {
		t.Helper()
		j, found, err := s.TakeJob(ctx, store.JobVerify, time.Minute)
		if err != nil || found != want {
			t.Fatalf("TakeJob: %v, %v, want %v", found, err, want)
		}
		return j
	}
	first := take(true)
	if first.Name != "x" || first.Container != 7 || first.User != "tester" || first.Option != "all" {
		t.Errorf("took %+v", first)
	}
	take(false)
	if _, found, err := s.TakeJob(ctx, store.JobManifest, time.Minute); found || err != nil {
		t.Errorf("another kind: %v, %v", found, err)
	}
	f.Clock.Advance(40 * time.Second)
	if err := s.HoldJob(ctx, &first, time.Minute); err != nil {
		t.Fatal(err)
	}
	f.Clock.Advance(40 * time.Second)
	take(false) // the lease was renewed
	f.Clock.Advance(time.Minute)
	second := take(true)
	if err := s.HoldJob(ctx, &first, time.Minute); errs.Of(err) != errs.Conflict {
		t.Errorf("who lost the job may hold it: %v", err)
	}
	if r, err := s.Check(ctx, store.CheckOptions{}); err != nil || r.Findings != 0 {
		t.Errorf("check: %+v, %v", r, err)
	}
	if err := s.EndJob(ctx, &second); err != nil {
		t.Fatal(err)
	}
	f.Clock.Advance(time.Hour)
	take(false)
}
