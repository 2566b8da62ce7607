// Package duracloud is the DuraCloud door: the REST API of DuraStore, with
// which preservation tools (SyncTool, RetrievalTool, Archivematica, the Ruby
// and PHP clients, curl scripts) keep collections in spaces. Spaces are the
// containers of an account, items their objects.
//
// The package decodes requests, calls the gateway and encodes answers, byte
// for byte as those clients compare them: lower-case x-dura-meta- headers, MD5
// sums in hex without quotes, JDOM's two ways to write XML, the texts of
// messages. What is allowed is decided by the gateway.
//
// Paths are split once, in the form in which they came; nothing cleans them.
package duracloud
