package args

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/pflag"
)

// A value is the pflag.Value of a flag that checks what it is set to.
type value[T any] struct {
	p     *T
	kind  string // as pflag names it; the help quotes a "string"
	parse func(string) (T, error)
	text  func(T) string
}

// Set parses s, and keeps the value as it is if s is wrong.
func (v value[T]) Set(s string) error {
	parsed, err := v.parse(s)
	if err == nil {
		*v.p = parsed
	}
	return err
}

func (v value[T]) String() string { return v.text(*v.p) }

// Type returns the kind of the value, for the help.
func (v value[T]) Type() string { return v.kind }

// takes reports whether s can be set, without setting it.
func (v value[T]) takes(s string) bool {
	_, err := v.parse(s)
	return err == nil
}

// Expected is the error of a wrong value: what the flag takes instead.
type Expected string

func (e Expected) Error() string { return "it takes " + string(e) }

// String defines a flag whose value must pass check.
func String(f *pflag.FlagSet, p *string, name, initial, usage string, check func(string) error) {
	*p = initial
	f.Var(stringValue(p, check), name, usage)
}

func stringValue(p *string, check func(string) error) value[string] {
	return value[string]{p, "string", func(s string) (string, error) { return s, check(s) }, func(s string) string { return s }}
}

// OneOf returns the check of a flag that takes one of the words.
func OneOf(words ...string) func(string) error {
	return func(s string) error {
		for _, w := range words {
			if w == s {
				return nil
			}
		}
		last := len(words) - 1
		return Expected(strings.Join(words[:last], ", ") + " or " + words[last])
	}
}

// Strings defines a repeatable flag each of whose values must pass check.
func Strings(f *pflag.FlagSet, p *[]string, name, short string, initial []string, usage string, check func(string) error) {
	*p = initial
	f.VarP(&list{p: p, check: check}, name, short, usage)
}

// A list is the value of a repeatable flag. The first value given replaces the
// default.
type list struct {
	p     *[]string
	check func(string) error
	given bool
}

func (l *list) Set(s string) error {
	if err := l.check(s); err != nil {
		return err
	}
	if !l.given {
		*l.p, l.given = nil, true
	}
	*l.p = append(*l.p, s)
	return nil
}

func (l *list) String() string {
	if len(*l.p) == 0 {
		return ""
	}
	return "[" + strings.Join(*l.p, ",") + "]"
}

func (l *list) Type() string        { return "stringArray" }
func (l *list) takes(s string) bool { return l.check(s) == nil }

// Number defines a flag that takes a whole number from least to most.
func Number[T int | int64 | uint8](f *pflag.FlagSet, p *T, name, short string, initial, least, most T, usage string) {
	*p = initial
	parse := func(s string) (T, error) {
		n, err := strconv.ParseInt(s, 10, 64)
		switch {
		case errors.Is(err, strconv.ErrRange) && s[0] != '-' || err == nil && n > int64(most):
			return 0, Expected(fmt.Sprintf("a whole number from %d to %d", least, most))
		case err != nil || n < int64(least):
			return 0, Expected(bounds(int64(least), int64(most)))
		}
		return T(n), nil
	}
	f.VarP(value[T]{p, "int", parse, func(n T) string { return strconv.FormatInt(int64(n), 10) }}, name, short, usage)
}

// NumberOf defines a flag that takes one of a few whole numbers; 0 is that it was not
// given.
func NumberOf(f *pflag.FlagSet, p *int, name, usage string, numbers ...int) {
	words := make([]string, len(numbers))
	for i, n := range numbers {
		words[i] = strconv.Itoa(n)
	}
	check := OneOf(words...)
	parse := func(s string) (int, error) {
		if err := check(s); err != nil {
			return 0, err
		}
		return strconv.Atoi(s)
	}
	text := func(n int) string {
		if n == 0 {
			return ""
		}
		return strconv.Itoa(n)
	}
	f.Var(value[int]{p, "int", parse, text}, name, usage)
}

// NoLimit is the most of a Number that has no bound of its own.
const NoLimit = 1<<31 - 1

func bounds(least, most int64) string {
	switch {
	case most == NoLimit:
		return fmt.Sprintf("a whole number from %d", least)
	case most-least == 1:
		return fmt.Sprintf("%d or %d", least, most)
	}
	return fmt.Sprintf("a whole number from %d to %d", least, most)
}

// Duration defines a flag that takes a time of at least least.
func Duration(f *pflag.FlagSet, p *time.Duration, name string, initial, least time.Duration, usage string) {
	*p = initial
	parse := func(s string) (time.Duration, error) {
		d, err := time.ParseDuration(s)
		switch {
		case err != nil:
			return 0, errNoDuration
		case d < least:
			return 0, Expected("at least " + least.String())
		}
		return d, nil
	}
	f.Var(value[time.Duration]{p, "duration", parse, durationText}, name, usage)
}

// durationText returns "" for 0, which the help does not show as a default.
func durationText(d time.Duration) string {
	if d == 0 {
		return ""
	}
	return d.String()
}

const errNoDuration = Expected("a time such as 500ms, 5s or 1m30s")

// Sentence returns what is wrong with a flag's value, in one sentence without Go's
// own words. Other errors of a command line are returned as they are.
func Sentence(err error) string {
	invalid := new(pflag.InvalidValueError)
	if !errors.As(err, &invalid) {
		return err.Error()
	}
	return sentence("--"+invalid.GetFlag().Name, invalid)
}

// sentence begins with where the value was found.
func sentence(where string, invalid *pflag.InvalidValueError) string {
	cause := invalid.Unwrap()
	if e := Expected(""); errors.As(cause, &e) {
		return fmt.Sprintf("%s takes %s, not %q", where, string(e), invalid.GetValue())
	}
	switch invalid.GetFlag().Value.Type() {
	case "bool":
		return fmt.Sprintf("%s takes true or false, not %q", where, invalid.GetValue())
	case "int", "int64", "uint8":
		return fmt.Sprintf("%s takes a whole number, not %q", where, invalid.GetValue())
	case "duration":
		return fmt.Sprintf("%s takes %s, not %q", where, string(errNoDuration), invalid.GetValue())
	}
	return fmt.Sprintf("%s: %v", where, cause)
}
