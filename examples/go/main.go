// Ask, stream, publish, collect:
//
//	switchgear-example ask     localhost:9092 llm.replies.go "What is a mutex?"
//	switchgear-example stream  localhost:9092 llm.replies.go "What is a mutex?"
//	switchgear-example publish localhost:9092 llm.replies.go 100
//	switchgear-example collect localhost:9092 llm.replies.go my-group
package main

//go:generate mkdir -p contract
//go:generate go tool go-jsonschema --package contract --schema-root-type urn:switchgear:2:request=Request --output contract/request.go ../../docs/schemas/request.json
//go:generate go tool go-jsonschema --package contract --output contract/reply.go ../../docs/schemas/reply.json

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/signal"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

const tenant = "examples"

func main() {
	if len(os.Args) != 5 {
		fmt.Fprintln(os.Stderr, "ask | stream | publish | collect, brokers, reply topic, prompt | count | group")
		os.Exit(2)
	}
	mode, brokers, topic, argument := os.Args[1], strings.Split(os.Args[2], ","), os.Args[3], os.Args[4]
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	var err error
	switch mode {
	case "ask", "stream":
		err = ask(ctx, brokers, topic, argument, mode == "stream")
	case "publish":
		err = publish(ctx, brokers, topic, argument)
	case "collect":
		err = collect(ctx, brokers, topic, argument)
	default:
		err = fmt.Errorf("unknown: %s", mode)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func ask(ctx context.Context, brokers []string, topic, prompt string, stream bool) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	client, err := Connect(ctx, brokers, topic)
	if err != nil {
		return err
	}
	defer client.Close()
	return client.Stream(ctx, Chat(tenant, prompt, stream), func(part Part) { fmt.Println(string(part.JSON)) })
}

func publish(ctx context.Context, brokers []string, topic, number string) error {
	count, err := strconv.Atoi(number)
	if err != nil {
		return err
	}
	kafka, err := kgo.NewClient(kgo.SeedBrokers(brokers...))
	if err != nil {
		return err
	}
	defer kafka.Close()
	for index := range count {
		request := Chat(tenant, fmt.Sprintf("Question %d?", index), false)
		record, err := requestRecord(request, topic)
		if err != nil {
			return err
		}
		if err := kafka.ProduceSync(ctx, record).FirstErr(); err != nil {
			return err
		}
		line(map[string]any{"type": "published", "id": request.Id})
	}
	return nil
}

// collect reads replies as one of a group, until SIGTERM. Members may come and go: a reply may come twice.
func collect(ctx context.Context, brokers []string, topic, group string) error {
	ours := map[int32]bool{}
	// the cooperative protocol tells what is gained and lost, not the whole
	changed := func(gained bool) func(context.Context, *kgo.Client, map[string][]int32) {
		return func(_ context.Context, _ *kgo.Client, partitions map[string][]int32) {
			for _, partition := range partitions[topic] {
				if gained {
					ours[partition] = true
				} else {
					delete(ours, partition)
				}
			}
			line(map[string]any{"type": "assigned", "partitions": slices.Sorted(maps.Keys(ours))})
		}
	}
	kafka, err := kgo.NewClient(
		kgo.SeedBrokers(brokers...),
		kgo.ConsumerGroup(group),
		kgo.ConsumeTopics(topic),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
		kgo.DisableAutoCommit(),
		kgo.SessionTimeout(10*time.Second),
		kgo.OnPartitionsAssigned(changed(true)),
		kgo.OnPartitionsRevoked(changed(false)),
		kgo.OnPartitionsLost(changed(false)),
	)
	if err != nil {
		return err
	}
	defer kafka.Close()
	for {
		fetches := kafka.PollFetches(ctx)
		if ctx.Err() != nil || fetches.IsClientClosed() {
			return nil
		}
		fetches.EachRecord(func(record *kgo.Record) {
			if part, err := ReadPart(record.Value); err == nil && part.Chunk == nil {
				fmt.Println(string(part.JSON))
			}
		})
		// after the records were printed; a rebalance in between repeats some of them
		if err := kafka.CommitUncommittedOffsets(ctx); err != nil && !errors.Is(err, context.Canceled) {
			fmt.Fprintln(os.Stderr, "not committed:", err)
		}
	}
}

func line(value any) {
	text, _ := json.Marshal(value)
	fmt.Println(string(text))
}
