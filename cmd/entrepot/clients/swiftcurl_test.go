package clients_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// The examples of the reference's object storage chapter, one after the other,
// as somebody types them.
func TestCurlRunsTheExamplesOfTheReference(t *testing.T) {
	t.Parallel()
	need(t, "curl", "curl")
	s := start(t, setting{})
	dir := t.TempDir()
	file := filepath.Join(dir, "goodbye.txt")
	if err := os.WriteFile(file, []byte("Goodbye World!"), 0o600); err != nil {
		t.Fatal(err)
	}
	tok, url := s.token(admin), s.url+"/v1/AUTH_admin"
	for _, step := range []struct {
		does string
		args string // separated by blanks; the address begins with /, or is "."
		want []string
	}{
		{"make containers", "-X PUT /janeausten", []string{"201 Created"}},
		{"with metadata", "-X PUT /marktwain -H X-Container-Meta-Book:TomSawyer -H X-Container-Meta-Author:SamuelClemens", []string{"201 Created"}},
		{"list the account as JSON", ".?format=json", []string{"200 OK", "X-Account-Container-Count: 2", "application/json; charset=utf-8", `"name": "janeausten"`, `"count": 0`}},
		{"list the account as XML", ".?format=xml", []string{"200 OK", "application/xml; charset=utf-8", `<account name="AUTH_admin">`, "<container><name>marktwain</name>"}},
		{"page through the account", ".?limit=1&marker=janeausten", []string{"200 OK", "\r\n\r\nmarktwain\n"}},
		{"create account metadata", "-X POST . -H X-Account-Meta-Book:MobyDick -H X-Account-Meta-Subject:Literature", []string{"204 No Content"}},
		{"update account metadata", "-X POST . -H X-Account-Meta-Subject:AmericanLiterature", []string{"204 No Content"}},
		{"delete account metadata", "-X POST . -H X-Remove-Account-Meta-Subject:x", []string{"204 No Content"}},
		{"show account metadata", "-I .", []string{"204 No Content", "X-Account-Meta-Book: MobyDick", "!X-Account-Meta-Subject", "X-Account-Bytes-Used: 0"}},
		{"create an object", "-X PUT /janeausten/helloworld.txt -d data -H Content-Type:text/html;charset=UTF-8", []string{"201 Created", "Etag: 8d777f385d3dfec8815d20f7496026dc", "Last-Modified: "}},
		{"replace it", "-X PUT /marktwain/goodbye -T FILE -H Content-Type:", []string{"201 Created", "Etag: 451e372e48e0f6b1114fa0724aa79fa1"}},
		{"list objects", "/marktwain?format=json", []string{"200 OK", "X-Container-Object-Count: 1", `"name": "goodbye"`, `"bytes": 14`, `"hash": "451e372e48e0f6b1114fa0724aa79fa1"`}},
		{"list objects as XML", "/marktwain?format=xml", []string{`<container name="marktwain"><object><name>goodbye</name><hash>451e372e48e0f6b1114fa0724aa79fa1</hash><bytes>14</bytes>`}},
		{"get an object", "/marktwain/goodbye", []string{"200 OK", "Accept-Ranges: bytes", "Content-Length: 14", "\r\n\r\nGoodbye World!"}},
		{"get a part", "-H Range:bytes=0-6 /marktwain/goodbye", []string{"206 Partial Content", "Content-Range: bytes 0-6/14", "\r\n\r\nGoodbye"}},
		{"get two parts", "-H Range:bytes=0-1,5-6 /marktwain/goodbye", []string{"206 Partial Content", "multipart/byteranges;boundary=", "Content-Range: bytes 5-6/14"}},
		{"only if it changed", "-H If-None-Match:451e372e48e0f6b1114fa0724aa79fa1 /marktwain/goodbye", []string{"304 Not Modified"}},
		{"only if it is new", "-X PUT /marktwain/goodbye -d x -H If-None-Match:*", []string{"412 Precondition Failed"}},
		{"with its digest", "-X PUT /marktwain/checked -d x -H ETag:00000000000000000000000000000000", []string{"422 Unprocessable"}},
		{"copy by PUT", "-X PUT /marktwain/goodbye2 -H X-Copy-From:/marktwain/goodbye -H Content-Length:0", []string{"201 Created", "X-Copied-From: marktwain/goodbye"}},
		{"copy by COPY", "-X COPY /marktwain/goodbye -H Destination:janeausten/goodbye", []string{"201 Created", "X-Copied-From: marktwain/goodbye", "Etag: 451e372e48e0f6b1114fa0724aa79fa1"}},
		{"create object metadata", "-X POST /marktwain/goodbye -H X-Object-Meta-Book:GoodbyeColumbus", []string{"202 Accepted", "The request is accepted for processing."}},
		{"update object metadata", "-X POST /marktwain/goodbye -H X-Object-Meta-Book:GoodbyeOldFriend", []string{"202 Accepted"}},
		{"show object metadata", "-I /marktwain/goodbye", []string{"200 OK", "X-Object-Meta-Book: GoodbyeOldFriend", "Content-Length: 14"}},
		{"expire an object", "-X POST /marktwain/goodbye2 -H X-Delete-After:3600", []string{"202 Accepted"}},
		{"see that it expires", "-I /marktwain/goodbye2", []string{"200 OK", "X-Delete-At: "}},
		{"create container metadata", "-X POST /marktwain -H X-Container-Meta-Author:MarkTwain -H X-Container-Meta-Century:Nineteenth", []string{"204 No Content"}},
		{"delete container metadata", "-X POST /marktwain -H X-Remove-Container-Meta-Century:x", []string{"204 No Content"}},
		{"show container metadata", "-I /marktwain", []string{"204 No Content", "X-Container-Meta-Author: MarkTwain", "X-Container-Meta-Book: TomSawyer", "!Century", "X-Container-Object-Count: 2", "X-Container-Bytes-Used: 28"}},
		{"let others read", "-X POST /marktwain -H X-Container-Read:.r:*,.rlistings", []string{"204 No Content"}},
		{"delete an object", "-X DELETE /marktwain/goodbye2", []string{"204 No Content"}},
		{"delete a full container", "-X DELETE /marktwain", []string{"409 Conflict", "There was a conflict when trying to complete your request."}},
		{"delete in bulk", "-X POST .?bulk-delete -H Content-Type:text/plain -H Accept:application/json --data-binary marktwain/goodbye\njaneausten/none\nmarktwain",
			[]string{"200 OK", `"Number Deleted": 2`, `"Number Not Found": 1`, `"Response Status": "200 OK"`}},
		{"ask for what is gone", "/marktwain", []string{"404 Not Found", "The resource could not be found."}},
		{"see what the service can do", "/info", []string{"404 Not Found"}},
	} {
		args := []string{"curl", "-sS", "-i", "-H", tok}
		for arg := range strings.SplitSeq(step.args, " ") {
			switch {
			case arg == "FILE":
				arg = file
			case strings.HasPrefix(arg, "/"):
				arg = url + arg
			case strings.HasPrefix(arg, "."):
				arg = url + arg[1:]
			}
			args = append(args, arg)
		}
		got := command{args: args}.must(t)
		for _, want := range step.want {
			if unwanted, no := strings.CutPrefix(want, "!"); no && strings.Contains(got, unwanted) || !no && !strings.Contains(got, want) {
				t.Errorf("%s: want %q in\n%s", step.does, want, last(got, 1500))
			}
		}
	}
}
