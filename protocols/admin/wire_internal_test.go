package admin

import (
	"encoding/json"
	"errors"
	"testing"
)

func FuzzParse(f *testing.F) {
	for _, s := range []string{
		`{"jsonrpc":"2.0","id":1,"method":"account.get","params":{"account":"AUTH_a"}}`,
		`[{"jsonrpc":"2.0","id":"a","method":"x"},7,[],{"jsonrpc":"2.0","method":"n","id":null}]`,
		`{"jsonrpc":"2.0","id":-0,"method":"x","params":[]}`, `{"jsonrpc":"2.0","id":1e3,"method":"x"}`, `[]`, `null`, `{`, `"\ud800"`, ` {} {} `,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		in, err := parse(body)
		if err != nil {
			var told *Failure
			if !errors.As(err, &told) || told.Status() != 400 || in.calls != nil {
				t.Fatalf("%q: %v, %v", body, in, err)
			}
			return
		}
		if n := len(in.calls); n == 0 || n > maxBatch || !in.batch && n != 1 {
			t.Fatalf("%q: %d calls", body, n)
		}
		for _, c := range in.calls {
			switch {
			case c.unread() != (c.Method == ""):
				t.Fatalf("%q: %+v", body, c)
			case len(c.ID) > 0 && !json.Valid(c.ID):
				t.Fatalf("%q: id %q", body, c.ID)
			case c.bad == nil && len(c.Params) > 0 && (c.Params[0] != '{' || !json.Valid(c.Params)):
				t.Fatalf("%q: params %q", body, c.Params)
			}
			if c.bad == nil {
				_, _ = params[NewAccount](c.Params)
				_, _ = params[AccountUpdate](c.Params)
			}
		}
	})
}

func TestUnknownParametersAreNamed(t *testing.T) {
	for raw, want := range map[string]string{
		`{"acount":"x"}`:              `the parameters do not fit the method: there is no "acount"`,
		`{"account":7}`:               "the parameters do not fit the method: account is no number here",
		`{"account":"x","quota":"1"}`: "the parameters do not fit the method: quota is no string here",
		`{"account":"x","quota":-1}`:  "the parameters do not fit the method: a value is malformed",
	} {
		if _, err := params[NewAccount](json.RawMessage(raw)); err == nil || err.Error() != want {
			t.Errorf("%s: %v", raw, err)
		}
	}
}
