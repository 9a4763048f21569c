package switchgear.example;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import org.apache.kafka.clients.producer.ProducerRecord;
import switchgear.contract.ChatBody;
import switchgear.contract.ChatMessage;
import switchgear.contract.Chunk;
import switchgear.contract.Done;
import switchgear.contract.Failed;
import switchgear.contract.Request;

/** Requests and replies as records, after docs/contract.md; the types are made from docs/schemas. */
final class Requests {
  static final String TOPIC = "llm.requests";
  private static final ObjectMapper JSON = new ObjectMapper();

  private Requests() {}

  static Request chat(String tenant, String prompt, boolean stream) {
    ChatMessage message = new ChatMessage().withRole(ChatMessage.Role.USER).withContent(prompt);
    ChatBody body = new ChatBody().withMessages(List.of(message)).withStream(stream);
    String id = UUID.randomUUID().toString();
    return new Request().withId(id).withTenant(tenant).withBody(body);
  }

  static ProducerRecord<String, String> record(Request request, Map<String, String> headers) {
    ProducerRecord<String, String> record =
        new ProducerRecord<>(TOPIC, request.getId(), json(request));
    add(record, "correlation_id", request.getId());
    add(record, "content-type", "application/json");
    add(record, "x-schema", "switchgear/2");
    add(record, "x-submitted", Long.toString(System.currentTimeMillis()));
    headers.forEach((name, value) -> add(record, name, value));
    return record;
  }

  /** A {@link Chunk}, {@link Done} or {@link Failed}. */
  static Object reply(String value) {
    try {
      JsonNode node = JSON.readTree(value);
      Class<?> kind =
          switch (node.path("type").asText()) {
            case "chunk" -> Chunk.class;
            case "done" -> Done.class;
            case "failed" -> Failed.class;
            default -> throw new IllegalArgumentException("a reply of an unknown type");
          };
      return JSON.treeToValue(node, kind);
    } catch (JsonProcessingException error) {
      throw new IllegalArgumentException("a reply that isn't one", error);
    }
  }

  static String json(Object value) {
    try {
      return JSON.writeValueAsString(value);
    } catch (JsonProcessingException error) {
      throw new IllegalStateException(error);
    }
  }

  private static void add(ProducerRecord<String, String> record, String name, String value) {
    record.headers().add(name, value.getBytes(StandardCharsets.UTF_8));
  }
}
