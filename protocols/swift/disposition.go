package swift

import (
	"net/http"
	"strings"
)

// setDisposition sets the Content-Disposition (RFC 6266) that a reader of an
// object asks for: ?inline shows it, ?filename=x saves it under a name, both
// show it and name it. Without them the object's own stays.
func setDisposition(h http.Header, rawQuery string) {
	if !strings.Contains(rawQuery, "inline") && !strings.Contains(rawQuery, "filename=") {
		return
	}
	inline, filename := false, ""
	for key, value := range params(rawQuery) {
		switch key {
		case "inline":
			inline = true
		case "filename":
			filename = value
		}
	}
	if asked := dispositionOf(inline, filename); asked != "" {
		h["Content-Disposition"] = []string{asked}
	}
}

// dispositionOf is the Content-Disposition that parameters ask for; "" for
// none.
func dispositionOf(inline bool, filename string) string {
	switch {
	case inline && filename != "":
		return disposition("inline", filename)
	case inline:
		return "inline"
	case filename != "":
		return disposition("attachment", filename)
	}
	return ""
}
