package duracloud

import (
	"bytes"
	"cmp"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"entrepot/gateway"
)

// Chunks reads and writes the manifests of files in chunks that DuraCloud's
// tools make ("chunksManifest", schema version 0.2). It implements
// gateway.ChunkCodec.
type Chunks struct{}

var _ gateway.ChunkCodec = Chunks{}

// Limits of a manifest.
const (
	maxManifestText   = 8 << 20 // bytes
	maxManifestChunks = 10_000
	manifestSchema    = "0.2"
	manifestSpace     = "duracloud.org"
)

// chunksXML is the document; of its elements only the root has a namespace.
type chunksXML struct {
	XMLName xml.Name `xml:"duracloud.org chunksManifest"`
	Header  struct {
		Schema string `xml:"schemaVersion,attr"`
		Source struct {
			ContentID string `xml:"contentId,attr"`
			MimeType  string `xml:"mimetype"`
			ByteSize  int64  `xml:"byteSize"`
			MD5       string `xml:"md5"`
		} `xml:"sourceContent"`
	} `xml:"header"`
	Chunks []chunkXML `xml:"chunks>chunk"`
}

type chunkXML struct {
	ID       string `xml:"chunkId,attr"`
	Index    *int   `xml:"index,attr"` // absent where older Archivematica wrote it
	ByteSize int64  `xml:"byteSize"`
	MD5      string `xml:"md5"`
}

// Read implements gateway.ChunkCodec. Chunks without an index are ordered by
// the number in their names.
func (Chunks) Read(text []byte) (gateway.ChunkManifest, error) {
	var m gateway.ChunkManifest
	if len(text) > maxManifestText {
		return m, errors.New("the manifest is too large")
	}
	var doc chunksXML
	d := xml.NewDecoder(bytes.NewReader(text))
	if err := d.Decode(&doc); err != nil {
		return m, fmt.Errorf("the manifest is not XML of its kind: %w", err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) && !onlySpace(text[d.InputOffset():]) {
		return m, errors.New("something stands behind the manifest")
	}
	src := &doc.Header.Source
	switch {
	case doc.Header.Schema != manifestSchema:
		return m, fmt.Errorf("schema version %q", doc.Header.Schema)
	case src.ContentID == "" || src.ByteSize < 0 || len(doc.Chunks) > maxManifestChunks:
		return m, errors.New("the manifest names no file, or too many chunks")
	}
	m = gateway.ChunkManifest{ContentID: src.ContentID, ContentType: src.MimeType, Size: src.ByteSize, MD5: strings.ToLower(strings.TrimSpace(src.MD5))}
	at := make(map[int]gateway.Chunk, len(doc.Chunks))
	order := make([]int, 0, len(doc.Chunks))
	for _, c := range doc.Chunks {
		n, err := c.number()
		if _, twice := at[n]; err != nil || twice || n < 0 {
			return m, fmt.Errorf("chunk %q has no number of its own", c.ID)
		}
		at[n] = gateway.Chunk{ID: c.ID, Size: c.ByteSize, MD5: strings.ToLower(strings.TrimSpace(c.MD5))}
		order = append(order, n)
	}
	slices.SortFunc(order, cmp.Compare[int])
	for _, n := range order {
		m.Chunks = append(m.Chunks, at[n])
	}
	return m, nil
}

func onlySpace(b []byte) bool { return len(bytes.TrimSpace(b)) == 0 }

// number is a chunk's index.
func (c *chunkXML) number() (int, error) {
	if c.Index != nil {
		return *c.Index, nil
	}
	i := strings.LastIndexByte(c.ID, '-')
	return strconv.Atoi(c.ID[i+1:])
}

// Write implements gateway.ChunkCodec: one line behind the declaration, as
// DuraCloud's tools write it.
func (Chunks) Write(m *gateway.ChunkManifest) []byte {
	b := []byte(`<?xml version="1.0" encoding="UTF-8"?>` + "\n" + `<dur:chunksManifest xmlns:dur="` + manifestSpace +
		`"><header schemaVersion="` + manifestSchema + `"><sourceContent contentId="`)
	b = appendAttribute(b, m.ContentID)
	b = appendText(append(b, `"><mimetype>`...), m.ContentType)
	b = strconv.AppendInt(append(b, "</mimetype><byteSize>"...), m.Size, 10)
	b = appendText(append(b, "</byteSize><md5>"...), m.MD5)
	b = append(b, "</md5></sourceContent></header><chunks>"...)
	for i, c := range m.Chunks {
		b = appendAttribute(append(b, `<chunk chunkId="`...), c.ID)
		b = strconv.AppendInt(append(b, `" index="`...), int64(i), 10)
		b = strconv.AppendInt(append(b, `"><byteSize>`...), c.Size, 10)
		b = appendText(append(b, "</byteSize><md5>"...), c.MD5)
		b = append(b, "</md5></chunk>"...)
	}
	return append(b, "</chunks></dur:chunksManifest>"...)
}
