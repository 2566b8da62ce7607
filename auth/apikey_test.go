package auth_test

import (
	"bytes"
	"regexp"
	"strings"
	"testing"

	"entrepot/auth"
	"entrepot/gateway/errs"
)

func TestAPIKeysAreFoundByTheirDigest(t *testing.T) {
	f := newFixture(t, nil)
	key, err := auth.NewAPIKey(bytes.NewReader([]byte("0123456789abcdef")))
	if err != nil || key.Reveal() != "30313233343536373839616263646566" || !regexp.MustCompile(`^[0-9A-F]{32}$`).MatchString(key.Reveal()) {
		t.Fatalf("key %q, %v", key.Reveal(), err)
	}
	f.dir.keys[auth.KeyDigest(key.Reveal())] = auth.KeyRecord{Application: "backup", Networks: []string{"192.0.2.0/24"}}
	rec, err := f.APIKey(t.Context(), key.Reveal(), home)
	if err != nil || rec.Application != "backup" {
		t.Errorf("%+v, %v", rec, err)
	}
	_, err = f.APIKey(t.Context(), key.Reveal(), other)
	wantKind(t, err, errs.Forbidden, errs.BadAddress)
	for _, bad := range []string{"", "ABC", strings.Repeat("0", 32), strings.Repeat("g", 32), key.Reveal() + "0"} {
		reason := errs.BadKey
		if bad == strings.Repeat("0", 32) {
			reason = ""
		}
		_, err := f.APIKey(t.Context(), bad, home)
		wantKind(t, err, errs.Unauthenticated, reason)
	}
	rec.Revoked = true
	f.dir.keys[auth.KeyDigest(key.Reveal())] = rec
	_, err = f.APIKey(t.Context(), key.Reveal(), home)
	wantKind(t, err, errs.Unauthenticated, errs.KeyRevoked)
}

func TestAPIKeysAreShownInUpperCaseAndTakenInBoth(t *testing.T) {
	key, err := auth.NewAPIKey(bytes.NewReader(bytes.Repeat([]byte{0xab}, 16)))
	if err != nil || key.Reveal() != strings.Repeat("AB", 16) {
		t.Fatalf("key %q, %v", key.Reveal(), err)
	}
	f := newFixture(t, nil)
	f.dir.keys[auth.KeyDigest(key.Reveal())] = auth.KeyRecord{Application: "x"}
	rec, err := f.APIKey(t.Context(), strings.ToLower(key.Reveal()), home)
	if err != nil || rec.Application != "x" {
		t.Errorf("in lower case: %+v, %v", rec, err)
	}
}
