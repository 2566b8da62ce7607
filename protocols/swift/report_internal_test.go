package swift

import "testing"

func TestReportHasTheBytesOfSwift(t *testing.T) {
	deleted := report{root: "delete", errors: []reportError{{"/c/a%20b", "409 Conflict"}, {"c<", "401 Unauthorized"}}}
	deleted.text("Response Status", "400 Bad Request")
	deleted.text("Response Body", "")
	deleted.count("Number Deleted", 2)
	deleted.count("Number Not Found", 1)
	failed := report{root: "upload"}
	failed.fail("/c/o", "Etag Mismatch")
	for _, tt := range []struct {
		report    *report
		mediaType string
		want      string
	}{
		{&deleted, "application/json", `{"Response Status": "400 Bad Request", "Response Body": "", "Number Deleted": 2, "Number Not Found": 1, ` +
			`"Errors": [["/c/a%20b", "409 Conflict"], ["c<", "401 Unauthorized"]]}`},
		{&deleted, "text/plain", "Number Deleted: 2\nNumber Not Found: 1\nResponse Body: \nResponse Status: 400 Bad Request\n" +
			"Errors:\n/c/a%20b, 409 Conflict\nc<, 401 Unauthorized\n"},
		{&deleted, "text/xml", "<delete>\n<number_deleted>2</number_deleted>\n<number_not_found>1</number_not_found>\n" +
			"<response_body></response_body>\n<response_status>400 Bad Request</response_status>\n<errors>\n" +
			"<object><name>/c/a%20b</name><status>409 Conflict</status></object>\n" +
			"<object><name>c&lt;</name><status>401 Unauthorized</status></object>\n</errors>\n</delete>\n"},
		{&failed, "text/plain", "Errors:\n/c/o, Etag Mismatch\n"},
		{&failed, "application/json", `{"Errors": [["/c/o", "Etag Mismatch"]]}`},
		{&failed, "application/xml", "<upload>\n<errors>\n<object><name>/c/o</name><status>Etag Mismatch</status></object>\n</errors>\n</upload>\n"},
		{&report{root: "x"}, "application/json", `{"Errors": []}`},
	} {
		if got := string(tt.report.append(nil, tt.mediaType)); got != tt.want {
			t.Errorf("%s: got\n%s\nwant\n%s", tt.mediaType, got, tt.want)
		}
	}
}

func TestReportTypeFollowsAccept(t *testing.T) {
	for _, tt := range []struct {
		accept []string
		want   string
		ok     bool
	}{
		{nil, "text/plain", true},
		{[]string{"*/*"}, "text/plain", true},
		{[]string{"application/json"}, "application/json", true},
		{[]string{"text/html;q=0.9", "text/xml;q=0.5"}, "text/xml", true},
		{[]string{"image/png"}, "text/plain", false},
		{[]string{"nonsense"}, "text/plain", false},
	} {
		if got, ok := reportTypeOf(tt.accept); got != tt.want || ok != tt.ok {
			t.Errorf("%q: %q, %v; want %q, %v", tt.accept, got, ok, tt.want, tt.ok)
		}
	}
}
