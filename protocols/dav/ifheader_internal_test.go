package dav

import (
	"reflect"
	"strings"
	"testing"

	"entrepot/gateway"
	"entrepot/gateway/errs"
)

func TestParseIf(t *testing.T) {
	token := func(s string) gateway.Condition { return gateway.Condition{Token: s} }
	tests := []struct {
		values []string
		want   []ifList
	}{
		{[]string{"(<a>)"}, []ifList{{conditions: []gateway.Condition{token("a")}}}},
		{[]string{`(<a> ["e"])(Not <DAV:no-lock> [W/"w"])`}, []ifList{
			{conditions: []gateway.Condition{token("a"), {ETag: "e"}}},
			{conditions: []gateway.Condition{{Not: true, Token: "DAV:no-lock"}, {ETag: "w", Weak: true}}},
		}},
		{[]string{"<http://h/a>(<t>)"}, []ifList{{tag: "http://h/a", tagged: true, conditions: []gateway.Condition{token("t")}}}},
		{[]string{"</a> (<t>) (not<u>) </b>\t(NOT [\"e\"])"}, []ifList{
			{tag: "/a", tagged: true, conditions: []gateway.Condition{token("t")}},
			{tag: "/a", tagged: true, conditions: []gateway.Condition{{Not: true, Token: "u"}}},
			{tag: "/b", tagged: true, conditions: []gateway.Condition{{Not: true, ETag: "e"}}},
		}},
		{[]string{"(<a>)", "(<b>)"}, []ifList{{conditions: []gateway.Condition{token("a")}}, {conditions: []gateway.Condition{token("b")}}}},
		{[]string{`([""])`}, []ifList{{conditions: []gateway.Condition{{ETag: noETag}}}}},
		{[]string{`(["a]b)"])`}, []ifList{{conditions: []gateway.Condition{{ETag: "a]b)"}}}}},
	}
	for _, tt := range tests {
		got, err := parseIf(tt.values)
		if err != nil || !reflect.DeepEqual(got, tt.want) {
			t.Errorf("parseIf(%q)\n got %+v, %v\nwant %+v", tt.values, got, err, tt.want)
		}
	}
}

func TestParseIfRefuses(t *testing.T) {
	for _, value := range []string{
		"", "garbage", "()", "( )", "(<a>", "<a>", "<>(<t>)", "(<>)", "(<a", "(a)", "(Not)", "(Not )", `(["e)`, `(["e")`, "([e])",
		"(<a>) </b> (<c>)", "</b> (<c>) x", "(<a>)x", "<a> <b> (<c>)", "(Notx<a>)", "(<a b>)",
		"(" + strings.Repeat("<a>", maxConditions+1) + ")",
	} {
		if _, err := parseIf([]string{value}); errs.Of(err) != errs.Invalid {
			t.Errorf("parseIf(%.60q): %v", value, err)
		}
	}
}

func TestEveryTokenCountsAsSubmitted(t *testing.T) {
	lists, err := parseIf([]string{`(<a> ["e"]) (Not <b>) (<c> <DAV:no-lock>)`})
	if err != nil {
		t.Fatal(err)
	}
	if got, want := submitted(lists), []string{"a", "b", "c", "DAV:no-lock"}; !reflect.DeepEqual(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestParseETags(t *testing.T) {
	tests := []struct {
		values []string
		weak   bool
		want   []string
	}{
		{nil, false, nil},
		{[]string{`"a"`}, false, []string{"a"}},
		{[]string{`"a", "b,c"`, `"d"`}, false, []string{"a", "b,c", "d"}},
		{[]string{"*"}, false, []string{"*"}},
		{[]string{`W/"a"`}, true, []string{"a"}},
		{[]string{`W/"a"`}, false, []string{noETag}},
		{[]string{"Joplin-1"}, true, []string{noETag}},
		{[]string{`bogus, "a"`}, false, []string{"a"}},
		{[]string{""}, false, []string{noETag}},
		{[]string{`""`}, true, []string{noETag}},
		{[]string{`"open`}, true, []string{noETag}},
	}
	for _, tt := range tests {
		if got := parseETags(tt.values, tt.weak); !reflect.DeepEqual(got, tt.want) {
			t.Errorf("parseETags(%q, %v) = %q, want %q", tt.values, tt.weak, got, tt.want)
		}
	}
}

// FuzzParseIf checks that an accepted header has lists, that none is empty,
// and that it means the same when it is written again.
func FuzzParseIf(f *testing.F) {
	for _, seed := range []string{"(<a>)", `</x> (Not <a> ["e"]) (<b>)`, `(<t> [W/"w"])(Not <DAV:no-lock>)`, "garbage", "()"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, value string) {
		lists, err := parseIf([]string{value})
		if err != nil {
			return
		}
		var b strings.Builder
		for _, l := range lists {
			if len(l.conditions) == 0 {
				t.Fatalf("%q has an empty list", value)
			}
			if l.tagged {
				b.WriteString("<" + l.tag + ">")
			}
			b.WriteString("(")
			for _, c := range l.conditions {
				b.WriteString(writeCondition(c))
			}
			b.WriteString(")")
		}
		again, err := parseIf([]string{b.String()})
		if err != nil || !reflect.DeepEqual(again, lists) {
			t.Fatalf("%q → %q → %v, %v", value, b.String(), again, err)
		}
	})
}

func writeCondition(c gateway.Condition) string {
	s := ""
	if c.Not {
		s = "Not "
	}
	switch {
	case c.Token != "":
		return s + "<" + c.Token + ">"
	case c.Weak:
		return s + `[W/"` + c.ETag + `"]`
	}
	return s + `["` + c.ETag + `"]`
}
