package args

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/pflag"
)

// FromEnvironment sets every flag that was not given from its variable: --broker
// from HELLOX_BROKER. A repeatable flag's variable holds a value a line. An empty
// variable is as none. A value that the flag does not take is ignored if the flag
// of that name of another command takes it: the variable is meant for that one.
func FromEnvironment(flags *pflag.FlagSet, env func(string) (string, bool), others []*pflag.FlagSet) error {
	var failed error
	flags.VisitAll(func(f *pflag.Flag) {
		if f.Changed || f.Name == "help" || f.Name == "version" || failed != nil {
			return
		}
		name := Variable(f.Name)
		value, ok := env(name)
		if !ok || value == "" {
			return
		}
		values := lines(f, value)
		for _, v := range values {
			if own, ok := f.Value.(checker); ok && !own.takes(v) && takenByAnother(others, f.Name, v) {
				return
			}
		}
		for _, v := range values {
			err := flags.Set(f.Name, v)
			if err == nil {
				continue
			}
			where := fmt.Sprintf("the variable %s (for --%s)", name, f.Name)
			failed = fmt.Errorf("%s: %w", where, err)
			if invalid := new(pflag.InvalidValueError); errors.As(err, &invalid) {
				failed = errors.New(sentence(where, invalid))
			}
			return
		}
		f.Changed = false
		_ = flags.SetAnnotation(f.Name, fromEnvironment, nil) // the flag exists
	})
	return failed
}

// lines returns the values in a flag's variable.
func lines(f *pflag.Flag, value string) []string {
	if f.Value.Type() != "stringArray" {
		return []string{value}
	}
	var all []string
	for line := range strings.Lines(value) {
		if line = strings.TrimRight(line, "\r\n"); line != "" {
			all = append(all, line)
		}
	}
	return all
}

// A checker reports whether it takes a value, without being set.
type checker interface{ takes(string) bool }

func takenByAnother(others []*pflag.FlagSet, name, value string) bool {
	for _, flags := range others {
		other := flags.Lookup(name)
		if other == nil {
			continue
		}
		if v, ok := other.Value.(checker); ok && v.takes(value) {
			return true
		}
	}
	return false
}

// fromEnvironment is the annotation of a flag that its variable has set.
const fromEnvironment = "hellox/environment"

// Set reports whether the flag was set, on the command line or by its variable.
func Set(flags *pflag.FlagSet, name string) bool {
	f := flags.Lookup(name)
	_, byVariable := f.Annotations[fromEnvironment]
	return f.Changed || byVariable
}

// Given returns those of the named flags that are on the command line, each with
// its dashes. A variable, which may be meant for other commands, does not count.
func Given(flags *pflag.FlagSet, names ...string) []string {
	var given []string
	for _, name := range names {
		if flags.Changed(name) {
			given = append(given, "--"+name)
		}
	}
	return given
}

// Words returns those of the named flags that are on the command line, each with its
// value, as they can be typed again; a repeatable one with each of its values.
func Words(flags *pflag.FlagSet, names ...string) []string {
	var words []string
	for _, name := range names {
		if !flags.Changed(name) {
			continue
		}
		value := flags.Lookup(name).Value
		values := []string{value.String()}
		if several, ok := value.(pflag.SliceValue); ok {
			values = several.GetSlice()
		}
		for _, v := range values {
			words = append(words, "--"+name, Quote(v))
		}
	}
	return words
}

// Quote returns s as one word of a command line.
func Quote(s string) string {
	if s != "" && strings.Trim(s, "-+.,:/_0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ") == "" {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}

// Variable returns the name of the environment variable of a flag.
func Variable(flag string) string {
	return "HELLOX_" + strings.ToUpper(strings.ReplaceAll(flag, "-", "_"))
}
