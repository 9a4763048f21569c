package switchgear.example;

import java.time.Duration;
import java.util.Map;
import java.util.concurrent.ThreadLocalRandom;
import org.apache.kafka.clients.consumer.Consumer;
import org.springframework.kafka.core.DefaultKafkaConsumerFactory;
import org.springframework.kafka.core.DefaultKafkaProducerFactory;
import org.springframework.kafka.listener.ContainerProperties;
import org.springframework.kafka.listener.KafkaMessageListenerContainer;
import org.springframework.kafka.requestreply.ReplyingKafkaTemplate;
import org.springframework.kafka.support.TopicPartitionOffset;
import org.springframework.kafka.support.TopicPartitionOffset.SeekPosition;
import switchgear.contract.Request;

/**
 * Spring Kafka's ReplyingKafkaTemplate, unchanged. Its reply container is assigned one partition, so
 * the template asks to be answered there.
 */
final class SpringCaller implements AutoCloseable {
  private final DefaultKafkaProducerFactory<String, String> producers;
  private final ReplyingKafkaTemplate<String, String, String> template;

  SpringCaller(String brokers, String replyTopic) throws InterruptedException {
    producers = new DefaultKafkaProducerFactory<>(Settings.producer(brokers));
    var consumers = new DefaultKafkaConsumerFactory<String, String>(Settings.consumer(brokers, null));
    int count;
    try (Consumer<String, String> asked = consumers.createConsumer()) {
      count = asked.partitionsFor(replyTopic).size();
    }
    int partition = ThreadLocalRandom.current().nextInt(count);
    var replies =
        new ContainerProperties(new TopicPartitionOffset(replyTopic, partition, SeekPosition.END));
    replies.setGroupId("switchgear-example"); // Spring asks for one; nothing is committed
    template =
        new ReplyingKafkaTemplate<>(
            producers, new KafkaMessageListenerContainer<>(consumers, replies));
    template.setSharedReplyTopic(true);
    template.setDefaultReplyTimeout(Duration.ofSeconds(60)); // five seconds are too short for a model
    template.start();
    if (!template.waitForAssignment(Duration.ofSeconds(30))) {
      throw new IllegalStateException("the reply container wasn't assigned its partition");
    }
  }

  /** A Done or a Failed. */
  Object submit(Request request) throws Exception {
    var record = Requests.record(request, Map.of());
    return Requests.reply(template.sendAndReceive(record).get().value());
  }

  @Override
  public void close() {
    template.stop(); // its container
    template.destroy(); // its scheduler, whose thread would keep the process alive
    producers.destroy();
  }
}
