// The peers: what other linters and policy engines say of the same manifests.
//
//	go -C benches/peers run .             compare with docs/rules-vs-peers.md; exit code 1 when it says something else
//	UPDATE=1 go -C benches/peers run .    write its tables anew
//
// Builds kube-score, gator and the Kyverno CLI from pinned Go modules, once, into the cache; asks each of them and
// `plimsoll check` about every file under fixtures/, one by one, with the policies under policies/; and sets their answers
// beside each other, a table for each rule. Nothing but the Go proxy is asked over the network.
//
// Plimsoll is `cargo run`, or the binary that PLIMSOLL_BINARY names by an absolute path.
package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

const document = "../../docs/rules-vs-peers.md"

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(1)
	}
}

func run() error {
	fixtures, err := readFixtures("fixtures")
	if err != nil {
		return err
	}
	programs, err := programs()
	if err != nil {
		return err
	}
	table := newTable(programs)
	for _, fixture := range fixtures {
		for _, program := range programs {
			answers, err := program.ask(fixture.path)
			if err != nil {
				return fmt.Errorf("%s of %s: %w", program.name, fixture.path, err)
			}
			table.add(fixture, answers)
		}
	}
	return hold(document, table.sections(fixtures))
}

// hold compares the generated sections of a file with what they should be, or writes them with UPDATE set.
func hold(path string, sections map[string]string) error {
	read, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	text := string(read)
	for name, body := range sections {
		begin, end := "<!-- generated: "+name+" -->\n", "<!-- end: "+name+" -->\n"
		before, rest, found := strings.Cut(text, begin)
		_, after, closed := strings.Cut(rest, end)
		if !found || !closed {
			return fmt.Errorf("%s has no place for %q", path, name)
		}
		text = before + begin + body + end + after
	}
	if os.Getenv("UPDATE") != "" {
		return os.WriteFile(path, []byte(text), 0o644)
	}
	if text != string(read) {
		return errors.New(filepath.Base(path) + " says something else: look at it after `UPDATE=1 go -C benches/peers run .`")
	}
	return nil
}
