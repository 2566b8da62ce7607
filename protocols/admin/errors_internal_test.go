package admin

import (
	"errors"
	"testing"

	"entrepot/gateway/errs"
)

func TestEveryKindHasACode(t *testing.T) {
	for _, k := range errs.Kinds() {
		r, ok := rows[cause{k, ""}]
		if !ok || r.text == "" || r.code > -32000 || r.code < -32699 || r.status < 300 || r.status > 599 {
			t.Errorf("%v: %+v", k, r)
		}
		if f := failure(k); f.Code != r.code || f.Status() != r.status || f.Message != r.text {
			t.Errorf("%v is told as %+v", k, f)
		}
	}
}

func TestAFailureShowsItsTextAndNeverItsCause(t *testing.T) {
	f := failure(&errs.Error{Op: "op", Kind: errs.Conflict, Reason: errs.LastAdmin, Text: "for the caller", Err: errors.New("secret")})
	if f.Message != "for the caller" || f.Code != codeConflict || f.Status() != 409 {
		t.Errorf("%+v", f)
	}
	if f = failure(errors.New("secret")); f.Message != "internal error" || f.Code != codeInternal {
		t.Errorf("%+v", f)
	}
	if f = failure(errs.New("op", errs.NotFound, errs.AccountDeleted, "")); f.Code != -32010 || f.Status() != 410 {
		t.Errorf("%+v", f)
	}
}
