package switchgear.example;

import java.time.Duration;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import org.apache.kafka.clients.consumer.CommitFailedException;
import org.apache.kafka.clients.consumer.ConsumerRebalanceListener;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.RebalanceInProgressException;
import org.apache.kafka.common.errors.WakeupException;
import switchgear.contract.Chunk;
import switchgear.contract.Request;

/**
 * Ask, stream, publish, collect.
 *
 * <pre>
 * java -cp 'target/switchgear-example-1.jar:target/lib/*' switchgear.example.Main \
 *   ask     localhost:9092 llm.replies.java "What is a mutex?"
 *   stream  localhost:9092 llm.replies.java "What is a mutex?"
 *   publish localhost:9092 llm.replies.java 100
 *   collect localhost:9092 llm.replies.java my-group
 * </pre>
 */
public final class Main {
  private static final String TENANT = "examples";

  private Main() {}

  public static void main(String[] arguments) throws Exception {
    String brokers = arguments[1];
    String topic = arguments[2];
    switch (arguments[0]) {
      case "ask" -> {
        try (SpringCaller caller = new SpringCaller(brokers, topic)) {
          print(caller.submit(Requests.chat(TENANT, arguments[3], false)));
        }
      }
      case "stream" -> {
        try (OwnPartition caller = new OwnPartition(brokers, topic)) {
          Request request = Requests.chat(TENANT, arguments[3], true);
          caller.stream(request, Duration.ofSeconds(60), Main::print);
        }
      }
      case "publish" -> publish(brokers, topic, Integer.parseInt(arguments[3]));
      case "collect" -> collect(brokers, topic, arguments[3]);
      default -> throw new IllegalArgumentException("unknown: " + arguments[0]);
    }
  }

  private static void publish(String brokers, String topic, int count) {
    try (var producer = new KafkaProducer<String, String>(Settings.producer(brokers))) {
      for (int number = 0; number < count; number++) {
        Request request = Requests.chat(TENANT, "Question " + number + "?", false);
        producer.send(Requests.record(request, Map.of("reply_to", topic)));
        producer.flush();
        print(Map.of("type", "published", "id", request.getId()));
      }
    }
  }

  /** Reads replies as one of a group, until SIGTERM. Members may come and go: a reply may come twice. */
  private static void collect(String brokers, String topic, String group)
      throws InterruptedException {
    var consumer = new KafkaConsumer<String, String>(Settings.consumer(brokers, group));
    Thread reader = Thread.currentThread();
    Runtime.getRuntime()
        .addShutdownHook(
            new Thread(
                () -> {
                  consumer.wakeup();
                  try {
                    reader.join();
                  } catch (InterruptedException error) {
                    Thread.currentThread().interrupt();
                  }
                }));
    consumer.subscribe(
        List.of(topic),
        new ConsumerRebalanceListener() {
          @Override
          public void onPartitionsAssigned(Collection<TopicPartition> partitions) {
            List<Integer> numbers = partitions.stream().map(TopicPartition::partition).toList();
            print(Map.of("type", "assigned", "partitions", numbers));
          }

          @Override
          public void onPartitionsRevoked(Collection<TopicPartition> partitions) {
            // what was printed is committed after each poll
          }
        });
    try {
      while (true) {
        for (ConsumerRecord<String, String> record : consumer.poll(Duration.ofMillis(500))) {
          Object part = Requests.reply(record.value());
          if (!(part instanceof Chunk)) {
            print(part);
          }
        }
        try {
          consumer.commitSync();
        } catch (RebalanceInProgressException | CommitFailedException error) {
          System.err.println("not committed, so some replies come again: " + error.getMessage());
        }
      }
    } catch (WakeupException ended) {
      // SIGTERM
    } finally {
      consumer.close();
    }
  }

  private static synchronized void print(Object value) {
    System.out.println(value instanceof String text ? text : Requests.json(value));
    System.out.flush();
  }
}
