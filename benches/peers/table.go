package main

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
)

// A table holds what every program said of every fixture.
type table struct {
	programs []program
	// By the fixture's path, one of each program.
	said map[string][]answers
}

func newTable(programs []program) table {
	return table{programs, map[string][]answers{}}
}

func (t table) add(fixture fixture, answers answers) {
	t.said[fixture.path] = append(t.said[fixture.path], answers)
}

// found tells whether an answer is a finding.
func found(answer answer) bool { return answer == fail || answer == info }

// sections are the generated parts of the document.
func (t table) sections(fixtures []fixture) map[string]string {
	all := map[string]string{"programs": t.summary(fixtures)}
	for _, rule := range rules {
		all[rule] = t.rule(rule, fixtures)
	}
	return all
}

// rule is the table of one rule. A peer's answer that differs from ours, as to whether there is a finding, is bold;
// so is that it has none.
func (t table) rule(rule string, fixtures []fixture) string {
	var text strings.Builder
	text.WriteString("| fixture |")
	for _, program := range t.programs {
		text.WriteString(" " + program.name + " |")
	}
	text.WriteString("\n|---|" + strings.Repeat("---|", len(t.programs)) + "\n")
	for _, fixture := range fixtures {
		if !slices.Contains(fixture.asks, rule) {
			continue
		}
		fmt.Fprintf(&text, "| [%s](../benches/peers/%s) |", fixture.title, filepath.ToSlash(fixture.path))
		ours := t.said[fixture.path][0][rule]
		for i, program := range t.programs {
			theirs := t.said[fixture.path][i][rule]
			switch {
			case !program.checks[rule]:
				text.WriteString(" – |")
			case theirs == broken || found(theirs) != found(ours):
				fmt.Fprintf(&text, " **%s** |", theirs)
			default:
				fmt.Fprintf(&text, " %s |", theirs)
			}
		}
		text.WriteString("\n")
	}
	return text.String()
}

// summary counts, for each peer, where it finds the same.
func (t table) summary(fixtures []fixture) string {
	var text strings.Builder
	text.WriteString("| program | questions that it has a check for | same answer | only we find something | only it does |" +
		" no answer |\n")
	text.WriteString("|---|---|---|---|---|---|\n")
	for i, program := range t.programs[1:] {
		var asked, same, ours, theirs, none int
		for _, fixture := range fixtures {
			for _, rule := range fixture.asks {
				if !program.checks[rule] {
					continue
				}
				asked++
				said := t.said[fixture.path]
				switch we, it := found(said[0][rule]), found(said[i+1][rule]); {
				case said[i+1][rule] == broken:
					none++
				case we == it:
					same++
				case we:
					ours++
				default:
					theirs++
				}
			}
		}
		fmt.Fprintf(&text, "| %s %s | %d | %d | %d | %d | %d |\n", program.name, program.version, asked, same, ours, theirs, none)
	}
	return text.String()
}
