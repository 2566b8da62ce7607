package duracloud

import (
	"net/http"
	"testing"
	"time"

	"entrepot/gateway/errs"
)

func TestEveryKindHasARow(t *testing.T) {
	for _, k := range errs.Kinds() {
		answer, ok := answers()[cause{k, ""}]
		if !ok {
			t.Errorf("%v has no row", k)
			continue
		}
		if answer.status < 300 || http.StatusText(answer.status) == "" {
			t.Errorf("%v is answered with %d", k, answer.status)
		}
		if k != errs.NotModified && answer.fixed == "" && answer.cause == nil {
			t.Errorf("%v has no text", k)
		}
	}
}

func TestCausesAreNeverShown(t *testing.T) {
	for _, k := range errs.Kinds() {
		secret := &errs.Error{Kind: k, Err: errs.New("", errs.Other, "", "secret")}
		if _, text := answerTo(onItem("get content", &call{space: "s", item: "i"}, secret)); text == "secret" {
			t.Errorf("%v shows its cause", k)
		}
	}
}

func at0() time.Time { return time.UnixMilli(0) }

func answersWith(err error) int {
	status, _ := answerTo(err)
	return status
}
