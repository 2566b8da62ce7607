package auth_test

import (
	"slices"
	"strings"
	"testing"

	"entrepot/auth"
	"entrepot/gateway/errs"
)

func TestAKeyLabelsAUserAndNobodyElse(t *testing.T) {
	f := newFixture(t, nil)
	key := strings.Repeat("AB", 16)
	f.dir.keys[auth.KeyDigest(key)] = auth.KeyRecord{Application: "phone", Networks: []string{"192.0.2.0/24"}}
	user := auth.Principal{User: "tester", Account: "test", Role: auth.RoleOwner}

	p, err := f.Label(t.Context(), user, strings.ToLower(key), home)
	if err != nil || p.Application != "phone" || p.User != "tester" || p.Role != auth.RoleOwner {
		t.Errorf("%+v, %v", p, err)
	}
	for _, nobody := range []auth.Principal{{}, {Operator: true}} {
		if p, err := f.Label(t.Context(), nobody, "no key at all", home); err != nil || p.Application != "" || p.Operator != nobody.Operator {
			t.Errorf("%+v, %v", p, err)
		}
	}
	if want := []string{"tester phone"}; !slices.Equal(f.dir.uses, want) {
		t.Errorf("noted: %q, want %q", f.dir.uses, want)
	}
	_, err = f.Label(t.Context(), user, key, other)
	wantKind(t, err, errs.Forbidden, errs.BadAddress)
	_, err = f.Label(t.Context(), user, strings.Repeat("CD", 16), home)
	wantKind(t, err, errs.Forbidden, "")
	_, err = f.Label(t.Context(), user, "short", home)
	wantKind(t, err, errs.Forbidden, errs.BadKey)

	for _, refused := range []error{
		errs.New("", errs.Forbidden, errs.ApplicationStopped, ""), errs.New("", errs.NotFound, errs.NoApplication, ""),
	} {
		f.dir.refused = refused
		p, err = f.Label(t.Context(), user, key, home)
		wantKind(t, err, errs.Forbidden, errs.ReasonOf(refused))
		if p.User != "" {
			t.Errorf("refused as %+v", p)
		}
	}
	f.dir.keys[auth.KeyDigest(key)] = auth.KeyRecord{Application: "phone", Revoked: true}
	_, err = f.Label(t.Context(), user, key, home)
	wantKind(t, err, errs.Forbidden, errs.KeyRevoked)
}
