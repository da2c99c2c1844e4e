package main

import (
	"encoding/json"

	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/kubectl/pkg/util/deployment"
)

// intOrStringQuestion is one value to scale by `total`; or both bounds of a rolling update of so many replicas, either
// of which may be null.
type intOrStringQuestion struct {
	Value          json.RawMessage     `json:"value"`
	Total          int                 `json:"total"`
	Rollout        bool                `json:"rollout"`
	MaxSurge       *intstr.IntOrString `json:"maxSurge"`
	MaxUnavailable *intstr.IntOrString `json:"maxUnavailable"`
}

type scaled struct {
	Up   int `json:"up"`
	Down int `json:"down"`
	// Whether API validation takes it for a percentage; always so for a number.
	Valid bool `json:"valid"`
}

type bounds struct {
	Surge       int32 `json:"surge"`
	Unavailable int32 `json:"unavailable"`
	Valid       bool  `json:"valid"`
}

func intOrString(question []byte) (any, error) {
	var asked intOrStringQuestion
	if err := json.Unmarshal(question, &asked); err != nil {
		return nil, err
	}
	if asked.Rollout {
		// What kubectl publishes is the Deployment controller's function, line by line.
		surge, unavailable, err := deployment.ResolveFenceposts(asked.MaxSurge, asked.MaxUnavailable, int32(asked.Total))
		if err != nil {
			return refused(err), nil
		}
		valid := acceptable(asked.MaxSurge) && acceptable(asked.MaxUnavailable)
		return bounds{Surge: surge, Unavailable: unavailable, Valid: valid}, nil
	}
	var value intstr.IntOrString
	sent, err := asSent(asked.Value)
	if err == nil {
		err = json.Unmarshal(sent, &value)
	}
	if err != nil {
		return refused(err), nil
	}
	up, err := intstr.GetScaledValueFromIntOrPercent(&value, asked.Total, true)
	if err != nil {
		return refused(err), nil
	}
	down, err := intstr.GetScaledValueFromIntOrPercent(&value, asked.Total, false)
	if err != nil {
		return refused(err), nil
	}
	return scaled{Up: up, Down: down, Valid: acceptable(&value)}, nil
}

// acceptable is what ValidatePositiveIntOrPercent in k8s.io/kubernetes, pkg/apis/apps/validation, asks of a text.
func acceptable(value *intstr.IntOrString) bool {
	return value == nil || value.Type == intstr.Int || len(validation.IsValidPercent(value.StrVal)) == 0
}
