// Seeded damage to a small checkpoint and its configuration: every mutant is read inside its bounds or refused with a
// code, naming the file and, where there is one, the tensor. Arguments: check.h.
#include <unistd.h>

#include <array>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <limits>
#include <memory>
#include <random>

#include "../engine/errors.h"
#include "../models/model.h"
#include "check.h"

using namespace pathpress;

namespace {

const std::string path = (std::filesystem::temp_directory_path() / ("pathpress-mutant-" + std::to_string(::getpid()))).string();

class Mutator {
 public:
  explicit Mutator(uint64_t seed) : random_(seed) {}

  size_t below(size_t limit) { return limit == 0 ? 0 : random_() % limit; }
  template <class T, size_t n>
  T pick(const std::array<T, n>& from) { return from[below(n)]; }

  void file(std::string& bytes) {
    for (size_t n = 1 + below(4); n > 0; --n) damage(bytes);
  }

  // Most damage to the header would be met as a wrong length: three of four files get their length put right.
  std::string checkpoint(const std::string& header, const std::string& data) {
    std::string text = header, body = data;
    if (below(4) != 0) file(text);
    if (below(4) == 0) file(body);
    uint64_t length = below(4) == 0 ? interesting() : text.size();
    std::string bytes(8, '\0');
    std::memcpy(bytes.data(), &length, 8);
    bytes += text + body;
    if (below(4) == 0) file(bytes);
    return bytes;
  }

  void config(ModelConfig& config) {
    const std::array counts = {&config.layers,  &config.hidden,  &config.intermediate, &config.heads,
                               &config.kvHeads, &config.headDim, &config.vocab};
    const std::array reals = {&config.normEpsilon, &config.ropeTheta, &config.ropeFraction, &config.ropeScaling.factor,
                              &config.ropeScaling.lowFrequencyFactor, &config.ropeScaling.highFrequencyFactor,
                              &config.ropeScaling.originalPositions,   &config.ropeScaling.betaFast,
                              &config.ropeScaling.betaSlow,            &config.ropeScaling.attentionFactor};
    const std::array flags = {&config.tiedEmbeddings, &config.attentionBias, &config.mlpBias};
    constexpr double inf = std::numeric_limits<double>::infinity();
    for (size_t n = 1 + below(3); n > 0; --n) {
      switch (below(5)) {
        case 0: *pick(counts) = static_cast<int>(interesting()); break;
        case 1: *pick(counts) = 1 + static_cast<int>(below(6)); break;
        case 2: *pick(reals) = pick(std::array{0.0, -1.0, 1e-320, 1e300, inf, -inf, std::nan(""), 1.0, 8.0}); break;
        case 3: *pick(flags) ^= true; break;
        default:
          config.family = pick(std::array{"llama", "qwen2", "qwen3", "glm4", "chatglm", "", "mamba", "llama\xff"});
          config.ropeScaling.type = pick(std::array{"default", "llama3", "yarn", "linear", "longrope", ""});
      }
    }
  }

 private:
  uint64_t interesting() {
    return pick(std::array<uint64_t, 12>{0, 1, 2, 7, 8, 255, 65536, uint64_t{1} << 31, (uint64_t{1} << 32) - 1,
                                         uint64_t{1} << 62, uint64_t{1} << 63, ~uint64_t{0}});
  }

  void damage(std::string& bytes) {
    const size_t at = below(bytes.size()), length = below(std::min<size_t>(bytes.size() - at, 40) + 1);
    switch (below(10)) {
      case 0: if (!bytes.empty()) bytes[at] = static_cast<char>(bytes[at] ^ 1 << below(8)); break;
      case 1: if (!bytes.empty()) bytes[at] = static_cast<char>(random_()); break;
      case 2: bytes.insert(at, 1, static_cast<char>(random_())); break;
      case 3: bytes.erase(at, length); break;
      case 4: bytes.insert(below(bytes.size() + 1), bytes.substr(at, length)); break;
      case 5: bytes.resize(at); break;
      case 6: bytes.append(below(64), static_cast<char>(random_())); break;
      case 7: bytes.insert(at, std::string(below(40), pick(std::array{'[', '{', '"', '9', '\\'}))); break;
      case 8: bytes.insert(at, pick(std::array{"\\ud800", "\"w\":", "\xc0\xaf", "null", "F64", "\"__metadata__\":{},"})); break;
      default: number(bytes, at);
    }
  }

  // Another number in place of the next one from `at` on.
  void number(std::string& bytes, size_t at) {
    const size_t begin = bytes.find_first_of("0123456789", at);
    if (begin == std::string::npos) return;
    const size_t end = std::min(bytes.find_first_not_of("0123456789", begin), bytes.size());
    const std::string other = below(4) == 0 ? pick(std::array{"-1", "1e3", "0.5", "00", "-0", "18446744073709551616"})
                                            : std::to_string(interesting());
    bytes.replace(begin, end - begin, other);
  }

  std::mt19937_64 random_;
};

// A model of one layer, hidden 4, as llama names its tensors.
struct Sound {
  ModelConfig config;
  std::string header = R"({"__metadata__":{"format":"pt"})", data;

  Sound() {
    config.family = "llama";
    config.layers = 1;
    config.hidden = config.vocab = config.intermediate = 4;
    config.heads = 2;
    config.kvHeads = 1;
    config.headDim = 2;
    const std::string layer = "model.layers.0.";
    add("model.embed_tokens.weight", 4, 4);
    add("model.norm.weight", 4, 0);
    add("lm_head.weight", 4, 4);
    add(layer + "input_layernorm.weight", 4, 0);
    add(layer + "post_attention_layernorm.weight", 4, 0);
    for (const char* name : {"q", "o"}) add(layer + "self_attn." + name + "_proj.weight", 4, 4);
    for (const char* name : {"k", "v"}) add(layer + "self_attn." + name + "_proj.weight", 2, 4);
    for (const char* name : {"gate", "up", "down"}) add(layer + "mlp." + name + "_proj.weight", 4, 4);
    header += "}";
  }

  void add(const std::string& name, size_t rows, size_t cols) {
    const size_t begin = data.size();
    data.append(rows * std::max<size_t>(cols, 1) * 2, '\x3c');  // bfloat16 0.0115
    header += ",\"" + name + R"(":{"dtype":"BF16","shape":[)" + std::to_string(rows) +
              (cols ? "," + std::to_string(cols) : "") + R"(],"data_offsets":[)" + std::to_string(begin) + "," +
              std::to_string(data.size()) + "]}";
  }
};

bool typed(const EngineError& error) {
  const std::string what = error.what();
  const bool named = what.starts_with(path + ": ");
  if (error.code == "BAD_FILE") return named;
  if (error.code == "BAD_TENSOR" || error.code == "BAD_WEIGHTS") return named && what.find("tensor \"") != std::string::npos;
  return (error.code == "BAD_CONFIG" || error.code == "UNKNOWN_FAMILY") && what.starts_with("config.json: ");
}

struct Tally {
  uint64_t good = 0, refused = 0;

  template <class F>
  void take(uint64_t number, F&& run) {
    const auto wrong = [number](const std::string& what) { CHECK_CASE(false, "case " + std::to_string(number) + ": " + what); };
    try {
      run();
      ++good;
    } catch (const EngineError& error) {
      ++refused;
      if (!typed(error)) wrong(error.code + " " + error.what());
    } catch (const std::exception& error) {
      wrong(std::string("untyped ") + error.what());
    }
  }
};

// On the heap and of exactly its size, so that the address sanitizer sees a read past its end.
void parse(const std::string& bytes) {
  const auto exact = std::make_unique<std::byte[]>(bytes.size());
  std::memcpy(exact.get(), bytes.data(), bytes.size());
  unsigned sum = 0;
  for (const TensorEntry& entry : readSafetensors(exact.get(), bytes.size(), path)) {
    for (size_t i = 0; i < entry.bytes; ++i) sum += static_cast<unsigned>(exact[entry.begin + i]);
  }
  [[maybe_unused]] const volatile unsigned used = sum;
}

void load(const ModelConfig& config, const std::string& bytes) {
  std::ofstream(path, std::ios::binary) << bytes;
  loadModel(config, {path}, 1);
}

void mutations(const check::Soak& soak) {
  const Sound sound;
  Tally parsed, loaded;
  for (uint64_t i = soak.first; i < soak.first + soak.count; ++i) {
    soak.at(i, 2000);
    Mutator mutator(soak.seedOf(i));
    const std::string bytes = mutator.checkpoint(sound.header, sound.data);
    parsed.take(i, [&] { parse(bytes); });
    if (i % 8 != 0) continue;
    ModelConfig config = sound.config;
    if (i % 16 == 0) mutator.config(config);
    const std::string file = i % 32 == 0 ? mutator.checkpoint(sound.header, "") + sound.data : bytes;
    loaded.take(i, [&] { load(config, file); });
  }
  std::printf("headers: %llu read, %llu refused; models: %llu loaded, %llu refused\n",
              static_cast<unsigned long long>(parsed.good), static_cast<unsigned long long>(parsed.refused),
              static_cast<unsigned long long>(loaded.good), static_cast<unsigned long long>(loaded.refused));
  if (soak.count >= 1000) CHECK(parsed.good > 0 && parsed.refused > soak.count / 2 && loaded.refused > 0);
}

// Each is refused before a tensor is looked at, and the message names the field.
void hostileConfigs() {
  struct Case {
    const char* says;
    void (*spoil)(ModelConfig&);
  };
  const Case cases[] = {
      {"num_hidden_layers 0 ", [](ModelConfig& c) { c.layers = 0; }},
      {"num_hidden_layers 1025 ", [](ModelConfig& c) { c.layers = 1025; }},
      {"hidden_size -4 ", [](ModelConfig& c) { c.hidden = -4; }},
      {"hidden_size 2147483647 ", [](ModelConfig& c) { c.hidden = std::numeric_limits<int>::max(); }},
      {"intermediate_size 0 ", [](ModelConfig& c) { c.intermediate = 0; }},
      {"num_attention_heads 0 ", [](ModelConfig& c) { c.heads = 0; }},
      {"num_key_value_heads 0 ", [](ModelConfig& c) { c.kvHeads = 0; }},
      {"num_key_value_heads 4 ", [](ModelConfig& c) { c.kvHeads = 4; }},
      {"not a multiple", [](ModelConfig& c) { c.heads = 3, c.kvHeads = 2; }},
      {"33 query heads share a key-value head", [](ModelConfig& c) { c.heads = 33; }},
      {"head_dim 3 is odd", [](ModelConfig& c) { c.headDim = 3; }},
      {"head_dim 1026 ", [](ModelConfig& c) { c.headDim = 1026; }},
      {"vocab_size 0 ", [](ModelConfig& c) { c.vocab = 0; }},
      {"rms_norm_eps", [](ModelConfig& c) { c.normEpsilon = std::nan(""); }},
      {"rope_theta 0 ", [](ModelConfig& c) { c.ropeTheta = 0; }},
      {"rope_theta 1e+300 ", [](ModelConfig& c) { c.ropeTheta = 1e300; }},
      {"rope_theta inf ", [](ModelConfig& c) { c.ropeTheta = std::numeric_limits<double>::infinity(); }},
      {"partial_rotary_factor 0.5 is not supported in family llama", [](ModelConfig& c) { c.ropeFraction = 0.5; }},
      {"partial_rotary_factor 1.5 is not above 0", [](ModelConfig& c) { c.family = "glm4", c.ropeFraction = 1.5; }},
      {"partial_rotary_factor -1 is not above 0", [](ModelConfig& c) { c.family = "glm4", c.ropeFraction = -1; }},
      {"partial_rotary_factor nan is not above 0", [](ModelConfig& c) { c.family = "glm4", c.ropeFraction = std::nan(""); }},
      {"of head_dim 2 is 1 channels", [](ModelConfig& c) { c.family = "glm4"; }},
      {"rope_scaling type \"longrope\"", [](ModelConfig& c) { c.ropeScaling.type = "longrope"; }},
      {"rope_scaling linear needs", [](ModelConfig& c) { c.ropeScaling = {"linear", -1}; }},
      {"rope_scaling yarn needs", [](ModelConfig& c) { c.ropeScaling = {"yarn", 4, 1, 4, 0}; }},
      {"rope_scaling yarn needs", [](ModelConfig& c) { c.ropeScaling = {"yarn", 4, 1, 4, 64, 32, 0}; }},
      {"rope_scaling llama3 needs", [](ModelConfig& c) { c.ropeScaling = {"llama3", 0, 1, 4, 8192}; }},
      {"rope_scaling llama3 needs", [](ModelConfig& c) { c.ropeScaling = {"llama3", 8, 4, 4, 8192}; }},
  };
  for (const Case& c : cases) {
    ModelConfig config = Sound().config;
    c.spoil(config);
    std::string got = "none";
    try {
      loadModel(config, {"absent"}, 1);
    } catch (const EngineError& error) {
      got = error.code + " " + error.what();
    }
    CHECK_CASE(got.starts_with("BAD_CONFIG config.json: ") && got.find(c.says) != std::string::npos, got + ", not " + c.says);
  }
}

void unharmed() {
  const Sound sound;
  const uint64_t length = sound.header.size();
  std::string bytes(8, '\0');
  std::memcpy(bytes.data(), &length, 8);
  Tally tally;
  tally.take(0, [&] { load(sound.config, bytes + sound.header + sound.data); });
  CHECK(tally.good == 1);
}

}  // namespace

int main(int argc, char** argv) {
  unharmed();
  hostileConfigs();
  mutations(check::Soak(argc, argv, 20'000));
  std::filesystem::remove(path);
  return checks();
}
