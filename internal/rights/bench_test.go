package rights_test

import (
	"fmt"
	"testing"

	"github.com/kadeploy/kadeploy/internal/rights"
)

// full is a book with as many grants as it takes: 10 users with 20,000 nodes each.
func full(b *testing.B) (*rights.Book, []string) {
	b.Helper()
	site := make([]string, 20_000)
	for i := range site {
		site[i] = fmt.Sprintf("node-%d.site", i+1)
	}
	book := rights.New()
	for u := range rights.MaxGrants / len(site) {
		name := fmt.Sprint("user", u)
		r := rights.Request{User: name, Nodes: []string{"node-*"}, Part: fmt.Sprint(u + 1), By: "root"}
		if _, err := sharing(book).Grant(r, site, noon); err != nil {
			b.Fatal(err)
		}
	}
	book.Appoint(nil)
	return book, site
}

// sharing makes admins of all who hold something, so that nothing is held against the next.
func sharing(book *rights.Book) *rights.Book {
	var names []string
	for _, r := range book.List(nil) {
		names = append(names, r.User)
	}
	book.Appoint(names)
	return book
}

func BenchmarkCheckOf20000Nodes(b *testing.B) {
	book, site := full(b)
	for b.Loop() {
		if err := book.Check("user3", site, "4", noon); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkChange is what the server does for each change before it is written down: a copy, and the change.
func BenchmarkChange(b *testing.B) {
	book, site := full(b)
	for b.Loop() {
		next := book.Clone()
		if _, err := next.Revoke("user3", []string{"node-[1-100].site"}, rights.All, site, noon); err != nil {
			b.Fatal(err)
		}
	}
}
