package wire_test

import (
	"encoding/xml"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"entrepot/protocols/depot/wire"
)

// all has a value of each kind.
var all = wire.Struct{
	{Name: "text", Value: wire.Text("a<b>&\"\r\n\x00\xff")},
	{Name: "empty", Value: wire.Text("")},
	{Name: "small", Value: wire.Number(-2147483648)},
	{Name: "big", Value: wire.Number(2147483648)},
	{Name: "yes", Value: wire.Flag(true)},
	{Name: "when", Value: wire.Moment(time.Date(2014, 7, 25, 17, 6, 41, 5e8, time.FixedZone("", 7200)))},
	{Name: "list", Value: wire.Names{"a", "b&c"}},
	{Name: "none", Value: wire.Names(nil)},
	{Name: "rows", Value: wire.Records{Entry: "row", List: []wire.Struct{{{Name: "id", Value: wire.Number(1)}}, {{Name: "id", Value: wire.Number(2)}}}}},
	{Name: "array", Value: wire.Array{wire.Number(1), wire.Text("x")}},
}

func TestResultsInTD(t *testing.T) {
	want := "<?xml version='1.0' encoding='UTF-8' ?>\n<teamdrive><apiversion>3.0.003</apiversion>" +
		"<text>a&lt;b&gt;&amp;\"&#13;\n\uFFFD\uFFFD</text><empty></empty><small>-2147483648</small><big>2147483648</big><yes>true</yes>" +
		"<when>07/25/2014 15:06:41.00</when><list>a,b&amp;c</list><none></none>" +
		"<rows><row><id>1</id></row><row><id>2</id></row></rows><array>1x</array></teamdrive>"
	if got := string(wire.Encoder{}.Result(wire.Versioned(all, false))); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestResultsInSTD(t *testing.T) {
	got := string(wire.Encoder{Dialect: wire.STD}.Result(wire.Versioned(all, false)))
	for _, part := range []string{
		`<?xml version="1.0" encoding="UTF-8"?>` + "\n<methodResponse><params><param><value><struct><member><name>apiversion</name><value><string>3.0.003</string></value></member>",
		"<member><name>text</name><value><string>a&lt;b&gt;&amp;\"&#13;\n\uFFFD\uFFFD</string></value></member>",
		"<name>empty</name><value><string></string></value>",
		"<value><int>-2147483648</int></value>", "<value><i8>2147483648</i8></value>", "<value><boolean>1</boolean></value>",
		"<value><dateTime.iso8601>20140725T15:06:41</dateTime.iso8601></value>",
		"<value><array><data><value><string>a</string></value><value><string>b&amp;c</string></value></data></array></value>",
		"<name>none</name><value><array><data></data></array></value>",
		"<name>rows</name><value><array><data><value><struct><member><name>id</name><value><int>1</int></value></member></struct></value><value><struct>",
	} {
		if !strings.Contains(got, part) {
			t.Errorf("%s\nlacks %s", got, part)
		}
	}
	for big, want := range map[wire.BigInt]string{
		wire.BigI8: "<i8>2147483648</i8>", wire.BigString: "<string>2147483648</string>", wire.BigDouble: "<double>2147483648.0</double>",
	} {
		if got := string(wire.Encoder{Dialect: wire.STD, BigInt: big}.Reply(wire.Number(1 << 31))); !strings.Contains(got, "<value>"+want+"</value>") {
			t.Errorf("%s: %s", big, got)
		}
	}
}

func TestFaultsNameTheVersionOfTheManual(t *testing.T) {
	for fault, want := range map[wire.Fault]string{
		{Primary: wire.AccessDenied}:             "<apiversion>1.0.004</apiversion><exception><primarycode>-30000</primarycode><secondarycode></secondarycode><message>Access denied</message></exception>",
		{Primary: wire.InvalidXML, Secondary: 5}: "<apiversion>1.0.004</apiversion><exception><primarycode>-30003</primarycode><secondarycode>5</secondarycode><message>Invalid XML</message></exception>",
		{Primary: wire.ProviderNotFound}:         "<apiversion>3.0.003</apiversion><exception><primarycode>-30114</primarycode>",
		{Primary: wire.InternalError}:            "<apiversion>3.0.003</apiversion><exception><primarycode>-20000</primarycode><secondarycode></secondarycode><message>Internal Error</message></exception>",
	} {
		if got := string(wire.Encoder{}.Fault(fault)); !strings.Contains(got, want) {
			t.Errorf("%v is written as %s", fault, got)
		}
	}
}

// FuzzText looks for texts that do not come out of a reply as they went in, as
// far as XML can hold them.
func FuzzText(f *testing.F) {
	for _, s := range []string{"", "a&b<c>]]>", "\r\n\t\x00", "Größe \xff", "<![CDATA[x]]>", "\ufffe\ud7ff"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		var td struct {
			Text string `xml:"text"`
		}
		if err := xml.Unmarshal(wire.Encoder{}.Result(wire.Struct{{Name: "text", Value: wire.Text(s)}}), &td); err != nil {
			t.Fatalf("%q makes a reply that cannot be read: %v", s, err)
		}
		var want strings.Builder
		for _, r := range s {
			if r < 0x20 && r != '\t' && r != '\n' && r != '\r' || r == 0xFFFE || r == 0xFFFF {
				r = utf8.RuneError
			}
			want.WriteRune(r)
		}
		if td.Text != want.String() {
			t.Errorf("%q came out as %q", s, td.Text)
		}
	})
}
