package swift

import (
	"math"
	"slices"
	"strconv"
	"strings"

	"entrepot/gateway"
	"entrepot/protocols/internal/httpkit"
)

// The page that lists a folder of a web site, with the element IDs and classes
// that style sheets for Swift know.

const (
	webHead = `<!DOCTYPE html>
<html>
 <head>
  <title>Listing of `
	webStyle = `  <style type="text/css">
   h1 {font-size: 1em; font-weight: bold;}
   th {text-align: left; padding: 0px 1em 0px 1em;}
   td {padding: 0px 1em 0px 1em;}
   a {text-decoration: none;}
  </style>
`
	webTable = `</h1>
  <table id="listing">
   <tr id="heading">
    <th class="colname">Name</th>
    <th class="colsize">Size</th>
    <th class="coldate">Date</th>
   </tr>
`
	webTail = "  </table>\n </body>\n</html>\n"
	webNone = "&nbsp;"
)

// document is the page of a folder; folders stand before files. The marker of
// the folder itself is no entry of it.
func (v *visit) document(prefix string, entries []gateway.Entry) document {
	entries = slices.DeleteFunc(entries, func(e gateway.Entry) bool { return e.Subdir == "" && e.Object.Name == prefix })
	title := v.r.URL.Path
	if v.site.Label != "" {
		title = v.site.Label + "/" + prefix
	}
	slices.SortStableFunc(entries, func(a, b gateway.Entry) int {
		switch {
		case a.Subdir != "" && b.Subdir == "":
			return -1
		case a.Subdir == "" && b.Subdir != "":
			return 1
		}
		return 0
	})
	return document{
		rows: len(entries), tail: webTail,
		head: func(b []byte) []byte {
			b = append(appendXML(append(b, webHead...), title, false), "</title>\n"...)
			if css := v.css(prefix); css != "" {
				b = appendXML(append(b, `  <link rel="stylesheet" type="text/css" href="`...), css, true)
				b = append(b, "\" />\n"...)
			} else {
				b = append(b, webStyle...)
			}
			b = append(b, " </head>\n <body>\n  <h1 id=\"title\">Listing of "...)
			b = append(appendXML(b, title, false), webTable...)
			if prefix != "" {
				b = appendWebRow(b, ` id="parent" class="item"`, "../", "../", webNone, webNone)
			}
			return b
		},
		row: func(b []byte, i int) []byte { return appendWebEntry(b, prefix, &entries[i]) },
	}
}

// css is the address of the listing's style sheet; "": it has none.
func (v *visit) css(prefix string) string {
	css := v.site.CSS
	if css == "" {
		return ""
	}
	for _, whole := range []string{"/", "http://", "https://"} {
		if strings.HasPrefix(css, whole) {
			return strings.ReplaceAll(httpkit.EscapePath(css), "%3A", ":")
		}
	}
	return strings.Repeat("../", strings.Count(prefix, "/")) + httpkit.EscapePath(css)
}

func appendWebEntry(b []byte, prefix string, e *gateway.Entry) []byte {
	if e.Subdir != "" {
		name := e.Subdir[len(prefix):]
		return appendWebRow(b, ` class="item subdir"`, relative(name), name, webNone, webNone)
	}
	o := &e.Object
	name := o.Name[len(prefix):]
	kind, _, _ := strings.Cut(o.ContentType, ";")
	class := "item"
	for part := range strings.SplitSeq(strings.ToLower(kind), "/") {
		class += " type-" + strings.Join(strings.Fields(part), "-")
	}
	attribute := append(appendXML([]byte(` class="`), class, true), '"')
	date := o.Timestamp.UTC().Format("2006-01-02 15:04:05")
	return appendWebRow(b, string(attribute), relative(name), name, humanSize(o.Size), date)
}

// relative is a link to a name beside the page. A name with a leading slash
// would lead elsewhere.
func relative(name string) string {
	link := httpkit.EscapePath(name)
	if strings.HasPrefix(link, "/") {
		return "./" + link
	}
	return link
}

func appendWebRow(b []byte, attributes, link, name, size, date string) []byte {
	b = append(append(append(b, "   <tr"...), attributes...), ">\n    <td class=\"colname\"><a href=\""...)
	b = appendXML(append(appendXML(b, link, true), `">`...), name, false)
	b = append(append(append(b, "</a></td>\n    <td class=\"colsize\">"...), size...), "</td>\n    <td class=\"coldate\">"...)
	return append(append(b, date...), "</td>\n   </tr>\n"...)
}

// humanSize is a number of bytes for people: "12", "3Ki", "4Mi".
func humanSize(n int64) string {
	const units = "KMGTPE"
	value, unit := float64(n), -1
	for value >= 1024 && unit+1 < len(units) {
		value = math.Round(value / 1024)
		unit++
	}
	text := strconv.FormatFloat(value, 'f', 0, 64)
	if unit < 0 {
		return text
	}
	return text + units[unit:unit+1] + "i"
}
