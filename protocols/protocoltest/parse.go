package protocoltest

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// The limits of a script, so that a slip of the pen does not fill the memory.
const (
	maxRepeat = 64 << 20 // bytes that a repetition may make
	maxWait   = 100 * 365 * 24 * time.Hour
)

var (
	requestLine  = regexp.MustCompile(`^([A-Z][A-Z0-9-]*) +([^ ].*)$`)
	headerSyntax = regexp.MustCompile("^([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*(.*)$")
	variableName = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_]*$`)
)

// parser reads a script line by line.
type parser struct {
	lines []string
	next  int // index of the next line
	out   script
}

// parse reads a script. Errors name the line.
func parse(text string) (*script, error) {
	p := &parser{lines: strings.Split(strings.ReplaceAll(text, "\r\n", "\n"), "\n")}
	for p.next < len(p.lines) {
		line := p.lines[p.next]
		p.next++
		number := p.next
		if err := p.line(line, number); err != nil {
			return nil, fmt.Errorf("line %d: %w", number, err)
		}
	}
	return &p.out, nil
}

// line takes one line of the script.
func (p *parser) line(line string, number int) error {
	line = strings.TrimRight(line, " \t")
	if line == "" || strings.HasPrefix(strings.TrimLeft(line, " \t"), "#") {
		return nil
	}
	if m := requestLine.FindStringSubmatch(line); m != nil {
		return p.begin(m[1], m[2], number)
	}
	word, rest, _ := strings.Cut(line, " ")
	rest = strings.TrimSpace(rest)
	switch word {
	case "wait":
		return p.wait(rest, number)
	case "as", "token", "nobody":
		return p.credentials(word, rest)
	}
	s := p.step()
	if s == nil {
		return fmt.Errorf("%q before the first request", line)
	}
	switch word {
	case "body":
		if !isExpectation(rest) {
			return p.requestBody(s, rest)
		}
		return p.expect(s, line, number)
	case "status", "header", "wire", "continued", "set":
		return p.expect(s, line, number)
	case "raw":
		raw, err := strconv.Unquote(rest)
		s.header = append(s.header, headerLine{value: raw})
		return err
	}
	if m := headerSyntax.FindStringSubmatch(line); m != nil {
		s.header = append(s.header, headerLine{name: m[1], value: m[2]})
		return nil
	}
	return fmt.Errorf("%q is neither a request, a header nor an expectation", line)
}

// begin starts a step with a request line.
func (p *parser) begin(method, target string, number int) error {
	s := step{line: number, method: method, target: target}
	if method == "SEND" {
		o, err := p.operand(target)
		if err != nil {
			return err
		}
		s.send = &o
	} else if strings.HasPrefix(target, `"`) {
		t, err := strconv.Unquote(target)
		if err != nil {
			return fmt.Errorf("target %s: %w", target, err)
		}
		s.target = t
	}
	p.out.steps = append(p.out.steps, s)
	return nil
}

// step returns the step that a line belongs to, nil before the first request.
func (p *parser) step() *step {
	if n := len(p.out.steps); n > 0 && p.out.steps[n-1].wait == 0 {
		return &p.out.steps[n-1]
	}
	return nil
}

func (p *parser) wait(rest string, number int) error {
	d, err := time.ParseDuration(rest)
	if err != nil || d <= 0 || d > maxWait {
		return fmt.Errorf("wait %q: not a duration above zero, such as 1.5s", rest)
	}
	p.out.steps = append(p.out.steps, step{line: number, wait: d})
	return nil
}

// credentials reads "as", "token" and "nobody".
func (p *parser) credentials(word, rest string) error {
	l := &login{}
	if word != "nobody" {
		l.scheme = loginBasic
		if word == "token" {
			l.scheme = loginToken
		}
		l.user = rest
		if i := strings.LastIndexByte(rest, ':'); i >= 0 {
			l.user, l.password, l.known = rest[:i], rest[i+1:], true
		}
		if l.user == "" {
			return fmt.Errorf("%s: no user", word)
		}
	} else if rest != "" {
		return fmt.Errorf("nobody %q: nothing may follow", rest)
	}
	if len(p.out.steps) == 0 {
		p.out.login = l
		return nil
	}
	s := p.step()
	if s == nil {
		return fmt.Errorf("%s after a wait belongs below a request", word)
	}
	s.login = l
	return nil
}

// requestBody reads what a step sends.
func (p *parser) requestBody(s *step, rest string) error {
	if s.body != nil {
		return fmt.Errorf("a second body")
	}
	b := &body{truncated: -1}
	if after, ok := word(rest, "truncated"); ok {
		n, after, err := number(after)
		if err != nil {
			return fmt.Errorf("truncated: %w", err)
		}
		b.truncated, rest = n, after
	}
	if after, ok := word(rest, "chunked"); ok {
		b.chunk, rest = maxRepeat, after
		if n, after, err := number(after); err == nil && n > 0 {
			b.chunk, rest = n, after
		}
	}
	o, err := p.operand(rest)
	if err != nil {
		return err
	}
	b.operand = o
	s.body = b
	return nil
}

// operand reads an operand from the rest of a line, or from the block below.
func (p *parser) operand(rest string) (operand, error) {
	switch {
	case rest == "":
		return operand{text: p.block()}, nil
	case strings.HasPrefix(rest, `"`):
		text, err := strconv.Unquote(rest)
		if err != nil {
			return operand{}, fmt.Errorf("%s: %w", rest, err)
		}
		return operand{text: text}, nil
	}
	if name, ok := word(rest, "file"); ok && name != "" {
		return operand{kind: operandFile, text: name}, nil
	}
	if after, ok := word(rest, "repeat"); ok {
		return repetition(after)
	}
	return operand{text: rest}, nil
}

// repetition reads "1000 x" and `1000 "a b"`.
func repetition(rest string) (operand, error) {
	n, unit, err := number(rest)
	if err != nil {
		return operand{}, fmt.Errorf("repeat: %w", err)
	}
	if strings.HasPrefix(unit, `"`) {
		if unit, err = strconv.Unquote(unit); err != nil {
			return operand{}, fmt.Errorf("repeat: %w", err)
		}
	}
	if unit == "" || n > maxRepeat/len(unit) {
		return operand{}, fmt.Errorf("repeat %d: nothing to repeat, or more than %d bytes", n, maxRepeat)
	}
	return operand{kind: operandRepeat, text: unit, count: n}, nil
}

// block reads the lines below that start with "|".
func (p *parser) block() string {
	var lines []string
	for p.next < len(p.lines) && strings.HasPrefix(p.lines[p.next], "|") {
		lines = append(lines, strings.TrimPrefix(p.lines[p.next][1:], " "))
		p.next++
	}
	return strings.Join(lines, "\n")
}

// word cuts a leading word off.
func word(s, w string) (rest string, ok bool) {
	if s == w {
		return "", true
	}
	if rest, ok = strings.CutPrefix(s, w+" "); ok {
		return strings.TrimLeft(rest, " "), true
	}
	return s, false
}

// number cuts a leading count off.
func number(s string) (n int, rest string, err error) {
	digits, rest, _ := strings.Cut(s, " ")
	n, err = strconv.Atoi(digits)
	if err != nil || n < 0 || n > maxRepeat {
		return 0, s, fmt.Errorf("%q is not a count", digits)
	}
	return n, strings.TrimLeft(rest, " "), nil
}
