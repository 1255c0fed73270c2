// A small strict JSON reader for safetensors headers: RFC 8259, UTF-8 checked, duplicate keys and deep nesting refused.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace pathpress {

struct JsonValue;
using JsonArray = std::vector<JsonValue>;
using JsonObject = std::vector<std::pair<std::string, JsonValue>>;  // in file order, keys distinct

// A number keeps its text, so that 64-bit integers come through exactly.
struct JsonNumber {
  std::string text;
};

struct JsonValue {
  std::variant<std::nullptr_t, bool, JsonNumber, std::string, JsonArray, JsonObject> value;

  const JsonObject* object() const { return std::get_if<JsonObject>(&value); }
  const JsonArray* array() const { return std::get_if<JsonArray>(&value); }
  const std::string* string() const { return std::get_if<std::string>(&value); }
  // True where the value is a non-negative integer that fits 64 bits, which goes to `out`.
  bool unsignedInteger(uint64_t& out) const;
};

// Throws std::invalid_argument naming the byte offset.
JsonValue parseJson(std::string_view text);

}  // namespace pathpress
