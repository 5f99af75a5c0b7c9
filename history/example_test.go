package history_test

import (
	"context"
	"fmt"
	"log"
	"time"

	"hellox/history"
	"hellox/history/memory"
	"hellox/stream"
	"hellox/stream/filter"
)

// arrival is a message as a subscription hands it on.
func arrival(topic, payload string) stream.Arrival {
	return stream.Arrival{Topic: topic, Payload: []byte(payload), Received: time.Now(), Ack: func() {}}
}

// Pages are read in ID order; Next is where the following page begins.
func ExampleStore() {
	ctx := context.Background()
	store := memory.New(0)
	defer store.Close()
	if err := store.Append(ctx, []stream.Arrival{
		arrival("oven/1", `{"temp":180}`), arrival("oven/2", `{"temp":240}`), arrival("oven/1", `{"temp":250}`),
	}); err != nil {
		log.Fatal(err)
	}
	hot, err := filter.Parse("payload.temp>200")
	if err != nil {
		log.Fatal(err)
	}
	for q := (history.Query{FromStart: true, Limit: 1, Select: history.Select{Filter: hot}}); ; {
		page, err := store.Messages(ctx, q)
		if err != nil {
			log.Fatal(err)
		}
		for _, m := range page.Messages {
			fmt.Println(m.ID, m.Topic, string(m.Payload))
		}
		if page.Next == 0 {
			break
		}
		q.After, q.FromStart = page.Next, false
	}
	// Output:
	// 2 oven/2 {"temp":240}
	// 3 oven/1 {"temp":250}
}

// A Follower begins after an ID and goes on with what comes.
func ExampleFollower() {
	ctx := context.Background()
	store := memory.New(0)
	defer store.Close()
	if err := store.Append(ctx, []stream.Arrival{arrival("oven/1", "180"), arrival("oven/1", "190")}); err != nil {
		log.Fatal(err)
	}
	follower := store.Follow(history.Follow{After: 1})
	defer follower.Close()
	if err := store.Append(ctx, []stream.Arrival{arrival("oven/1", "200")}); err != nil {
		log.Fatal(err)
	}
	for seen := int64(1); seen < 3; {
		events, err := follower.Next(ctx)
		if err != nil {
			log.Fatal(err)
		}
		for _, e := range events {
			if m := e.Message; m != nil {
				fmt.Println(m.ID, string(m.Payload))
				seen = m.ID
			}
		}
	}
	// Output:
	// 2 190
	// 3 200
}
