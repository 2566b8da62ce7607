package errs_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"testing"

	"entrepot/gateway/errs"
)

func TestKindAndReasonAreFoundThroughWrapping(t *testing.T) {
	cause := errs.Wrap("objects.Put", errs.OverQuota, errs.DiskFull, io.ErrShortWrite)
	err := fmt.Errorf("outer: %w", cause)
	if errs.Of(err) != errs.OverQuota || errs.ReasonOf(err) != errs.DiskFull {
		t.Errorf("%v, %q", errs.Of(err), errs.ReasonOf(err))
	}
	if !errors.Is(err, errs.OverQuota) || !errors.Is(err, io.ErrShortWrite) || errors.Is(err, errs.NotFound) {
		t.Error("errors.Is does not see kind and cause")
	}
	// The outermost error decides: a layer may know better than the one below.
	again := errs.Wrap("trees.Copy", errs.Conflict, errs.NoParent, err)
	if errs.Of(again) != errs.Conflict || errs.ReasonOf(again) != errs.NoParent || !errors.Is(again, errs.OverQuota) {
		t.Errorf("%v", again)
	}
}

func TestErrorsWithoutAKindAreOther(t *testing.T) {
	for err, want := range map[error]errs.Kind{
		io.EOF: errs.Other, context.Canceled: errs.Canceled, context.DeadlineExceeded: errs.Canceled, errs.Locked: errs.Locked,
	} {
		if got := errs.Of(fmt.Errorf("x: %w", err)); got != want {
			t.Errorf("%v is %v", err, got)
		}
	}
	if errs.ReasonOf(io.EOF) != "" || errs.TextOf(io.EOF) != "" {
		t.Error("a foreign error has a reason or a text")
	}
}

func TestCausesAreLoggedAndNeverShown(t *testing.T) {
	err := errs.Wrap("op", errs.Other, "", errors.New("/secret/path"))
	if errs.TextOf(err) != "" || err.Error() != "op: other: /secret/path" {
		t.Errorf("%q, %q", errs.TextOf(err), err)
	}
	if errs.Wrap("op", errs.Other, "", nil) != nil {
		t.Error("wrapping nothing gave an error")
	}
}

func TestEveryKindHasANameOfItsOwn(t *testing.T) {
	seen := map[string]bool{}
	for _, k := range errs.Kinds() {
		if name := k.String(); name == "" || name == "unknown" || seen[name] {
			t.Errorf("kind %d is called %q", k, name)
		} else {
			seen[name] = true
		}
	}
	if errs.Kind(200).String() != "unknown" {
		t.Error("a kind that is none has a name")
	}
}
