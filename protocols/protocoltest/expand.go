package protocoltest

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
)

var placeholder = regexp.MustCompile(`\{(?:([A-Za-z][A-Za-z0-9_]*)|([0-9]{1,8})\*([^{}]+))\}`)

// expand replaces {name} of a known variable and {257*x}. quote is applied to
// what is put in.
func expand(s string, vars map[string]string, quote func(string) string) (string, error) {
	var failed error
	out := placeholder.ReplaceAllStringFunc(s, func(found string) string {
		m := placeholder.FindStringSubmatch(found)
		if m[1] != "" {
			if v, ok := vars[m[1]]; ok {
				return quote(v)
			}
			return found
		}
		n, err := strconv.Atoi(m[2])
		if err != nil || n > maxRepeat/len(m[3]) {
			failed = fmt.Errorf("%s is longer than %d bytes", found, maxRepeat)
			return ""
		}
		return quote(strings.Repeat(m[3], n))
	})
	return out, failed
}

// plain is expand for text that is no regular expression.
func plain(s string, vars map[string]string) (string, error) {
	return expand(s, vars, func(v string) string { return v })
}

// bytes yields what an operand stands for; files lie in dir.
func (o operand) bytes(dir string, vars map[string]string) ([]byte, error) {
	switch o.kind {
	case operandFile:
		return os.ReadFile(filepath.Join(dir, filepath.FromSlash(o.text)))
	case operandRepeat:
		return []byte(strings.Repeat(o.text, o.count)), nil
	}
	text, err := plain(o.text, vars)
	return []byte(text), err
}
