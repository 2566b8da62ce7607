// Package protocoltest runs request scripts against an http.Handler: text
// files that say what goes over the wire and what must come back, readable by
// somebody who knows the protocol and no Go. The handler runs in a real server
// on the loopback interface, and requests are written to the connection byte
// by byte as the script has them, so that a script can send what no HTTP
// client would.
//
//	# A body that ends early leaves the old object alone.
//	as tester:testing
//
//	PUT /v1/AUTH_test/box/note
//	Content-Type: text/plain
//	body "first\n"
//	status == 201
//	header Etag == eb260e9ae827821beceeed4104f0ad89
//
//	PUT /v1/AUTH_test/box/note
//	body truncated 3 "second\n"
//	status == 499
//
//	GET /v1/AUTH_test/box/note
//	status == 200
//	body == "first\n"
//
// # Steps
//
// A line that starts with a method in capitals and a target begins a step; it
// ends where the next one begins. Empty lines and lines that start with "#"
// mean nothing. Each step uses a connection of its own.
//
//	METHOD TARGET      the request line; the version is HTTP/1.1. A target in
//	                   double quotes is unquoted as in Go: "/a\xff"
//	SEND OPERAND       sends exactly these bytes instead of a request
//	wait 1.5s          moves the fixture's clock; nobody sleeps
//
// # The request
//
//	Name: value        a header, sent with this spelling and in this order
//	raw "X: \xff\r\n"  bytes for the header block, as they are
//	as USER:PASSWORD   sends Basic credentials. Before the first step: for all
//	                   steps. The password ends at the last colon; without
//	                   one it comes from the fixture
//	token USER:KEY     gets a Swift v1 token, once, and sends X-Auth-Token
//	nobody             sends no credentials
//	body OPERAND       the body; Content-Length is added unless given
//	body chunked OPERAND         in one chunk; without Content-Length
//	body chunked 100 OPERAND     in chunks of 100 bytes
//	body truncated 3 OPERAND     declares all and closes after 3 bytes; also
//	                             "truncated 3 chunked 1 OPERAND"
//
// Host and "Connection: close" are added unless given. A request with
// "Expect: 100-continue" sends its body only when told to.
//
// # Operands
//
//	"text\n"           a string in Go's syntax
//	repeat 1000 "ab"   repeated; the quotes can be left out around one word
//	file NAME          the content of a file beside the script
//	(nothing)          the lines below that start with "| ", joined by LF;
//	                   the last one ends without
//	plain text         anything else, as it stands
//
// # Expectations
//
//	status == 201                  also "status in 200 206", and "none" when
//	                               the server closes without an answer
//	header NAME == value           values as they stand, several joined by ", "
//	header NAME != value
//	header NAME contains value
//	header NAME matches REGEXP     somewhere in it; anchor with ^ and $
//	header NAME absent
//	header NAME present
//	body == OPERAND                byte by byte; for a file, the test flag
//	                               -update writes it instead
//	body != OPERAND
//	body contains OPERAND          also "body lacks OPERAND"
//	body matches REGEXP
//	body empty
//	body broken                    the connection ended before the body did;
//	                               without this line that is a failure
//	body length == 12
//	body md5 == 5d41402abc4b2a76b9719d911017c592
//	body gunzip == OPERAND         decompressed, and judged like body
//	body json == OPERAND           compared as values; "..." stands for any
//	wire contains OPERAND          the header block as it came, spelling and
//	                               all; also "lacks" and "matches"
//	continued == true              whether 100 Continue came
//
// # Variables
//
//	set tok = header Lock-Token
//	set id = header X-Trans-Id matches ^tx([0-9a-f]+)
//	set id = body matches <id>(.*)</id>
//	set name = OPERAND
//
// The first group of the expression is what is kept, or all of the match.
// "{tok}" anywhere in a later line, or later in the same step's expectations,
// is replaced by the value; "{257*x}" by 257 times x. Braces around anything
// else are left alone. {host} and {url} (without a slash at its end) name the
// server.
package protocoltest
