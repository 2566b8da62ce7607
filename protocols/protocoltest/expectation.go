package protocoltest

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// isExpectation tells "body == x" from "body x".
func isExpectation(rest string) bool {
	first, _, _ := strings.Cut(rest, " ")
	switch first {
	case "==", "!=", "contains", "lacks", "matches", "empty", "broken", "length", "md5", "json", "gunzip":
		return true
	}
	return false
}

// operators says how each subject can be judged.
func operators(subject string) []string {
	switch subject {
	case "status":
		return []string{"==", "!=", "in"}
	case "header":
		return []string{"==", "!=", "contains", "matches", "absent", "present"}
	case "body", "gunzip":
		return []string{"==", "!=", "contains", "lacks", "matches", "empty", "broken"}
	case "wire":
		return []string{"contains", "lacks", "matches"}
	}
	return []string{"=="} // length, md5, json, continued
}

// expect reads an expectation or a variable into s.
func (p *parser) expect(s *step, line string, number int) error {
	a := action{line: number, text: line}
	var err error
	if rest, ok := word(line, "set"); ok {
		err = p.variable(&a, rest)
	} else {
		err = p.judgement(&a, line)
	}
	if err == nil {
		s.actions = append(s.actions, a)
	}
	return err
}

// judgement reads "SUBJECT [NAME] OPERATOR [OPERAND]".
func (p *parser) judgement(a *action, text string) error {
	rest := p.subject(a, text)
	op, rest, _ := strings.Cut(rest, " ")
	if !slices.Contains(operators(a.subject), op) {
		return fmt.Errorf("%s %q: want one of %s", a.subject, op, strings.Join(operators(a.subject), " "))
	}
	a.op = op
	rest = strings.TrimLeft(rest, " ")
	switch op {
	case "absent", "present", "empty", "broken":
		if rest != "" {
			return fmt.Errorf("%q behind %s", rest, op)
		}
		return nil
	case "matches":
		return a.matches(rest)
	}
	if a.subject == "header" || a.subject == "status" { // as they stand: entity tags have quotes
		a.want = operand{text: rest}
		return nil
	}
	var err error
	a.want, err = p.operand(rest)
	return err
}

// subject cuts off what is judged.
func (p *parser) subject(a *action, text string) (rest string) {
	a.subject, rest, _ = strings.Cut(text, " ")
	rest = strings.TrimLeft(rest, " ")
	switch a.subject {
	case "header":
		a.name, rest, _ = strings.Cut(rest, " ")
		rest = strings.TrimLeft(rest, " ")
	case "body":
		for _, part := range []string{"json", "length", "md5", "gunzip"} {
			if after, ok := word(rest, part); ok {
				a.subject, rest = part, after
				break
			}
		}
	}
	return rest
}

// matches takes an expression.
func (a *action) matches(pattern string) error {
	a.pattern = pattern
	_, err := regexp.Compile(pattern)
	return err
}

// variable reads "NAME = header X [matches RE]", "NAME = body [matches RE]",
// "NAME = status" and "NAME = OPERAND".
func (p *parser) variable(a *action, rest string) error {
	name, source, ok := strings.Cut(rest, "=")
	name, source = strings.TrimSpace(name), strings.TrimSpace(source)
	if !ok || !variableName.MatchString(name) {
		return fmt.Errorf("set %q: want NAME = …", rest)
	}
	a.subject, a.set = "set", name
	first, _, _ := strings.Cut(source, " ")
	if first != "header" && first != "body" && first != "status" {
		var err error
		a.want, err = p.operand(source)
		return err
	}
	a.from = &action{}
	source = p.subject(a.from, source)
	if a.from.subject == "header" && a.from.name == "" {
		return fmt.Errorf("set %s: which header?", name)
	}
	if pattern, ok := word(source, "matches"); ok {
		return a.from.matches(pattern)
	}
	if source != "" || !slices.Contains([]string{"header", "body", "status"}, a.from.subject) {
		return fmt.Errorf("set %s: %q is not understood", name, source)
	}
	return nil
}
