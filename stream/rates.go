package stream

// Rates are messages a second over sliding windows that end now. They fall
// when a sender falls silent.
type Rates struct {
	Second float64 `json:"1s"`
	Minute float64 `json:"1m"`
	Hour   float64 `json:"1h"`
}

// A Spread is of intervals over the last hour, in milliseconds.
type Spread struct {
	Last float64 `json:"last"`
	Min  float64 `json:"min"`
	Mean float64 `json:"mean"`
	Max  float64 `json:"max"`
}

// A Quantile is of latencies over the last hour, in milliseconds.
type Quantile struct {
	P50 float64 `json:"p50"`
	P90 float64 `json:"p90"`
	P99 float64 `json:"p99"`
	Max float64 `json:"max"`
}
