package gateway

import (
	"path"
	"strings"
)

// defaultType is the content type of names whose extension says nothing.
const defaultType = "application/octet-stream"

// TypeOf guesses a content type from a name's extension. The table is part of
// the program, so that a name has the same type on every machine.
func TypeOf(name string) string {
	if t, ok := typesByExtension()[strings.ToLower(strings.TrimPrefix(path.Ext(name), "."))]; ok {
		return t
	}
	return defaultType
}

var extensionTypes = buildTypes()

func typesByExtension() map[string]string { return extensionTypes }

// buildTypes reads the table: a type and its extensions on each line.
func buildTypes() map[string]string {
	m := make(map[string]string)
	for line := range strings.SplitSeq(strings.TrimSpace(typeTable), "\n") {
		words := strings.Fields(line)
		for _, ext := range words[1:] {
			m[ext] = words[0]
		}
	}
	return m
}

const typeTable = `
application/epub+zip epub
application/gzip gz tgz
application/java-archive jar
application/javascript js mjs
application/json json map
application/msword doc dot
application/octet-stream bin dll exe img iso so
application/pdf pdf
application/postscript ai eps ps
application/rtf rtf
application/sql sql
application/vnd.android.package-archive apk
application/vnd.ms-excel xls xlt
application/vnd.ms-powerpoint pot pps ppt
application/vnd.oasis.opendocument.presentation odp
application/vnd.oasis.opendocument.spreadsheet ods
application/vnd.oasis.opendocument.text odt
application/vnd.openxmlformats-officedocument.presentationml.presentation pptx
application/vnd.openxmlformats-officedocument.spreadsheetml.sheet xlsx
application/vnd.openxmlformats-officedocument.wordprocessingml.document docx
application/wasm wasm
application/x-7z-compressed 7z
application/x-bzip2 bz2
application/x-debian-package deb
application/x-httpd-php php
application/x-rar-compressed rar
application/x-rpm rpm
application/x-sh sh
application/x-tar tar
application/x-tex tex
application/x-xz xz
application/xhtml+xml xhtml
application/xml xml xsl xsd rdf
application/yaml yaml yml
application/zip zip
application/zstd zst
audio/aac aac
audio/flac flac
audio/midi mid midi
audio/mp4 m4a
audio/mpeg mp3 mp2
audio/ogg ogg oga opus
audio/x-wav wav
font/otf otf
font/ttf ttf
font/woff woff
font/woff2 woff2
image/avif avif
image/bmp bmp
image/gif gif
image/heic heic
image/jpeg jpg jpeg jpe
image/png png
image/svg+xml svg
image/tiff tif tiff
image/vnd.microsoft.icon ico
image/webp webp
message/rfc822 eml
text/calendar ics
text/css css
text/csv csv
text/html html htm
text/markdown md
text/plain txt text log conf ini c h go py rs java toml
text/tab-separated-values tsv
text/vcard vcf
video/mp4 mp4 m4v
video/mpeg mpg mpeg
video/ogg ogv
video/quicktime mov qt
video/webm webm
video/x-matroska mkv
video/x-msvideo avi
`
