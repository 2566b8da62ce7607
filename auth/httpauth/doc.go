// Package httpauth takes credentials out of HTTP requests and asks package
// auth who they belong to. It knows the ways in which the doors' clients send
// them (Basic, Bearer, Swift's token headers), which address a request really
// came from behind trusted proxies, and when a browser may have added the
// credentials on a foreign page's behalf. What a caller may do is not decided
// here, and how a refusal is worded is each face's own.
//
//	ask := httpauth.First(httpauth.SwiftToken(s), httpauth.Basic(s))
//	handler = httpauth.Middleware(ask, deny)(handler)
package httpauth
