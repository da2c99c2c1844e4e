package main

import (
	"encoding/json"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	metavalidation "k8s.io/apimachinery/pkg/apis/meta/v1/validation"
	"k8s.io/apimachinery/pkg/labels"
)

// selectorQuestion is a LabelSelector, null or as it stands in JSON, and the labels of some objects.
type selectorQuestion struct {
	Selector json.RawMessage     `json:"selector"`
	Objects  []map[string]string `json:"objects"`
}

type selectorAnswer struct {
	Matches []bool `json:"matches"`
	// Whether it asks for nothing. That of an absent one asks for what can't be.
	Empty bool `json:"empty"`
	// What API validation has against it; LabelSelectorAsSelector takes a little more.
	Invalid *string `json:"invalid"`
}

func selector(question []byte) (any, error) {
	var asked selectorQuestion
	if err := json.Unmarshal(question, &asked); err != nil {
		return nil, err
	}
	var read *metav1.LabelSelector
	if err := json.Unmarshal(asked.Selector, &read); err != nil {
		return refused(err), nil
	}
	judged, err := metav1.LabelSelectorAsSelector(read)
	if err != nil {
		return refused(err), nil
	}
	answer := selectorAnswer{Matches: []bool{}, Empty: judged.Empty()}
	for _, object := range asked.Objects {
		answer.Matches = append(answer.Matches, judged.Matches(labels.Set(object)))
	}
	options := metavalidation.LabelSelectorValidationOptions{}
	if errs := metavalidation.ValidateLabelSelector(read, options, nil); len(errs) > 0 {
		text := errs.ToAggregate().Error()
		answer.Invalid = &text
	}
	return answer, nil
}
