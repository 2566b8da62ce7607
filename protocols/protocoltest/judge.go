package protocoltest

import (
	"bytes"
	"compress/gzip"
	"crypto/md5"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// judge does one action; the error says what is not as expected.
func (r *runner) judge(x *exchange, a *action) error {
	if a.subject == "set" {
		return r.keep(x, a)
	}
	switch a.subject {
	case "status":
		return r.judgeStatus(x, a)
	case "header":
		return r.judgeText(strings.Join(x.header.Values(a.name), ", "), len(x.header.Values(a.name)) > 0, a)
	case "wire":
		return r.judgeText(string(x.raw), true, a)
	case "continued":
		return r.judgeText(strconv.FormatBool(x.continued), true, a)
	case "length":
		return r.judgeText(strconv.Itoa(len(x.body)), true, a)
	case "md5":
		sum := md5.Sum(x.body)
		return r.judgeText(hex.EncodeToString(sum[:]), true, a)
	case "json":
		return r.judgeJSON(x.body, a)
	case "gunzip":
		plain, err := gunzip(x.body)
		if err != nil {
			return err
		}
		return r.judgeText(plain, true, a)
	}
	if a.want.kind == operandFile && a.op == "==" && r.update {
		return os.WriteFile(filepath.Join(r.dir, filepath.FromSlash(a.want.text)), x.body, 0o644)
	}
	if a.op == "broken" {
		if x.broken == nil {
			return fmt.Errorf("the body came whole")
		}
		return nil
	}
	return r.judgeText(string(x.body), true, a)
}

// judgeStatus compares the status with a list of numbers; "none" is no answer.
func (r *runner) judgeStatus(x *exchange, a *action) error {
	got := "none"
	if x.status != 0 {
		got = strconv.Itoa(x.status)
	}
	want, err := plain(a.want.text, r.vars)
	if err != nil {
		return err
	}
	if slices.Contains(strings.Fields(want), got) == (a.op == "!=") {
		return fmt.Errorf("status is %s", got)
	}
	return nil
}

// judgeText applies an operator to text; present is false for a header that
// is not there.
func (r *runner) judgeText(got string, present bool, a *action) error {
	shown := strconv.Quote(cut(got, 400))
	if !present {
		shown = "absent"
	}
	switch a.op {
	case "absent", "present":
		if present != (a.op == "present") {
			return fmt.Errorf("it is %s", shown)
		}
		return nil
	case "empty":
		if got != "" {
			return fmt.Errorf("it is %s", shown)
		}
		return nil
	case "matches":
		pattern, err := r.compile(a.pattern)
		if err != nil {
			return err
		}
		if !pattern.MatchString(got) {
			return fmt.Errorf("it is %s", shown)
		}
		return nil
	}
	want, err := a.want.bytes(r.dir, r.vars)
	if err != nil {
		return err
	}
	ok := false
	switch a.op {
	case "==":
		ok = present && got == string(want)
	case "!=":
		ok = got != string(want)
	case "contains":
		ok = strings.Contains(got, string(want))
	case "lacks":
		ok = !strings.Contains(got, string(want))
	}
	if ok {
		return nil
	}
	if a.op == "==" && present {
		return fmt.Errorf("it is %s%s", shown, firstDifference(got, string(want)))
	}
	return fmt.Errorf("it is %s", shown)
}

// compile makes an expression with the variables in it, taken literally.
func (r *runner) compile(pattern string) (*regexp.Regexp, error) {
	expanded, err := expand(pattern, r.vars, regexp.QuoteMeta)
	if err != nil {
		return nil, err
	}
	return regexp.Compile(expanded)
}

// keep sets a variable.
func (r *runner) keep(x *exchange, a *action) error {
	if a.from == nil {
		value, err := a.want.bytes(r.dir, r.vars)
		r.vars[a.set] = string(value)
		return err
	}
	var value string
	switch a.from.subject {
	case "status":
		value = strconv.Itoa(x.status)
	case "body":
		value = string(x.body)
	default:
		if x.header.Values(a.from.name) == nil {
			return fmt.Errorf("there is no header %s", a.from.name)
		}
		value = strings.Join(x.header.Values(a.from.name), ", ")
	}
	if a.from.pattern != "" {
		pattern, err := r.compile(a.from.pattern)
		if err != nil {
			return err
		}
		m := pattern.FindStringSubmatch(value)
		if m == nil {
			return fmt.Errorf("%s is not in %q", pattern, cut(value, 400))
		}
		value = m[min(1, len(m)-1)]
	}
	r.vars[a.set] = value
	return nil
}

// judgeJSON compares parsed values; the string "..." stands for any value.
func (r *runner) judgeJSON(body []byte, a *action) error {
	text, err := a.want.bytes(r.dir, r.vars)
	if err != nil {
		return err
	}
	want, err := decodeJSON(text)
	if err != nil {
		return fmt.Errorf("the script's own JSON: %w", err)
	}
	got, err := decodeJSON(body)
	if err != nil {
		return fmt.Errorf("the body is not JSON: %w", err)
	}
	return sameJSON("$", got, want)
}

func decodeJSON(text []byte) (any, error) {
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		return nil, err
	}
	if d.More() {
		return nil, fmt.Errorf("more than one value")
	}
	return v, nil
}

// sameJSON says where got differs from want.
func sameJSON(path string, got, want any) error {
	if want == "..." {
		return nil
	}
	switch w := want.(type) {
	case map[string]any:
		g, ok := got.(map[string]any)
		if !ok {
			break
		}
		for k := range g {
			if _, ok := w[k]; !ok {
				return fmt.Errorf("%s.%s is not expected", path, k)
			}
		}
		for k, v := range w {
			if _, ok := g[k]; !ok {
				return fmt.Errorf("%s.%s is missing", path, k)
			}
			if err := sameJSON(path+"."+k, g[k], v); err != nil {
				return err
			}
		}
		return nil
	case []any:
		g, ok := got.([]any)
		if !ok {
			break
		}
		if len(g) != len(w) {
			return fmt.Errorf("%s has %d elements, want %d", path, len(g), len(w))
		}
		for i := range w {
			if err := sameJSON(fmt.Sprintf("%s[%d]", path, i), g[i], w[i]); err != nil {
				return err
			}
		}
		return nil
	}
	if !reflect.DeepEqual(got, want) {
		return fmt.Errorf("%s is %v, want %v", path, got, want)
	}
	return nil
}

// firstDifference points at the first byte that differs, for long texts.
func firstDifference(got, want string) string {
	if len(got) < 60 && len(want) < 60 {
		return ""
	}
	i := 0
	for i < len(got) && i < len(want) && got[i] == want[i] {
		i++
	}
	return fmt.Sprintf("\n  %d bytes, want %d; from byte %d on it has %q, want %q",
		len(got), len(want), i, cut(got[i:], 80), cut(want[i:], 80))
}

// cut shortens text for a message.
func cut(s string, n int) string {
	if len(s) <= n {
		return s
	}
	return s[:n] + fmt.Sprintf("… (%d bytes)", len(s))
}

// gunzip decompresses a body.
func gunzip(body []byte) (string, error) {
	z, err := gzip.NewReader(bytes.NewReader(body))
	if err != nil {
		return "", err
	}
	plain, err := io.ReadAll(z)
	return string(plain), err
}
