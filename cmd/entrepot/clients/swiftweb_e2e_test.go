//go:build e2e

package clients_test

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
)

// browser starts Chromium for one test.
func browser(t *testing.T) context.Context {
	t.Helper()
	need(t, "chromium", "chromium")
	options := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath("chromium"), chromedp.NoSandbox, chromedp.UserDataDir(t.TempDir()))
	ctx, cancel := chromedp.NewExecAllocator(t.Context(), options...)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewContext(ctx)
	t.Cleanup(cancel)
	ctx, cancel = context.WithTimeout(ctx, patience)
	t.Cleanup(cancel)
	return ctx
}

// do runs steps in the browser, and read one that gives a text.
func do(t *testing.T, ctx context.Context, steps ...chromedp.Action[chromedp.Void]) { //nolint:revive // t comes first in tests
	t.Helper()
	if err := chromedp.Do(ctx, steps...); err != nil {
		t.Fatal(err)
	}
}

func read(t *testing.T, ctx context.Context, step chromedp.Action[string]) string { //nolint:revive // t comes first in tests
	t.Helper()
	text, err := chromedp.Run(ctx, step)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// A visitor walks through a published container: listing, folder, page with its
// script and style sheet, and the page for what is missing.
func TestE2EChromiumVisitsStaticWeb(t *testing.T) {
	t.Parallel()
	ctx := browser(t)
	s := start(t, setting{})
	tok := s.token(admin)
	put := func(name, contentType, text string) {
		t.Helper()
		s.expect(201, login{}, "PUT", "/v1/AUTH_admin/site/"+name, text, tok, "Content-Type: "+contentType)
	}
	s.expect(201, login{}, "PUT", "/v1/AUTH_admin/site", "", tok, "X-Container-Read: .r:*,.rlistings",
		"X-Container-Meta-Web-Listings: true", "X-Container-Meta-Web-Listings-CSS: look.css", "X-Container-Meta-Web-Error: err.html")
	put("look.css", "text/css", "h1 { color: rgb(1, 2, 3) }")
	put("404err.html", "text/html", "<title>lost</title><p id=lost>nothing here</p>")
	put("docs/a%20page%20&%20more.html", "text/html",
		`<title>page</title><p id=out>no script</p><script>document.getElementById("out").textContent = "script, origin " + origin</script>`)

	do(t, ctx, chromedp.Navigate(s.url+"/v1/AUTH_admin/site"))
	title := read(t, ctx, chromedp.Title())
	colour := read(t, ctx, chromedp.Evaluate[string](`getComputedStyle(document.getElementById("title")).color`))
	do(t, ctx,
		chromedp.Click(`//a[text()="docs/"]`),
		chromedp.WaitVisible(`#parent`),
		chromedp.Click(`//a[text()="a page & more.html"]`),
		chromedp.WaitVisible(`#out`))
	out := read(t, ctx, chromedp.Text(`#out`))
	if title != "Listing of /v1/AUTH_admin/site/" || colour != "rgb(1, 2, 3)" {
		t.Errorf("title %q, colour %q", title, colour)
	}
	if out != "script, origin null" { // it runs, and not as the gateway
		t.Errorf("the page says %q", out)
	}
	do(t, ctx, chromedp.Navigate(s.url+"/v1/AUTH_admin/site/none.html"))
	if out = read(t, ctx, chromedp.Text(`#lost`)); out != "nothing here" {
		t.Errorf("the page for what is missing says %q", out)
	}
}

// A person chooses files in a form whose signature is the permission, and is
// sent on to another page.
func TestE2EChromiumPostsForm(t *testing.T) {
	t.Parallel()
	ctx := browser(t)
	s := start(t, setting{})
	tok := s.token(admin)
	s.expect(201, login{}, "PUT", "/v1/AUTH_admin/in", "", tok, "X-Container-Meta-Temp-URL-Key: form key")
	s.expect(201, login{}, "PUT", "/v1/AUTH_admin/pages", "", tok, "X-Container-Read: .r:*", "X-Container-Meta-Web-Index: index.html")
	done := s.url + "/v1/AUTH_admin/pages/done.html"
	const path = "/v1/AUTH_admin/in/from browser "
	expires := fmt.Sprint(time.Now().Add(time.Hour).Unix())
	mac := hmac.New(sha256.New, []byte("form key"))
	fmt.Fprintf(mac, "%s\n%s\n1000000\n2\n%s", path, done, expires)
	form := fmt.Sprintf(`<meta charset="utf-8"><title>form</title><form action="%s" method="POST" enctype="multipart/form-data">
<input type="hidden" name="redirect" value="%s"><input type="hidden" name="max_file_size" value="1000000">
<input type="hidden" name="max_file_count" value="2"><input type="hidden" name="expires" value="%s">
<input type="hidden" name="signature" value="%s"><input id="one" type="file" name="file1"><input id="two" type="file" name="file2">
<input id="send" type="submit"></form>`, s.url+strings.ReplaceAll(path, " ", "%20"), done, expires, hex.EncodeToString(mac.Sum(nil)))
	for name, text := range map[string]string{"form.html": form, "done.html": "<title>done</title><p id=done>thanks</p>"} {
		s.expect(201, login{}, "PUT", "/v1/AUTH_admin/pages/"+name, text, tok, "Content-Type: text/html")
	}
	dir := t.TempDir()
	big := string(content(31, 300_000))
	files := map[string]string{"ä ☃ \"q\".txt": "small", "big.bin": big}
	var chosen []string
	for _, name := range []string{"ä ☃ \"q\".txt", "big.bin"} {
		chosen = append(chosen, filepath.Join(dir, name))
		if err := os.WriteFile(filepath.Join(dir, name), []byte(files[name]), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	do(t, ctx,
		chromedp.Navigate(s.url+"/v1/AUTH_admin/pages/form.html"),
		chromedp.SetUploadFiles(`#one`, chosen[:1]),
		chromedp.SetUploadFiles(`#two`, chosen[1:]),
		chromedp.Click(`#send`),
		chromedp.WaitVisible(`#done`))
	thanks, at := read(t, ctx, chromedp.Text(`#done`)), read(t, ctx, chromedp.Location())
	if thanks != "thanks" || !strings.HasSuffix(at, "/done.html?status=201&message=") {
		t.Errorf("%q at %s", thanks, at)
	}
	listed := lines(s.expect(200, login{}, "GET", "/v1/AUTH_admin/in", "", tok).body)
	if len(listed) != 2 || listed[0] != "from browser big.bin" || !strings.HasPrefix(listed[1], "from browser ä ☃ ") {
		t.Fatalf("stored: %q", listed)
	}
	if got := s.expect(200, login{}, "GET", "/v1/AUTH_admin/in/from%20browser%20big.bin", "", tok).body; got != big {
		t.Errorf("%d bytes with MD5 %s", len(got), md5hex([]byte(got)))
	}
}
