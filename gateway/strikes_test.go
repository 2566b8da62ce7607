package gateway_test

import (
	"strings"
	"testing"
	"time"

	"entrepot/auth"
	"entrepot/gateway/errs"
	"entrepot/gateway/gatewaytest"
)

func TestS3CountersOfWrongPasswordsLieInTheStore(t *testing.T) {
	f := gatewaytest.New(t)
	service := func() *auth.Service {
		s, err := auth.New(f.Gateway.Accounts, auth.Config{
			ServerKey: auth.NewSecret(strings.Repeat("k", 32)), Hash: auth.HashParams{Memory: 64, Passes: 1, Lanes: 1},
			Now: f.Clock.Now, Strikes: f.Gateway.Accounts, Throttle: auth.ThrottleConfig{Pair: auth.Limit{Burst: 3, Every: time.Minute}},
		})
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	first := service()
	for _, guess := range []string{"a", "b", "c"} {
		if _, err := first.Password(t.Context(), "tester", guess, gatewaytestAddr); errs.Of(err) != errs.Unauthenticated {
			t.Fatal(err)
		}
	}
	if err := first.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	_, err := service().Password(t.Context(), "tester", "testing", gatewaytestAddr)
	if wait, ok := auth.RetryAfter(err); !ok || wait <= 0 || wait > time.Minute {
		t.Errorf("after a restart: %v", err)
	}
	soundStore(t, f)
	rows := func() int {
		list, err := f.Store.Strikes(t.Context(), nil, 100)
		if err != nil {
			t.Fatal(err)
		}
		return len(list)
	}
	if n := rows(); n != 3 {
		t.Errorf("%d counters", n)
	}
	f.Clock.Advance(time.Hour)
	if err := f.Gateway.Accounts.TrimStrikes(t.Context(), f.Clock.Now()); err != nil || rows() != 0 {
		t.Errorf("%d counters are left of what is over, %v", rows(), err)
	}
	if _, err := service().Password(t.Context(), "tester", "testing", gatewaytestAddr); err != nil {
		t.Error(err)
	}
}
