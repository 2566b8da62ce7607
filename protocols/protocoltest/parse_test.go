package protocoltest

import (
	"os"
	"strings"
	"testing"
)

func TestParseNamesTheLineOfAMistake(t *testing.T) {
	for script, want := range map[string]string{
		"hello":                            "line 1: ",
		"\n\nstatus == 200":                "line 3: \"status == 200\" before the first request",
		"GET /\nstatus 200":                `line 2: status "200": want one of == != in`,
		"GET /\nheader X":                  `line 2: header ""`,
		"GET /\nheader X equals y":         "line 2: ",
		"GET /\nheader X absent y":         `line 2: "y" behind absent`,
		"GET /\nheader X matches (":        "line 2: error parsing regexp",
		"GET /\nbody \"x":                  "line 2: ",
		"GET /\nbody x\nbody y":            "line 3: a second body",
		"GET /\nbody repeat x":             "line 2: repeat:",
		"GET /\nbody repeat 2":             "line 2: repeat 2: nothing to repeat",
		"GET /\nbody repeat 67108864 ab":   "more than",
		"GET /\nbody repeat 99999999999 a": "is not a count",
		"GET /\nbody truncated x y":        "line 2: truncated:",
		"GET /\nset x":                     "line 2: set",
		"GET /\nset 1x = \"y\"":            "line 2: set",
		"GET /\nset x = header":            "which header?",
		"GET /\nset x = body twice":        `"twice" is not understood`,
		"GET /\nset x = body length":       "not understood",
		"GET /\nraw x":                     "line 2: ",
		"GET \"/":                          "line 1: target",
		"SEND \"x":                         "line 1: ",
		"wait soon":                        `line 1: wait "soon"`,
		"wait -1s":                         "line 1: ",
		"wait 1s\nas a:b":                  "line 2: as after a wait",
		"as":                               "line 1: as: no user",
		"nobody x":                         "line 1: ",
		"GET /\nfoo bar":                   "neither a request, a header nor an expectation",
	} {
		_, err := parse(script)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("parse(%q) = %v, want an error with %q", script, err, want)
		}
	}
}

func TestParseTakesLinesOfEitherEnd(t *testing.T) {
	s, err := parse("GET /a\r\nX: y\r\nbody\r\n| one\r\n| two\r\n\r\n  # note\r\nstatus == 200  \r\n")
	if err != nil {
		t.Fatal(err)
	}
	step := s.steps[0]
	if step.target != "/a" || step.header[0].value != "y" || step.body.text != "one\ntwo" || step.actions[0].want.text != "200" {
		t.Errorf("parsed as %+v", step)
	}
}

func TestLoginBeforeTheFirstStepIsForAll(t *testing.T) {
	s, err := parse("token a:b:c\nGET /\nGET /\nnobody")
	if err != nil {
		t.Fatal(err)
	}
	if l := s.login; l == nil || l.scheme != loginToken || l.user != "a:b" || l.password != "c" {
		t.Errorf("the login of all is %+v", l)
	}
	if s.steps[0].login != nil || s.steps[1].login == nil || s.steps[1].login.scheme != loginNobody {
		t.Errorf("the steps' own logins are %+v and %+v", s.steps[0].login, s.steps[1].login)
	}
}

// FuzzParse looks for scripts that make the parser or its repetitions fail
// other than with an error.
func FuzzParse(f *testing.F) {
	whole, err := os.ReadFile("testdata/language.txt")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(string(whole))
	f.Add("GET /\nbody truncated 3 chunked 1 \"abc\"\nset x = body matches (.)\n")
	f.Add("PUT /{3*x}\nbody\n| a\n|\nbody json == {}\n")
	f.Add("SEND\n| x\nwait 1s\n")
	f.Fuzz(func(t *testing.T, text string) {
		s, err := parse(text)
		if err != nil {
			return
		}
		for _, step := range s.steps {
			if (step.wait == 0) == (step.method == "") {
				t.Errorf("a step that is neither a request nor a wait: %+v", step)
			}
			for _, a := range step.actions {
				if a.line <= step.line || a.subject == "" {
					t.Errorf("an action outside its step: %+v", a)
				}
			}
		}
	})
}
