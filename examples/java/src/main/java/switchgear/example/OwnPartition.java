package switchgear.example;

import java.nio.charset.StandardCharsets;
import java.security.SecureRandom;
import java.time.Duration;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.header.Header;
import switchgear.contract.Chunk;
import switchgear.contract.Request;

/** A streamed answer with plain kafka-clients: one partition of the reply topic, without a group. */
final class OwnPartition implements AutoCloseable {
  private final KafkaConsumer<String, String> consumer;
  private final KafkaProducer<String, String> producer;
  private final TopicPartition partition;
  private final String nonce;

  OwnPartition(String brokers, String replyTopic) {
    consumer = new KafkaConsumer<>(Settings.consumer(brokers, null));
    producer = new KafkaProducer<>(Settings.producer(brokers));
    SecureRandom random = new SecureRandom();
    int count = consumer.partitionsFor(replyTopic).size();
    partition = new TopicPartition(replyTopic, random.nextInt(count));
    byte[] bytes = new byte[8];
    random.nextBytes(bytes);
    nonce = HexFormat.of().formatHex(bytes);
    consumer.assign(List.of(partition));
    consumer.seekToEnd(List.of(partition));
    consumer.position(partition); // settled before anything is asked
  }

  /** Chunks, each once and of the newest run, then the final reply. */
  void stream(Request request, Duration timeout, Consumer<Object> each) {
    long deadline = System.currentTimeMillis() + timeout.toMillis();
    Map<String, String> headers =
        Map.of(
            "reply_to", partition.topic(),
            "x-reply-partition", Integer.toString(partition.partition()),
            "x-reply-nonce", nonce,
            "x-deadline", Long.toString(deadline));
    producer.send(Requests.record(request, headers));
    producer.flush();
    long run = 0;
    long next = 0;
    while (System.currentTimeMillis() < deadline) {
      for (ConsumerRecord<String, String> record : consumer.poll(Duration.ofMillis(500))) {
        if (!request.getId().equals(record.key()) || !isOurs(record)) {
          continue;
        }
        Object part = Requests.reply(record.value());
        if (!(part instanceof Chunk chunk)) {
          each.accept(part);
          return;
        }
        // delivery is at least once, and a takeover begins anew with a higher run; after a gap (the
        // request was sent again while its stream was under way) the final reply tells all
        boolean begins = chunk.getRun() > run && chunk.getSeq() == 0;
        if (!begins && (chunk.getRun() != run || chunk.getSeq() != next)) {
          continue;
        }
        run = chunk.getRun();
        next = chunk.getSeq() + 1;
        each.accept(chunk);
      }
    }
    throw new IllegalStateException("no reply to " + request.getId() + " in time");
  }

  @Override
  public void close() {
    producer.close();
    consumer.close();
  }

  private boolean isOurs(ConsumerRecord<String, String> record) {
    Header header = record.headers().lastHeader("x-reply-nonce");
    return header != null && nonce.equals(new String(header.value(), StandardCharsets.UTF_8));
  }
}
