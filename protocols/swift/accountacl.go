package swift

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"strings"

	"entrepot/gateway"
)

// accountACL reads X-Account-Access-Control (OpenStack Swift, TempAuth's
// account access lists): a JSON object with the lists "admin", "read-write"
// and "read-only". nil: the request does not change it. An empty value and the
// header X-Remove-Account-Access-Control clear it.
func accountACL(h http.Header) (*gateway.AccountACL, error) {
	values, given := h["X-Account-Access-Control"]
	text := strings.TrimSpace(joined(values))
	switch {
	case given && text != "":
	case given, h.Get("X-Remove-Account-Access-Control") != "":
		return &gateway.AccountACL{}, nil
	default:
		return nil, nil
	}
	list, reason := parseAccountACL(text)
	if reason != "" {
		return nil, refuse(http.StatusBadRequest, "X-Account-Access-Control invalid: "+reason+"\n\nInput: "+text+"\n")
	}
	return list, nil
}

// parseAccountACL reads the text of an account's access list, or says what is
// wrong with it.
func parseAccountACL(text string) (*gateway.AccountACL, string) {
	syntax := "Syntax error in input ('" + text + "')"
	d := json.NewDecoder(strings.NewReader(text))
	var doc map[string]json.RawMessage
	if err := d.Decode(&doc); err != nil || doc == nil {
		return nil, syntax
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, syntax
	}
	var list gateway.AccountACL
	for key := range doc {
		if accountGrade(&list, key) == nil {
			return nil, "Key " + quoteJSON(key) + " not recognized"
		}
	}
	for _, key := range accountGrades() {
		raw, given := doc[key]
		if !given {
			continue
		}
		var elements []json.RawMessage
		if !bytes.HasPrefix(raw, []byte("[")) || json.Unmarshal(raw, &elements) != nil {
			return nil, "Value for key " + quoteJSON(key) + " must be a list"
		}
		to := accountGrade(&list, key)
		for _, raw := range elements {
			var element string
			if !bytes.HasPrefix(raw, []byte(`"`)) || json.Unmarshal(raw, &element) != nil {
				return nil, "Elements of " + quoteJSON(key) + " list must be strings"
			}
			if element = strings.TrimSpace(element); element != "" {
				*to = append(*to, element)
			}
		}
	}
	return &list, ""
}

// accountGrades are the keys of an account's access list, sorted.
func accountGrades() []string { return []string{"admin", "read-only", "read-write"} }

// accountGrade is the list that a key stands for; nil for an unknown one.
func accountGrade(l *gateway.AccountACL, key string) *[]string {
	switch key {
	case "admin":
		return &l.Admin
	case "read-write":
		return &l.ReadWrite
	case "read-only":
		return &l.ReadOnly
	}
	return nil
}

// formatAccountACL is the text in which an account's access list is shown:
// keys sorted, no blanks, ASCII only.
func formatAccountACL(l gateway.AccountACL) string {
	b := []byte{'{'}
	for _, key := range accountGrades() {
		list := *accountGrade(&l, key)
		if len(list) == 0 {
			continue
		}
		if len(b) > 1 {
			b = append(b, ',')
		}
		b = append(append(b, quoteJSON(key)...), ":["...)
		for i, element := range list {
			if i > 0 {
				b = append(b, ',')
			}
			b = append(b, quoteJSON(element)...)
		}
		b = append(b, ']')
	}
	return string(append(b, '}'))
}

func quoteJSON(s string) string { return string(appendJSON(nil, s)) }
