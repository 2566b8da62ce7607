package swift_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"entrepot/auth"
	"entrepot/gateway"
	"entrepot/gateway/gatewaytest"
	"entrepot/protocols/swift"
)

// postedForm builds a form: fields are names and values in turn, then files.
type postedForm struct {
	fields []string
	files  []formFile
	last   []string // fields behind the files
}

type formFile struct{ name, contentType, body string }

func (p postedForm) post(h http.Handler, path string, header ...string) *httptest.ResponseRecorder {
	var b strings.Builder
	field := func(list []string) {
		for i := 0; i < len(list); i += 2 {
			fmt.Fprintf(&b, "--XX\r\nContent-Disposition: form-data; name=%q\r\n\r\n%s\r\n", list[i], list[i+1])
		}
	}
	field(p.fields)
	for i, f := range p.files {
		fmt.Fprintf(&b, "--XX\r\nContent-Disposition: form-data; name=\"file%d\"; filename=\"%s\"\r\n", i, f.name)
		if f.contentType != "" {
			b.WriteString("Content-Type: " + f.contentType + "\r\n")
		}
		b.WriteString("\r\n" + f.body + "\r\n")
	}
	field(p.last)
	b.WriteString("--XX--\r\n")
	return postBody(h, path, b.String(), header...)
}

func postBody(h http.Handler, path, body string, header ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest("POST", path, strings.NewReader(body))
	r.Header.Set("Content-Type", "multipart/form-data; boundary=XX")
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

// formFixture is an account whose forms were signed with a known key.
func formFixture(t *testing.T) (*gatewaytest.Fixture, *client) {
	f := gatewaytest.New(t)
	f.AddUser("alice", "alice", "pw", auth.RoleOwner)
	c := &client{t: t, handler: handler(t, f, swift.Config{})}
	w := c.do("GET", "/auth/v1.0", nil, "X-Auth-User", "alice:alice", "X-Auth-Key", "pw")
	c.token = w.Header().Get("X-Auth-Token")
	c.want(c.do("POST", "/v1/AUTH_alice", nil, "X-Account-Meta-Temp-Url-Key", "formkey-1"), 204, "")
	c.want(c.do("PUT", "/v1/AUTH_alice/photos", nil), 201, "")
	return f, c
}

// names lists the container of the forms.
func (c *client) names() string {
	return strings.ReplaceAll(c.do("GET", "/v1/AUTH_alice/photos", nil).Body.String(), "\n", " ")
}

const formSignature = "4a17dfc4611b65d0f219dd656f4135392fbbd189b19c71ed7d9f72aaed266053"

// signedForm returns the hidden fields of a form for up to two files.
func signedForm(signature string) []string {
	return []string{"max_file_size", "104857600", "max_file_count", "2", "expires", "4102444800", "signature", signature}
}

func with(fields []string, name, value string) []string {
	out := append([]string{}, fields...)
	for i := 0; i < len(out); i += 2 {
		if out[i] == name {
			out[i+1] = value
			return out
		}
	}
	return append(out, name, value)
}

func TestFormStoresItsFiles(t *testing.T) {
	const path = "/v1/AUTH_alice/photos/up_"
	for _, signature := range []string{
		"8a8c99358f916d708b5430346072449baca8b2cc", formSignature, "sha256:ShffxGEbZdDyGd1lb0E1OS+70YmxnHHtfZ9yqu0mYFM=",
		"77aaa9a4f98ef0c01a8ef4feab879f7169c32b4bf27d5ed7c23db0dead100a9285efae9bc12a5bba67ab06005e584607db5b262035f129af83f6d76616dcbf38",
	} {
		_, c := formFixture(t)
		w := postedForm{fields: signedForm(signature), files: []formFile{{"cat.jpg", "image/jpeg", "CAT"}}}.post(c.handler, path)
		c.want(w, 201, "201 Created")
		w = c.do("GET", "/v1/AUTH_alice/photos/up_cat.jpg", nil)
		c.want(w, 200, "CAT")
		if got := w.Header().Get("Content-Type"); got != "image/jpeg" {
			t.Error(got)
		}
	}
	_, c := formFixture(t)
	a, b, three := formFile{"a", "", "A"}, formFile{"b", "", "B"}, formFile{"c", "", "C"}
	fields := signedForm(formSignature)
	c.want(postedForm{fields: fields, files: []formFile{a, b}}.post(c.handler, path), 201, "201 Created")
	if got := c.names(); got != "up_a up_b " {
		t.Error(got)
	}
	w := postedForm{fields: with(fields, "content-type", "text/html"), files: []formFile{{"x", "image/png", "h"}}}.post(c.handler, path)
	c.want(w, 201, "201 Created")
	if got := c.do("HEAD", "/v1/AUTH_alice/photos/up_x", nil).Header().Get("Content-Type"); got != "text/html" {
		t.Error(got)
	}
	_, c = formFixture(t)
	w = postedForm{fields: fields, files: []formFile{a, b, three}}.post(c.handler, path)
	c.want(w, 400, "400 Bad Request\r\nFormPost: Max File Count Exceeded")
	if got := c.names(); got != "up_a up_b " {
		t.Error(got)
	}
	small := []string{"max_file_size", "1024", "max_file_count", "1", "expires", "4102444800", "signature", "67b7a1864b806ed10729419e22850c1b923b9720f5aa551a24166b81fac472ef"}
	w = postedForm{fields: small, files: []formFile{{"big", "", strings.Repeat("x", 1025)}}}.post(c.handler, "/v1/AUTH_alice/photos/")
	c.want(w, 400, "FormPost: max_file_size exceeded")
	c.want(c.do("GET", "/v1/AUTH_alice/photos/big", nil), 404, "")
	w = postedForm{fields: small, files: []formFile{{"full", "", strings.Repeat("x", 1024)}}}.post(c.handler, "/v1/AUTH_alice/photos/")
	c.want(w, 201, "201 Created")
	small = with(small, "signature", "4f4378ee05b9fbbbfa34172c4c50168aa00da4aadbbc3377584966218a032af3")
	c.want(postedForm{fields: small, files: []formFile{{"x.txt", "", "x"}}}.post(c.handler, "/v1/AUTH_alice/photos"), 201, "201 Created")
	c.want(c.do("GET", "/v1/AUTH_alice/photos/x.txt", nil), 200, "x")
	c.want(postedForm{fields: small, files: []formFile{{`C:\dir\w.txt`, "", "w"}}}.post(c.handler, "/v1/AUTH_alice/photos"), 201, "201 Created")
	c.want(c.do("GET", "/v1/AUTH_alice/photos/w.txt", nil), 200, "w")
}

// S15: digest, age, size and count bind while the form is read, and only the
// signed address is one to go to.
func TestS15FormBindsWhatWasSigned(t *testing.T) {
	const path = "/v1/AUTH_alice/photos/up_"
	_, c := formFixture(t)
	file := []formFile{{"a", "", "A"}}
	fields := signedForm(formSignature)
	for _, tt := range []struct {
		fields []string
		status int
		body   string
	}{
		{with(fields, "signature", "5"+formSignature[1:]), 401, "FormPost: Invalid Signature"},
		{with(fields, "signature", ""), 401, "FormPost: Invalid Signature"},
		{with(fields, "max_file_size", "999"), 401, "FormPost: Invalid Signature"},
		{with(fields, "max_file_count", "3"), 401, "FormPost: Invalid Signature"},
		{with(fields, "redirect", "https://evil.example/"), 401, "FormPost: Invalid Signature"},
		{with(fields, "expires", "1"), 401, "FormPost: Form Expired"},
		{with(fields, "expires", "x"), 400, "FormPost: expired not an integer"},
		{with(fields, "max_file_size", "x"), 400, "FormPost: max_file_size not an integer"},
		{with(fields, "max_file_count", "x"), 400, "FormPost: max_file_count not an integer"},
		{with(fields, "max_file_count", "-1"), 400, "400 Bad Request\r\nFormPost: Max File Count Exceeded"},
		{nil, 400, "400 Bad Request\r\nFormPost: Max File Count Exceeded"},
	} {
		w := postedForm{fields: tt.fields, files: file}.post(c.handler, path)
		if c.want(w, tt.status, tt.body); w.Header().Get("Location") != "" {
			t.Errorf("sent to %s", w.Header().Get("Location"))
		}
	}
	c.want(postedForm{fields: fields}.post(c.handler, path), 400, "400 Bad Request\r\nFormPost: No Files To Process")
	c.want(postedForm{fields: with(fields, "redirect", "https://evil.example/")}.post(c.handler, path), 400, "400 Bad Request\r\nFormPost: No Files To Process")
	c.want(postedForm{files: file, last: fields}.post(c.handler, path), 400, "400 Bad Request\r\nFormPost: Max File Count Exceeded")
	c.want(postedForm{fields: fields, files: file}.post(c.handler, "/v1/AUTH_alice/photos/other_"), 401, "FormPost: Invalid Signature")
	c.want(postedForm{fields: fields, files: file}.post(c.handler, "/v1/AUTH_alice"), 401, "FormPost: Invalid Signature")
	// Fields behind a file bind the files behind them, under the same signature.
	mixed := postedForm{fields: fields, files: file}
	w := postBody(c.handler, path, mixed.text()+"--XX\r\nContent-Disposition: form-data; name=\"max_file_count\"\r\n\r\n9\r\n"+
		"--XX\r\nContent-Disposition: form-data; name=\"f\"; filename=\"b\"\r\n\r\nB\r\n--XX--\r\n")
	c.want(w, 401, "FormPost: Invalid Signature")
	if got := c.names(); got != "up_a " {
		t.Errorf("stored: %s", got)
	}
}

// text is the beginning of the form: fields and files, without an end.
func (p postedForm) text() string {
	var b strings.Builder
	for i := 0; i < len(p.fields); i += 2 {
		fmt.Fprintf(&b, "--XX\r\nContent-Disposition: form-data; name=%q\r\n\r\n%s\r\n", p.fields[i], p.fields[i+1])
	}
	for _, f := range p.files {
		fmt.Fprintf(&b, "--XX\r\nContent-Disposition: form-data; name=\"f\"; filename=%q\r\n\r\n%s\r\n", f.name, f.body)
	}
	return b.String()
}

func TestFormRedirectsToTheSignedAddress(t *testing.T) {
	_, c := formFixture(t)
	fields := with(signedForm("d3a3a9bb772e455a316e8a0548ec1e630e9e3522a7ccca3c3962a5f038579061"), "redirect", "https://app.example/done?x=1")
	w := postedForm{fields: fields, files: []formFile{{"a", "", "A"}}}.post(c.handler, "/v1/AUTH_alice/photos/up_")
	c.want(w, 303, "")
	if got := w.Header().Get("Location"); got != "https://app.example/done?x=1&status=201&message=" {
		t.Error(got)
	}
	w = postedForm{fields: fields}.post(c.handler, "/v1/AUTH_alice/photos/up_")
	c.want(w, 303, "")
	if got := w.Header().Get("Location"); got != "https://app.example/done?x=1&status=400&message=no%20files%20to%20process" {
		t.Error(got)
	}
	for _, to := range []string{"javascript:alert(1)", "//evil.example", "/local", "data:text/html,x"} {
		form := auth.UploadForm{Path: "/v1/AUTH_alice/photos", Redirect: to, MaxFileSize: "10", MaxFileCount: "1", Expires: "4102444800"}
		sig, err := auth.Sign(auth.SHA256, auth.NewSecret("formkey-1"), form.Text())
		if err != nil {
			t.Fatal(err)
		}
		fields := []string{"redirect", to, "max_file_size", "10", "max_file_count", "1", "expires", "4102444800", "signature", sig}
		w := postedForm{fields: fields, files: []formFile{{"a", "", "A"}}}.post(c.handler, "/v1/AUTH_alice/photos")
		if c.want(w, 400, ""); w.Header().Get("Location") != "" {
			t.Error(w.Header())
		}
	}
}

func TestFormToMissingContainerAndOverQuota(t *testing.T) {
	f, c := formFixture(t)
	form := auth.UploadForm{Path: "/v1/AUTH_alice/none", MaxFileSize: "10", MaxFileCount: "1", Expires: "4102444800"}
	sig, err := auth.Sign(auth.SHA256, auth.NewSecret("formkey-1"), form.Text())
	if err != nil {
		t.Fatal(err)
	}
	fields := []string{"max_file_size", "10", "max_file_count", "1", "expires", "4102444800", "signature", sig}
	c.want(postedForm{fields: fields, files: []formFile{{"a", "", "A"}}}.post(c.handler, form.Path), 404, "404 Not Found")
	change := gateway.ContainerChange{Properties: gateway.Properties{"quota-bytes": "0"}}
	if err := f.Gateway.Containers.Update(f.Ctx("alice"), gateway.Ref{Account: "alice", Container: "photos"}, change); err != nil {
		t.Fatal(err)
	}
	w := postedForm{fields: signedForm(formSignature), files: []formFile{{"a", "", "A"}}}.post(c.handler, "/v1/AUTH_alice/photos/up_")
	c.want(w, 413, "")
}

// S33: a form that is cut off anywhere stores nothing of the file it was in.
func TestS33TruncatedFormStoresNothing(t *testing.T) {
	_, c := formFixture(t)
	whole := postedForm{fields: signedForm(formSignature), files: []formFile{{"a", "", strings.Repeat("A", 300)}}}.text() + "--XX--\r\n"
	end := strings.Index(whole, "AAA") + 300
	for i := 0; i < end; i += 7 {
		w := postBody(c.handler, "/v1/AUTH_alice/photos/up_", whole[:i])
		if w.Code < 400 || w.Code > 499 {
			t.Fatalf("cut at %d: %d %s", i, w.Code, w.Body)
		}
	}
	for _, junk := range []string{"", "--X", "--XXjunk", "preamble\r\n" + whole, strings.Repeat("--XX\r\n", 1000)} {
		if w := postBody(c.handler, "/v1/AUTH_alice/photos/up_", junk); w.Code < 400 || w.Code > 499 {
			t.Errorf("%.20q: %d", junk, w.Code)
		}
	}
	huge := "--XX\r\nContent-Disposition: form-data; name=\"x\"\r\n\r\n" + strings.Repeat("y", 2<<20) + "\r\n--XX--\r\n"
	c.want(postBody(c.handler, "/v1/AUTH_alice/photos/up_", huge), 413, "")
	if got := c.names(); got != "" {
		t.Error(got)
	}
}

func FuzzForm(f *testing.F) {
	f.Add("--XX\r\nContent-Disposition: form-data; name=\"max_file_count\"\r\n\r\n1\r\n--XX\r\nContent-Disposition: form-data; name=\"f\"; filename=\"a\"\r\n\r\nA\r\n--XX--\r\n")
	f.Add("--XX\r\nContent-Disposition: form-data; filename*=utf-8''%ff\r\n\r\n")
	fixture := gatewaytest.NewWith(f, gatewaytest.Plain())
	h := handler(f, fixture, swift.Config{})
	f.Fuzz(func(t *testing.T, body string) {
		if w := postBody(h, "/v1/AUTH_test/c", body); w.Code < 400 || w.Code > 499 {
			t.Errorf("%d %s", w.Code, w.Body)
		}
	})
}
