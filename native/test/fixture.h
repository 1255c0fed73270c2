// Reading fixtures: fields of their JSON, and the numbers that their inputs are made of.
#pragma once

#include <cstdlib>
#include <fstream>
#include <sstream>
#include <stdexcept>
#include <string>
#include <variant>

#include "../engine/json.h"

namespace fixture {

inline pathpress::JsonValue read(const std::string& path) {
  std::ifstream file(path);
  std::stringstream text;
  text << file.rdbuf();
  return pathpress::parseJson(text.str());
}

inline const pathpress::JsonValue* find(const pathpress::JsonValue& object, const std::string& name) {
  for (const auto& [key, value] : *object.object())
    if (key == name) return &value;
  return nullptr;
}

inline const pathpress::JsonValue& field(const pathpress::JsonValue& object, const std::string& name) {
  if (const pathpress::JsonValue* value = find(object, name)) return *value;
  throw std::runtime_error("fixture lacks " + name);
}

inline double number(const pathpress::JsonValue& value) {
  return std::strtod(std::get<pathpress::JsonNumber>(value.value).text.c_str(), nullptr);
}
inline int64_t count(const pathpress::JsonValue& object, const std::string& name) {
  return static_cast<int64_t>(number(field(object, name)));
}

inline uint32_t mix(uint32_t x) {
  x ^= x >> 16;
  x *= 0x7feb352du;
  x ^= x >> 15;
  x *= 0x846ca68bu;
  return x ^ (x >> 16);
}

// `element` of data/fixtures/elements.py.
inline float element(uint32_t seed, int tensor, int64_t head, int64_t position, int64_t channel) {
  uint32_t x = mix(seed);
  for (const int64_t word : {int64_t{tensor}, head, position, channel})
    x = mix((x ^ static_cast<uint32_t>(word)) * 0x9e3779b1u);
  return static_cast<float>((x >> 8) * 0x1p-23 - 1.0);
}

}  // namespace fixture
