package complete

import (
	"context"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/spf13/cobra"

	"hellox/cmd/hellox/state"
	"hellox/history"
	"hellox/stream"
)

// A source that never answers, or not in time, delays nothing and is not told.
func TestLiveIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cmd := &cobra.Command{}
		cmd.SetContext(t.Context())
		began := time.Now()
		deaf := live(func(context.Context, *cobra.Command) []string { time.Sleep(time.Minute); return []string{"late"} })
		if values, directive := deaf(cmd, nil, ""); len(values) > 0 || directive != cobra.ShellCompDirectiveNoFileComp || time.Since(began) != bound {
			t.Errorf("%v, %d after %s", values, directive, time.Since(began))
		}
		began = time.Now()
		slow := live(func(ctx context.Context, _ *cobra.Command) []string {
			<-ctx.Done()
			return []string{"b", "a", "ab", "a", "", "a\nb"}
		})
		if values, _ := slow(cmd, nil, "a"); !slices.Equal(values, []string{"a", "ab"}) || time.Since(began) != askBound {
			t.Errorf("%v after %s", values, time.Since(began))
		}
		time.Sleep(time.Minute) // the deaf one ends
	})
}

// known is a Source of these senders.
type known []stream.Sender

// senders is a history of which nothing else is asked.
type senders struct {
	history.Store
	known
}

func (s senders) Senders(context.Context) ([]stream.Sender, error) { return s.known, nil }

func (known) Installations(context.Context) []state.Installation { return nil }
func (known) Connections() []string                              { return nil }
func (known) Filters() []string                                  { return nil }
func (k known) Open(context.Context, *cobra.Command) (history.Store, func(), error) {
	return senders{known: k}, func() {}, nil
}

// TestTellOffersWhoIsThere completes a broadcaster: what has ended is not offered.
func TestTellOffersWhoIsThere(t *testing.T) {
	cmd := &cobra.Command{}
	cmd.SetContext(t.Context())
	got, _ := tell(known{
		{Sender: "a", Ours: true, State: stream.OnTime}, {Sender: "b", Ours: true, State: stream.Gone}, {Sender: "c", Ours: true, State: stream.Lost},
		{Sender: "d", Ours: true, State: stream.Unknown}, {Sender: "e", State: stream.OnTime},
	})(cmd, nil, "")
	if !slices.Equal(got, []string{"a", "d"}) {
		t.Errorf("%v", got)
	}
}
