package dav

import (
	"strings"

	"entrepot/gateway"
)

// Limit of an If header: conditions in all its lists together.
const maxConditions = 1_000

// An ifList is one list of an If header with the tag it stands under.
type ifList struct {
	tag        string // URL of the tagged resource as sent
	tagged     bool
	conditions []gateway.Condition
}

// parseIf reads the values of an If header (RFC 4918 section 10.4), joined
// when there are several. It tells the syntax only: what a tag names is up to
// the caller.
func parseIf(values []string) ([]ifList, error) {
	p := ifParser{rest: strings.Join(values, " ")}
	for p.space(); p.rest != ""; p.space() {
		if err := p.production(); err != nil {
			return nil, err
		}
	}
	if len(p.lists) == 0 {
		return nil, badHeader("the If header holds no list")
	}
	return p.lists, nil
}

// submitted returns every state token of the lists: in true and in false
// ones, negated or not, each counts as submitted.
func submitted(lists []ifList) []string {
	var tokens []string
	for _, l := range lists {
		for _, c := range l.conditions {
			if c.Token != "" {
				tokens = append(tokens, c.Token)
			}
		}
	}
	return tokens
}

type ifParser struct {
	rest       string
	lists      []ifList
	conditions int
}

func (p *ifParser) space() { p.rest = strings.TrimLeft(p.rest, " \t") }

// production reads a tag with its lists, or an untagged list.
func (p *ifParser) production() error {
	if p.rest[0] == '(' {
		if len(p.lists) > 0 && p.lists[0].tagged {
			return badHeader("the If header mixes tagged and untagged lists")
		}
		return p.list(ifList{})
	}
	if len(p.lists) > 0 && !p.lists[0].tagged {
		return badHeader("the If header mixes tagged and untagged lists")
	}
	tag, err := p.coded()
	if err != nil {
		return err
	}
	p.space()
	if !strings.HasPrefix(p.rest, "(") {
		return badHeader("a tag in the If header has no list")
	}
	for strings.HasPrefix(p.rest, "(") {
		if err := p.list(ifList{tag: tag, tagged: true}); err != nil {
			return err
		}
		p.space()
	}
	return nil
}

// coded reads a URL in angle brackets.
func (p *ifParser) coded() (string, error) {
	end := strings.IndexByte(p.rest, '>')
	if p.rest == "" || p.rest[0] != '<' || end < 2 {
		return "", badHeader("the If header is malformed")
	}
	url := p.rest[1:end]
	if strings.ContainsAny(url, "< \t") {
		return "", badHeader("the If header is malformed")
	}
	p.rest = p.rest[end+1:]
	return url, nil
}

// list reads a list in parentheses into l.
func (p *ifParser) list(l ifList) error {
	p.rest = p.rest[1:]
	for {
		p.space()
		if rest, ok := strings.CutPrefix(p.rest, ")"); ok {
			p.rest = rest
			break
		}
		c, err := p.condition()
		if err != nil {
			return err
		}
		if p.conditions++; p.conditions > maxConditions {
			return badHeader("the If header holds too many conditions")
		}
		l.conditions = append(l.conditions, c)
	}
	if len(l.conditions) == 0 {
		return badHeader("the If header holds an empty list")
	}
	p.lists = append(p.lists, l)
	return nil
}

// condition reads ["Not"] followed by a state token or an entity tag.
func (p *ifParser) condition() (gateway.Condition, error) {
	var c gateway.Condition
	if len(p.rest) > 3 && strings.EqualFold(p.rest[:3], "not") && strings.IndexByte(" \t<[", p.rest[3]) >= 0 {
		c.Not = true
		p.rest = p.rest[3:]
		p.space()
	}
	if !strings.HasPrefix(p.rest, "[") {
		token, err := p.coded()
		c.Token = token
		return c, err
	}
	p.rest = p.rest[1:]
	p.space()
	tag, weak, rest, ok := cutETag(p.rest)
	if !ok {
		return c, badHeader("the If header holds a malformed entity tag")
	}
	p.rest = rest
	p.space()
	if p.rest, ok = strings.CutPrefix(p.rest, "]"); !ok {
		return c, badHeader("the If header holds a malformed entity tag")
	}
	c.ETag, c.Weak = tag, weak
	if tag == "" {
		c.ETag = noETag
	}
	return c, nil
}

// noETag is an entity tag that no resource has. It stands for tags that are
// malformed or empty, which never match and never fail a request.
const noETag = "-"

// cutETag reads one entity tag (RFC 9110 section 8.8.3) from the start of s
// and returns it without quotes.
func cutETag(s string) (tag string, weak bool, rest string, ok bool) {
	if cut, found := strings.CutPrefix(s, "W/"); found {
		weak, s = true, cut
	}
	if s == "" || s[0] != '"' {
		return "", false, s, false
	}
	end := strings.IndexByte(s[1:], '"')
	if end < 0 {
		return "", false, s, false
	}
	return s[1 : 1+end], weak, s[end+2:], true
}

// parseETags reads the values of an If-Match header, or with weak those of
// If-None-Match, which compares weakly (RFC 9110 section 8.8.3.2). What is no
// entity tag becomes one that never matches. It returns nil when the header
// is absent.
func parseETags(values []string, weak bool) []string {
	if len(values) == 0 {
		return nil
	}
	tags := []string{}
	rest := strings.Join(values, ",")
	for {
		rest = strings.TrimLeft(rest, " \t,")
		if rest == "" {
			break
		}
		tag, isWeak, after, ok := cutETag(rest)
		switch {
		case ok && tag != "" && (weak || !isWeak):
			tags = append(tags, tag)
		case !ok:
			tag, after, _ = strings.Cut(rest, ",")
			if strings.TrimSpace(tag) == "*" {
				tags = append(tags, "*")
			}
		}
		rest = after
	}
	if len(tags) == 0 {
		tags = append(tags, noETag)
	}
	return tags
}
