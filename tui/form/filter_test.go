package form

import (
	"strings"
	"testing"

	tea "github.com/charmbracelet/bubbletea"

	"hellox/stream/filter"
)

func typedFilter(f Filter, text string) Filter {
	f, _ = f.Update(tea.KeyMsg{Type: tea.KeyRunes, Runes: []rune(text)})
	return f
}

func pressedFilter(f Filter, keys ...tea.KeyType) (Filter, Status) {
	status := Editing
	for _, k := range keys {
		f, status = f.Update(tea.KeyMsg{Type: k})
	}
	return f, status
}

var kept = []filter.Named{{Name: "failing", Expression: "is:missed or latency>1s"}, {Name: "far", Expression: "latency>5s"}, {Name: "hot", Expression: "payload.temp>30"}}

// A named filter is completed, and stands for its expression at once.
func TestFilterCompletesNames(t *testing.T) {
	f := typedFilter(NewFilter(nil, nil).WithNamed(kept), "@fa")
	if f.Err() != nil || f.Result() != nil || !strings.Contains(f.Hint(), "@failing is:missed or latency>1s   @far latency>5s") || strings.Contains(f.Hint(), "hot") {
		t.Errorf("%v, %v, %q", f.Err(), f.Result(), f.Hint())
	}
	f, status := pressedFilter(f, tea.KeyTab)
	if f.input.value() != "@failing" || f.Result().String() != "is:missed or latency>1s" || status != Editing {
		t.Errorf("%q: %v", f.input.value(), f.Result())
	}
	if f, status = pressedFilter(f, tea.KeyEnter); status != Submitted || f.Err() != nil {
		t.Errorf("%d, %v", status, f.Err())
	}
	f = typedFilter(NewFilter(nil, nil).WithNamed(kept), "@f")
	if f, status = pressedFilter(f, tea.KeyEnter); status != Editing || f.Err() == nil {
		t.Errorf("the beginning of a name was submitted: %d, %v", status, f.Err())
	}
	f = typedFilter(NewFilter(nil, nil).WithNamed(kept), "@x")
	if f.Err() == nil || !strings.Contains(f.Err().Error(), `there is no filter named "x"; there are @failing, @far, @hot`) {
		t.Error(f.Err())
	}
}

// A filter is kept under a name and forgotten; then its expression is in the line.
func TestFilterKeepsAndForgets(t *testing.T) {
	f, _ := pressedFilter(typedFilter(NewFilter(nil, nil).WithNamed(kept), "size>1KiB"), tea.KeyCtrlS)
	f, status := pressedFilter(typedFilter(f, "two words"), tea.KeyEnter)
	if status != Editing || f.Err() == nil {
		t.Errorf("a name with a space: %d, %v", status, f.Err())
	}
	f, _ = pressedFilter(f, tea.KeyCtrlU)
	f, status = pressedFilter(typedFilter(f, "@large"), tea.KeyEnter)
	if want := (filter.Named{Name: "large", Expression: "size>1KiB"}); status != Keep || f.Asked() != want || f.input.value() != "size>1KiB" {
		t.Errorf("%d: %+v, %q", status, f.Asked(), f.input.value())
	}
	f, _ = pressedFilter(typedFilter(NewFilter(nil, nil).WithNamed(kept), "@ho"), tea.KeyTab)
	f, status = pressedFilter(f, tea.KeyDelete)
	if status != Forget || f.Asked() != kept[2] || f.input.value() != "payload.temp>30" {
		t.Errorf("%d: %+v, %q", status, f.Asked(), f.input.value())
	}
	if f, status = pressedFilter(typedFilter(NewFilter(nil, nil).WithNamed(kept), "delta>"), tea.KeyCtrlS); status != Editing || f.naming {
		t.Error("a wrong filter was kept")
	}
	if f, _ = pressedFilter(typedFilter(NewFilter(nil, nil), "is:json"), tea.KeyCtrlS); f.naming {
		t.Error("there is no file to keep it in")
	}
}
