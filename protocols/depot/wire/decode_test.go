package wire_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"entrepot/protocols/depot/wire"
)

// vectors returns the requests that all packages of the face are tested with.
func vectors(t testing.TB) map[string][]byte {
	t.Helper()
	names, err := filepath.Glob("../testdata/vectors/[ts]*d-*.xml")
	if err != nil || len(names) < 14 {
		t.Fatalf("%d vectors, %v", len(names), err)
	}
	out := map[string][]byte{}
	for _, name := range names {
		body, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		out[strings.TrimSuffix(filepath.Base(name), ".xml")] = body
	}
	return out
}

// td and std wrap parameters into a request.
func td(inner string) string {
	return "<teamdrive><command>c</command>" + inner + "</teamdrive>"
}

func std(value string) string {
	return "<methodCall><methodName>depot.c</methodName><params><param><value>" + value + "</value></param></params></methodCall>"
}

func member(name, value string) string {
	return "<member><name>" + name + "</name><value>" + value + "</value></member>"
}

// fields decodes a request that must be right.
func fields(t *testing.T, body string) wire.Fields {
	t.Helper()
	call, err := wire.Decode([]byte(body))
	if err != nil {
		t.Fatalf("Decode(%s) = %v", body, err)
	}
	f, err := call.Fields()
	if err != nil {
		t.Fatalf("Fields of %s: %v", body, err)
	}
	return f
}

func TestVectorsDecode(t *testing.T) {
	all := vectors(t)
	for name, want := range map[string]string{
		"td-getdepotdata":            "td getdepotdata YourUserName 0 0 [] ",
		"td-setdepot-pretty":         "td setdepot YourUserName 17 5368709120 [] ",
		"td-increasedepot-crlf-utf8": "td increasedepot YourUserName 17 0 [] Größe & Preis: +1 GiB, 3 €",
		"td-createdepot":             "td createdepot YourUserName 0 5368709120 [alice bob] ",
		"td-bad-command":             "td nosuchcommand YourUserName 0 0 [] ",
		"std-getdepotdata-go":        "std depot.getdepotdata YourUserName 0 0 [] ",
		"std-setdepot-go-bigint":     "std depot.setdepot YourUserName 17 5368709120 [] ",
		"std-setdepot-python":        "std depot.setdepot YourUserName 17 5368709120 [] ",
		"std-adduser-python":         "std depot.addusertodepot YourUserName 17 0 [alice bob Jörg & Co] ",
	} {
		call, err := wire.Decode(all[name])
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		f, err := call.Fields()
		user, err1 := f.Text("username")
		depot, err2 := f.ID("depotid")
		limit, _, err3 := f.Quantity("disclimit")
		users, err4 := f.Names("userlist")
		note, err5 := f.Text("changeid")
		sent, err6 := f.Time()
		if err := errors.Join(err, err1, err2, err3, err4, err5, err6); err != nil || sent != 1420070400 {
			t.Errorf("%s: time %d, %v", name, sent, err)
		}
		if got := fmt.Sprintf("%v %s %s %d %d %v %s", call.Dialect, call.Name, user, depot, limit, users, note); got != want {
			t.Errorf("%s decodes to %q, want %q", name, got, want)
		}
	}
}

func TestXMLIsRefusedWithItsSecondaryCode(t *testing.T) {
	deepTD := strings.Repeat("<a>", 15) + strings.Repeat("</a>", 15)
	for body, want := range map[string]int{
		"":                                             wire.OutsideRoot,
		" \n":                                          wire.OutsideRoot,
		"\xef\xbb\xbf":                                 wire.OutsideRoot,
		"hello":                                        wire.OutsideRoot,
		"hello<teamdrive/>":                            wire.OutsideRoot,
		"<teamdrive/>x":                                wire.OutsideRoot,
		"<teamdrive/><teamdrive/>":                     wire.OutsideRoot,
		"<![CDATA[ ]]><teamdrive/>":                    wire.OutsideRoot,
		"<teamdrive/>&#32;":                            wire.OutsideRoot,
		"<!-- only -->":                                wire.OutsideRoot,
		"\xef\xbb\xbf\xef\xbb\xbf<teamdrive/>":         wire.OutsideRoot,
		"<teamdrive>":                                  wire.NotWellFormed,
		"<teamdrive></teamdriv>":                       wire.NotWellFormed,
		"<teamdrive/><":                                wire.NotWellFormed,
		"<teamdrive>&u;</teamdrive>":                   wire.NotWellFormed,
		"<teamdrive a=1/>":                             wire.NotWellFormed,
		"<teamdrive a='1' a='2'/>":                     wire.NotWellFormed,
		"<teamdrive>\x01</teamdrive>":                  wire.NotWellFormed,
		"<teamdrive>&#1;</teamdrive>":                  wire.NotWellFormed,
		"<teamdrive>\xff</teamdrive>":                  wire.NotWellFormed,
		"<teamdrive>\xef\xbf\xbe</teamdrive>":          wire.NotWellFormed,
		"<?xml?><teamdrive/>":                          wire.NotWellFormed,
		"<?xml encoding='UTF-8'?><teamdrive/>":         wire.NotWellFormed,
		" <?xml version='1.0'?><teamdrive/>":           wire.NotWellFormed,
		"<?XML version='1.0'?><teamdrive/>":            wire.NotWellFormed,
		"<teamdrive><?xml version='1.0'?></teamdrive>": wire.NotWellFormed,
		"<!DOCTYPE teamdrive><teamdrive/>":             wire.HasDirective,
		"<!DOCTYPE t [<!ENTITY u 'x'>]><teamdrive>&u;</teamdrive>":                        wire.HasDirective,
		"<teamdrive><!ELEMENT x></teamdrive>":                                             wire.HasDirective,
		"<teamdrive/><!DOCTYPE x>":                                                        wire.HasDirective,
		"<!DOCTYPE x><methodCall/>":                                                       wire.HasDirective,
		"<?xml version='1.1'?><teamdrive/>":                                               wire.WrongEncoding,
		"<?xml version='1.0' encoding='ISO-8859-1'?><teamdrive>\xe4":                      wire.WrongEncoding,
		"<?xml version='1.0' encoding=''?><teamdrive/>":                                   wire.WrongEncoding,
		"<teamdrive>" + deepTD + "<b>" + deepTD + "</b></teamdrive>":                      wire.LimitsExceeded,
		td("<x>" + strings.Repeat("t", 16385) + "</x>"):                                   wire.LimitsExceeded,
		td("<x>" + strings.Repeat("t<!---->", 9000) + strings.Repeat("t", 8000) + "</x>"): wire.LimitsExceeded,
		td(strings.Repeat("<x/>", 5000)):                                                  wire.LimitsExceeded,
		"<teamdrive><" + strings.Repeat("n", 65) + "/></teamdrive>":                       wire.LimitsExceeded,
		std(strings.Repeat("<value>", 30)) + strings.Repeat("</value>", 30):               wire.LimitsExceeded,
		std("<array><data>" + strings.Repeat("<value/>", 1001) + "</data></array>"):       wire.LimitsExceeded,
	} {
		_, err := wire.Decode([]byte(body))
		if fault := (wire.Fault{Primary: wire.InvalidXML, Secondary: want}); err != error(fault) {
			t.Errorf("Decode(%.90q) = %v, want %v", body, err, fault)
		}
	}
}

func TestXMLAtTheLimitsIsAccepted(t *testing.T) {
	for _, body := range []string{
		"\xef\xbb\xbf<?xml version='1.0' encoding='utf-8' standalone='yes' ?>\n<!-- c --><?pi?>" + td("") + "<?pi?>\n<!-- c -->\n",
		"<?xml version = \"1.0\" ?>" + td("<x a='1' b='2'/>"),
		td("<x>" + strings.Repeat("<a>", 14) + strings.Repeat("</a>", 14) + "</x>"),
		td("<x>" + strings.Repeat("t", 16384) + "</x>"),
		td("<" + strings.Repeat("ü", 64) + "/>"),
		td("<username>a<![CDATA[<b>]]>c&amp;&#x64;</username>"),
		std("<array><data>" + strings.Repeat("<value/>", 1000) + "</data></array>"),
	} {
		if _, err := wire.Decode([]byte(body)); err != nil {
			t.Errorf("Decode(%.90q) = %v", body, err)
		}
	}
	if user, _ := fields(t, td("<username> a<![CDATA[<b>]]><!-- x -->c&amp;&#x64; </username>")).Text("username"); user != "a<b>c&d" {
		t.Errorf("pieces of a text join to %q", user)
	}
}

func TestShapeIsRefusedWithItsSecondaryCode(t *testing.T) {
	for body, want := range map[string]int{
		"<other/>":                                                                           wire.WrongShape,
		"<teamdrive>text</teamdrive>":                                                        wire.WrongShape,
		td("<username><b/></username>"):                                                      wire.WrongShape,
		td("<users><b/></users>"):                                                            wire.WrongShape,
		td("<depotid>1</depotid><depotid/>"):                                                 wire.GivenTwice,
		td("<command/>"):                                                                     wire.GivenTwice,
		td("<disclimit/><disklimit/>"):                                                       wire.GivenTwice,
		td("<users/><userlist/>"):                                                            wire.GivenTwice,
		td("<contract/><contactnumber/>"):                                                    wire.GivenTwice,
		"<methodCall>text</methodCall>":                                                      wire.WrongShape,
		"<methodCall><other/></methodCall>":                                                  wire.WrongShape,
		"<methodCall><methodName><b/></methodName></methodCall>":                             wire.WrongShape,
		"<methodCall><methodName/><methodName/></methodCall>":                                wire.GivenTwice,
		"<methodCall><params/><params/></methodCall>":                                        wire.GivenTwice,
		"<methodCall><params>x</params></methodCall>":                                        wire.WrongShape,
		"<methodCall><params><value/></params></methodCall>":                                 wire.WrongShape,
		"<methodCall><params><param/></params></methodCall>":                                 wire.WrongShape,
		"<methodCall><params><param><x/></param></params></methodCall>":                      wire.WrongShape,
		std("<int>1</int><int>2</int>"):                                                      wire.WrongShape,
		std("x<int>1</int>"):                                                                 wire.WrongShape,
		std("<int><b/></int>"):                                                               wire.WrongShape,
		std("<float>1</float>"):                                                              wire.WrongShape,
		std("<array/>"):                                                                      wire.WrongShape,
		std("<array><data><int/></data></array>"):                                            wire.WrongShape,
		std("<struct><x/></struct>"):                                                         wire.WrongShape,
		std("<struct>x</struct>"):                                                            wire.WrongShape,
		std("<struct><member><name>a</name></member></struct>"):                              wire.WrongShape,
		std("<struct><member><name><b/></name><value/></member></struct>"):                   wire.WrongShape,
		std("<struct><member><name>a</name><x/></member></struct>"):                          wire.WrongShape,
		std("<struct>" + member("a", "") + member(" a ", "") + "</struct>"):                  wire.GivenTwice,
		std("<struct>" + member("document", "") + member("depotdocument", "") + "</struct>"): wire.GivenTwice,
	} {
		_, err := wire.Decode([]byte(body))
		if fault := (wire.Fault{Primary: wire.InvalidRequest, Secondary: want}); err != error(fault) {
			t.Errorf("Decode(%s) = %v, want %v", body, err, fault)
		}
	}
}

func TestUnknownElementsMeanNothing(t *testing.T) {
	f := fields(t, td("<new><deep><er/></deep></new><username> u </username>"))
	if user, err := f.Text("username"); user != "u" || err != nil {
		t.Errorf("username is %q, %v", user, err)
	}
}

func TestCommandMayBeMissing(t *testing.T) {
	for _, body := range []string{"<teamdrive/>", "<teamdrive><command> </command></teamdrive>", "<methodCall/>",
		"<methodCall><methodName/><params/></methodCall>"} {
		if call, err := wire.Decode([]byte(body)); err != nil || call.Name != "" {
			t.Errorf("Decode(%s) = %q, %v", body, call.Name, err)
		}
	}
}

func TestSniffSeesTheDialect(t *testing.T) {
	for head, want := range map[string]wire.Dialect{
		"": wire.TD, "<teamdrive>": wire.TD, "<methodCall": wire.TD, "<methodCalls>": wire.TD, "x<methodCall>": wire.TD,
		"<methodCall>": wire.STD, "<methodCall\n>": wire.STD, "<methodCall/>": wire.STD,
		"\xef\xbb\xbf \r\n<?xml version='1.0'?>\t<!-- <a> -- > --><methodCall>": wire.STD,
		"<!DOCTYPE a [<!ENTITY u '>'>]> <methodCall>":                           wire.STD,
		"<!DOCTYPE a [<methodCall>":                                             wire.TD,
		"<!-- <methodCall>":                                                     wire.TD,
		"<?xml <methodCall>":                                                    wire.TD,
	} {
		if got := wire.Sniff([]byte(head)); got != want {
			t.Errorf("Sniff(%q) = %v, want %v", head, got, want)
		}
	}
}

// bad is what a reader returns for a value that it cannot take.
func bad(secondary int) error { return wire.Fault{Primary: wire.InvalidRequest, Secondary: secondary} }

func TestQuantities(t *testing.T) {
	type result struct {
		n     int64
		given bool
		err   error
	}
	invalid := result{0, true, bad(wire.ParameterInvalid)}
	inTD := func(text string) string { return td("<disclimit>" + text + "</disclimit>") }
	inSTD := func(value string) string { return std("<struct>" + member("disklimit", value) + "</struct>") }
	for body, want := range map[string]result{
		inTD("5"):                              {5, true, nil},
		inTD("\t0005\n"):                       {5, true, nil},
		inTD("9223372036854775807"):            {1<<63 - 1, true, nil},
		inTD(""):                               {0, false, nil},
		td(""):                                 {0, false, nil},
		inTD("9223372036854775808"):            invalid,
		inTD("00000000000000000005"):           invalid,
		inTD("-1"):                             invalid,
		inTD("+1"):                             invalid,
		inTD("1e3"):                            invalid,
		inTD("1.0"):                            invalid,
		inTD("1 000"):                          invalid,
		inTD("5G"):                             invalid,
		inSTD("<int>5368709120</int>"):         {5368709120, true, nil},
		inSTD("<i8>9223372036854775807</i8>"):  {1<<63 - 1, true, nil},
		inSTD("<i4> 7 </i4>"):                  {7, true, nil},
		inSTD("<string>5368709120</string>"):   {5368709120, true, nil},
		inSTD("5368709120"):                    {5368709120, true, nil},
		inSTD("<double>5368709120.0</double>"): {5368709120, true, nil},
		inSTD("<double>9007199254740992</double>"): {1 << 53, true, nil},
		inSTD("<nil/>"):                 {0, false, nil},
		inSTD("<x:nil xmlns:x='y'/>"):   {0, false, nil},
		inSTD(""):                       {0, false, nil},
		inSTD("<int/>"):                 {0, false, nil},
		inSTD("<int>-1</int>"):          invalid,
		inSTD("<int>x</int>"):           invalid,
		inSTD("<double>1.5</double>"):   invalid,
		inSTD("<double>1e300</double>"): invalid,
		inSTD("<double>NaN</double>"):   invalid,
		inSTD("<boolean>1</boolean>"):   invalid,
		inSTD("<array><data/></array>"): invalid,
	} {
		var got result
		got.n, got.given, got.err = fields(t, body).Quantity("disclimit")
		if got != want {
			t.Errorf("%s gives %+v, want %+v", body, got, want)
		}
	}
}

func TestIDs(t *testing.T) {
	for body, want := range map[string]struct {
		id  uint64
		err error
	}{
		td("<depotid>17</depotid>"):                  {17, nil},
		td("<depotid>9999999999999999999</depotid>"): {9999999999999999999, nil},
		td(""):                                        {0, nil},
		td("<depotid>0</depotid>"):                    {0, bad(wire.ParameterInvalid)},
		td("<depotid>017</depotid>"):                  {0, bad(wire.ParameterInvalid)},
		td("<depotid>-1</depotid>"):                   {0, bad(wire.ParameterInvalid)},
		td("<depotid>10000000000000000000</depotid>"): {0, bad(wire.ParameterInvalid)},
		std("<struct>" + member("depotid", "<int>17</int>") + "</struct>"):         {17, nil},
		std("<struct>" + member("depotid", "<int>-17</int>") + "</struct>"):        {0, bad(wire.ParameterInvalid)},
		std("<struct>" + member("depotid", "<double>17</double>") + "</struct>"):   {0, bad(wire.WrongShape)},
		std("<struct>" + member("depotid", "<base64>MTc=</base64>") + "</struct>"): {0, bad(wire.WrongShape)},
		std("<struct>" + member("depotid", "<int>seventeen</int>") + "</struct>"):  {0, bad(wire.ParameterInvalid)},
	} {
		if id, err := fields(t, body).ID("depotid"); id != want.id || err != want.err {
			t.Errorf("%s gives %d, %v; want %d, %v", body, id, err, want.id, want.err)
		}
	}
}

func TestFlags(t *testing.T) {
	inTD := func(text string) string { return td("<includeshared>" + text + "</includeshared>") }
	inSTD := func(value string) string { return std("<struct>" + member("includeshared", value) + "</struct>") }
	for body, want := range map[string]struct {
		flag bool
		err  error
	}{
		inTD("true"): {true, nil}, inTD("$true"): {true, nil}, inTD("false"): {}, inTD("$false"): {}, inTD(""): {},
		inTD("1"): {false, bad(wire.ParameterInvalid)}, inTD("TRUE"): {false, bad(wire.ParameterInvalid)},
		inSTD("<boolean>1</boolean>"): {true, nil}, inSTD("<boolean>0</boolean>"): {}, inSTD("<int>1</int>"): {true, nil},
		inSTD("true"): {true, nil}, inSTD("<boolean>true</boolean>"): {false, bad(wire.ParameterInvalid)},
		inSTD("<int>2</int>"): {false, bad(wire.ParameterInvalid)}, inSTD("<double>1</double>"): {false, bad(wire.WrongShape)},
	} {
		if flag, err := fields(t, body).Flag("includeshared"); flag != want.flag || err != want.err {
			t.Errorf("%s gives %t, %v; want %t, %v", body, flag, err, want.flag, want.err)
		}
	}
}

func TestLists(t *testing.T) {
	many := make([]string, 1001)
	for i := range many {
		many[i] = fmt.Sprint("u", i)
	}
	inTD := func(text string) string { return td("<users>" + text + "</users>") }
	inSTD := func(value string) string { return std("<struct>" + member("userlist", value) + "</struct>") }
	for body, want := range map[string]struct {
		list []string
		err  error
	}{
		inTD(" alice , bob,,alice, "):        {[]string{"alice", "bob"}, nil},
		td(""):                               {nil, nil},
		inTD(strings.Join(many[:1000], ",")): {many[:1000], nil},
		inTD(strings.Join(many, ",")):        {nil, bad(wire.ParameterTooLong)},
		inSTD("alice,bob"):                   {[]string{"alice", "bob"}, nil},
		inSTD("<array><data><value> alice </value><value><int>7</int></value><value/></data></array>"): {[]string{"alice", "7"}, nil},
		inSTD("<array><data><value><boolean>1</boolean></value></data></array>"):                       {nil, bad(wire.WrongShape)},
		inSTD("<struct/>"): {nil, bad(wire.WrongShape)},
	} {
		if list, err := fields(t, body).Names("userlist"); !reflect.DeepEqual(list, want.list) || err != want.err {
			t.Errorf("%.120s gives %v, %v; want %v, %v", body, list, err, want.list, want.err)
		}
	}
}

func TestRequestTime(t *testing.T) {
	inTD := func(text string) string { return td("<requesttime>" + text + "</requesttime>") }
	inSTD := func(value string) string { return std("<struct>" + member("requesttime", value) + "</struct>") }
	for body, want := range map[string]int64{
		inTD("1420070400"): 1420070400, inTD(" \n1420070400\t"): 1420070400, inTD("0"): 0,
		inSTD("<int>1420070400</int>"):                                        1420070400,
		inSTD("<i8>-5</i8>"):                                                  -5,
		inSTD("<double>1420070400.0</double>"):                                1420070400,
		inSTD("1420070400"):                                                   1420070400,
		inSTD("<dateTime.iso8601>20150101T00:00:00</dateTime.iso8601>"):       1420070400,
		inSTD("<dateTime.iso8601>20150101T01:00:00+01:00</dateTime.iso8601>"): 1420070400,
		inSTD("<dateTime.iso8601>2015-01-01T00:00:00Z</dateTime.iso8601>"):    1420070400,
	} {
		if got, err := fields(t, body).Time(); got != want || err != nil {
			t.Errorf("%s gives %d, %v; want %d", body, got, err, want)
		}
	}
	for _, body := range []string{td(""), inTD(""), inTD("now"), inTD("-5"), inTD("1.0"), inTD("14200704001420070400"), inSTD("<nil/>"),
		inSTD("<dateTime.iso8601>today</dateTime.iso8601>"), inSTD("<boolean>1</boolean>"), inSTD("<array><data/></array>")} {
		if _, err := fields(t, body).Time(); err != bad(wire.TimeMissing) {
			t.Errorf("%s gives %v, want TimeMissing", body, err)
		}
	}
}

func TestACommandTakesOneStruct(t *testing.T) {
	for _, params := range []string{"", "<param><value>x</value></param>",
		"<param><value><struct/></value></param><param><value><struct/></value></param>"} {
		call, err := wire.Decode([]byte("<methodCall><methodName>c</methodName><params>" + params + "</params></methodCall>"))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := call.Fields(); err != bad(wire.WrongShape) {
			t.Errorf("params %q give %v, want WrongShape", params, err)
		}
	}
}

func TestMulticallKeepsTheOrderAndThePlacesOfMistakes(t *testing.T) {
	array := func(calls ...string) string {
		return std("<array><data><value>" + strings.Join(calls, "</value><value>") + "</value></data></array>")
	}
	call, err := wire.Decode([]byte(array(
		"<struct>"+member("methodName", "a")+member("params", "<array><data><value><struct/></value></data></array>")+"</struct>",
		"text",
		"<struct>"+member("methodName", "<string>b</string>")+"</struct>",
		"<struct>"+member("methodName", "c")+member("params", "x")+"</struct>",
		"<struct/>",
	)))
	if err != nil {
		t.Fatal(err)
	}
	calls, failed, err := call.Calls(5)
	if err != nil {
		t.Fatal(err)
	}
	shape := bad(wire.WrongShape)
	if want := []error{nil, shape, nil, shape, nil}; !reflect.DeepEqual(failed, want) {
		t.Errorf("failures %v, want %v", failed, want)
	}
	if calls[0].Name != "a" || len(calls[0].Params) != 1 || calls[2].Name != "b" || len(calls[2].Params) != 0 || calls[4].Name != "" {
		t.Errorf("calls %+v", calls)
	}
	if _, _, err := call.Calls(4); err != bad(wire.ParameterTooLong) {
		t.Errorf("5 of 4 calls: %v", err)
	}
	if call, err = wire.Decode([]byte(std("x"))); err != nil {
		t.Fatal(err)
	}
	if _, _, err := call.Calls(4); err != shape {
		t.Errorf("a text for calls: %v", err)
	}
}

func FuzzDecode(f *testing.F) {
	for _, body := range vectors(f) {
		f.Add(body)
	}
	f.Add([]byte(td("<users>a,b</users><disklimit>9223372036854775808</disklimit>")))
	f.Add([]byte(std("<struct>" + member("depotid", "<ex:i8>1</ex:i8>") + "</struct>")))
	f.Fuzz(func(t *testing.T, body []byte) {
		call, err := wire.Decode(body)
		var fault wire.Fault
		if err != nil {
			if !errors.As(err, &fault) || fault.Secondary == 0 || fault.Message() == "" {
				t.Errorf("Decode failed with %#v, which is no fault of the API", err)
			}
			return
		}
		if call.Dialect != wire.Sniff(body) {
			t.Errorf("decoded as %v, sniffed as %v", call.Dialect, wire.Sniff(body))
		}
		fields, err := call.Fields()
		if err != nil {
			return
		}
		for name := range fields {
			if n, _, err := fields.Quantity(name); n < 0 || err != nil && n != 0 {
				t.Errorf("quantity %d, %v", n, err)
			}
			if _, err := fields.ID(name); err != nil && !errors.As(err, &fault) {
				t.Errorf("id: %#v", err)
			}
			if list, _ := fields.Names(name); len(list) > 1000 {
				t.Errorf("a list of %d", len(list))
			}
			_, _ = fields.Flag(name)
		}
		_, _ = fields.Time()
		_, _, _ = call.Calls(100)
	})
}
