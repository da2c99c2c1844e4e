package main

import (
	"encoding/json"
	"math/big"

	"gopkg.in/inf.v0"
	"k8s.io/apimachinery/pkg/api/resource"
	utiljson "k8s.io/apimachinery/pkg/util/json"
)

// quantityQuestion is a text and a second one to compare it with; or, in `json`, a value as a manifest holds it.
type quantityQuestion struct {
	Text  string          `json:"text"`
	Other string          `json:"other"`
	JSON  json.RawMessage `json:"json"`
}

// amount is a quantity's value in nanos, held within ±10^38 (which is 10^29 units; exponents know no bounds).
type amount struct {
	Nanos   string `json:"nanos"`
	Clamped bool   `json:"clamped"`
}

type quantityAnswer struct {
	amount
	// As CanonicalizeBytes gives it; String would repeat some texts as they were written.
	Canonical string `json:"canonical"`
	Format    string `json:"format"`
	Zero      bool   `json:"zero"`
	Sign      int    `json:"sign"`
	// Value and MilliValue, and the same rounded away from zero without overflow and for either sign.
	Value      int64  `json:"value"`
	Milli      int64  `json:"milli"`
	ExactValue string `json:"exactValue"`
	ExactMilli string `json:"exactMilli"`
	// Only when the other text is a quantity too.
	Other *comparison `json:"other,omitempty"`
}

type comparison struct {
	Cmp  int    `json:"cmp"`
	Sum  result `json:"sum"`
	Diff result `json:"diff"`
}

type result struct {
	amount
	Format string `json:"format"`
}

func quantity(question []byte) (any, error) {
	var asked quantityQuestion
	if err := json.Unmarshal(question, &asked); err != nil {
		return nil, err
	}
	parsed, err := parse(asked)
	if err != nil {
		return refused(err), nil
	}
	answer := quantityAnswer{
		amount:     nanos(parsed),
		Canonical:  canonical(parsed),
		Format:     string(parsed.Format),
		Zero:       parsed.IsZero(),
		Sign:       parsed.Sign(),
		Value:      parsed.Value(),
		Milli:      parsed.MilliValue(),
		ExactValue: awayFromZero(parsed, 0).String(),
		ExactMilli: awayFromZero(parsed, 3).String(),
	}
	if other, err := resource.ParseQuantity(asked.Other); err == nil {
		sum, diff := parsed.DeepCopy(), parsed.DeepCopy()
		sum.Add(other)
		diff.Sub(other)
		answer.Other = &comparison{Cmp: parsed.Cmp(other), Sum: described(sum), Diff: described(diff)}
	}
	return answer, nil
}

func parse(asked quantityQuestion) (resource.Quantity, error) {
	if asked.JSON == nil {
		return resource.ParseQuantity(asked.Text)
	}
	var parsed resource.Quantity
	sent, err := asSent(asked.JSON)
	if err == nil {
		err = json.Unmarshal(sent, &parsed)
	}
	return parsed, err
}

// asSent is a value as kubectl sends it: read without a schema (numbers become int64 or float64) and written anew.
func asSent(value json.RawMessage) ([]byte, error) {
	var generic any
	if err := utiljson.Unmarshal(value, &generic); err != nil {
		return nil, err
	}
	return utiljson.Marshal(generic)
}

func described(q resource.Quantity) result {
	return result{amount: nanos(q), Format: string(q.Format)}
}

func canonical(q resource.Quantity) string {
	q = q.DeepCopy()
	number, suffix := q.CanonicalizeBytes(nil)
	return string(number) + string(suffix)
}

var limit = new(big.Int).Exp(big.NewInt(10), big.NewInt(38), nil)

func nanos(q resource.Quantity) amount {
	exact := awayFromZero(q, 9)
	if exact.CmpAbs(limit) <= 0 {
		return amount{Nanos: exact.String()}
	}
	held := new(big.Int).Set(limit)
	if exact.Sign() < 0 {
		held.Neg(held)
	}
	return amount{Nanos: held.String(), Clamped: true}
}

// awayFromZero is the whole number of 10^-scale that holds all of it.
func awayFromZero(q resource.Quantity, scale inf.Scale) *big.Int {
	q = q.DeepCopy()
	return new(inf.Dec).Round(q.AsDec(), scale, inf.RoundUp).UnscaledBig()
}
