// Requests and replies over franz-go, after docs/contract.md.

package main

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math/big"
	"strconv"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"switchgear.example/contract"
)

// Part is one record of a reply: exactly one of its fields is set.
type Part struct {
	Chunk  *contract.Chunk
	Done   *contract.Done
	Failed *contract.Failed
	// JSON is the record as it came.
	JSON json.RawMessage
}

// ReadPart reads a reply by its type.
func ReadPart(value []byte) (Part, error) {
	var head struct {
		Type string `json:"type"`
	}
	if err := json.Unmarshal(value, &head); err != nil {
		return Part{}, err
	}
	part := Part{JSON: value}
	switch head.Type {
	case "chunk":
		part.Chunk = new(contract.Chunk)
		return part, json.Unmarshal(value, part.Chunk)
	case "done":
		part.Done = new(contract.Done)
		return part, json.Unmarshal(value, part.Done)
	case "failed":
		part.Failed = new(contract.Failed)
		return part, json.Unmarshal(value, part.Failed)
	}
	return Part{}, fmt.Errorf("a reply of type %q isn't known", head.Type)
}

// Client hears the replies to this process alone: it reads one partition of the reply topic.
type Client struct {
	kafka      *kgo.Client
	replyTopic string
	partition  int32
	nonce      string
	lock       sync.Mutex
	waiting    map[string]chan Part
}

// Connect chooses a partition at random, and reads it from its end.
func Connect(ctx context.Context, brokers []string, replyTopic string) (*Client, error) {
	asked, err := kgo.NewClient(kgo.SeedBrokers(brokers...))
	if err != nil {
		return nil, err
	}
	defer asked.Close()
	ends, err := kadm.NewClient(asked).ListEndOffsets(ctx, replyTopic)
	if err != nil {
		return nil, err
	}
	partitions := ends.Offsets()[replyTopic]
	if len(partitions) == 0 {
		return nil, fmt.Errorf("the reply topic %s doesn't exist", replyTopic)
	}
	chosen, err := rand.Int(rand.Reader, big.NewInt(int64(len(partitions))))
	if err != nil {
		return nil, err
	}
	partition := int32(chosen.Int64())
	end := kgo.NewOffset().At(partitions[partition].At)
	kafka, err := kgo.NewClient(
		kgo.SeedBrokers(brokers...),
		kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{replyTopic: {partition: end}}),
	)
	if err != nil {
		return nil, err
	}
	nonce := make([]byte, 8)
	_, _ = rand.Read(nonce)
	client := &Client{
		kafka: kafka, replyTopic: replyTopic, partition: partition,
		nonce: hex.EncodeToString(nonce), waiting: map[string]chan Part{},
	}
	go client.hear()
	return client, nil
}

// Close ends it; who waits for a reply gets none.
func (client *Client) Close() { client.kafka.Close() }

func (client *Client) hear() {
	for {
		fetches := client.kafka.PollFetches(context.Background())
		if fetches.IsClientClosed() {
			return
		}
		fetches.EachRecord(func(record *kgo.Record) {
			// whoever chose the same partition reads other replies there, and so do we
			if header(record, "x-reply-nonce") != client.nonce {
				return
			}
			client.lock.Lock()
			parts := client.waiting[string(record.Key)]
			client.lock.Unlock()
			if parts == nil {
				return
			}
			if part, err := ReadPart(record.Value); err == nil {
				parts <- part
			}
		})
	}
}

// Submit gives the final reply: Done or Failed.
func (client *Client) Submit(ctx context.Context, request contract.Request) (Part, error) {
	var final Part
	err := client.Stream(ctx, request, func(part Part) { final = part })
	return final, err
}

// Stream calls each with the chunks, each once and of the newest run, and with the final reply.
func (client *Client) Stream(ctx context.Context, request contract.Request, each func(Part)) error {
	parts := make(chan Part, 1024)
	client.lock.Lock()
	client.waiting[request.Id] = parts
	client.lock.Unlock()
	defer func() {
		client.lock.Lock()
		delete(client.waiting, request.Id)
		client.lock.Unlock()
	}()
	more := []kgo.RecordHeader{
		{Key: "x-reply-partition", Value: []byte(strconv.Itoa(int(client.partition)))},
		{Key: "x-reply-nonce", Value: []byte(client.nonce)},
	}
	if deadline, ok := ctx.Deadline(); ok {
		millis := strconv.FormatInt(deadline.UnixMilli(), 10)
		more = append(more, kgo.RecordHeader{Key: "x-deadline", Value: []byte(millis)})
	}
	record, err := requestRecord(request, client.replyTopic, more...)
	if err != nil {
		return err
	}
	if err := client.kafka.ProduceSync(ctx, record).FirstErr(); err != nil {
		return err
	}
	run, next := 0, 0
	for {
		select {
		case <-ctx.Done():
			return fmt.Errorf("no reply to %s: %w", request.Id, ctx.Err())
		case part := <-parts:
			if part.Chunk == nil {
				each(part)
				return nil
			}
			// delivery is at least once, and a takeover begins anew with a higher run; after a gap (the
			// request was sent again while its stream was under way) the final reply tells all
			begins := part.Chunk.Run > run && part.Chunk.Seq == 0
			if !begins && (part.Chunk.Run != run || part.Chunk.Seq != next) {
				continue
			}
			run, next = part.Chunk.Run, part.Chunk.Seq+1
			each(part)
		}
	}
}

// Chat is a request with a fresh id.
func Chat(tenant, prompt string, stream bool) contract.Request {
	id := make([]byte, 16)
	_, _ = rand.Read(id)
	message := contract.ChatMessage{Role: "user", Content: &prompt}
	body := contract.ChatBody{Model: "auto", Stream: stream, Messages: []contract.ChatMessage{message}}
	return contract.Request{Id: hex.EncodeToString(id), Tenant: tenant, Body: body}
}

func requestRecord(request contract.Request, replyTopic string, more ...kgo.RecordHeader) (*kgo.Record, error) {
	value, err := json.Marshal(request)
	if err != nil {
		return nil, err
	}
	headers := []kgo.RecordHeader{
		{Key: "correlation_id", Value: []byte(request.Id)},
		{Key: "reply_to", Value: []byte(replyTopic)},
		{Key: "content-type", Value: []byte("application/json")},
		{Key: "x-schema", Value: []byte("switchgear/2")},
		{Key: "x-submitted", Value: []byte(strconv.FormatInt(time.Now().UnixMilli(), 10))},
	}
	return &kgo.Record{
		Topic: "llm.requests", Key: []byte(request.Id), Value: value, Headers: append(headers, more...),
	}, nil
}

func header(record *kgo.Record, name string) string {
	for _, header := range record.Headers {
		if header.Key == name {
			return string(header.Value)
		}
	}
	return ""
}
