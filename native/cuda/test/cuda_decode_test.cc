// Whole decode steps of small models of each family: the CPU engine's tokens, its logits within a bound, whatever else
// is in the batch; what a step moves; and pages that come back.
#include "../../engine/random.h"
#include "closeness.h"
#include "decode_world.h"

namespace pathpress::cuda {
namespace {

// In deviations of a row's logits, as in cuda_layer_test, over several layers and a cache that both fill. Two tokens
// closer to each other than that may change places: the seeds are such that none that matters does.
constexpr float bound = 0.05f;

struct Case {
  const char* family;
  int layers, kvHeads;
  uint64_t seed;
};

const DecoderLimits limits{3, 32, 3, 8, 96, 0};

void tokens() {
  for (const Case& c : {Case{"llama", 3, 2, 3}, {"qwen2", 2, 1, 4}, {"qwen3", 2, 2, 5}, {"glm4", 2, 4, 3}}) {
    const DrawnModel drawn(configOf(c.family, c.layers, c.kvHeads), DType::bf16, c.seed, deviation);
    const auto model = loadModel(drawn.config, {drawn.path}, 1);
    const std::vector<Prompt> prompts = promptsOf({3, 11, 30}, drawn.config.vocab, {});
    TestDevice device(shuffled(6));
    Decoder decoder(device, upload(device, *model, limits.positions), limits);
    constexpr int count = 34;  // over a page's edge from the longest prompt on
    const std::vector<Generated> want = onCpu(drawn, prompts, count), got = onDevice(decoder, prompts, count);
    float most = 0;
    for (size_t i = 0; i < want.size(); ++i) {
      const size_t same = comparable(got[i], want[i], bound);
      const std::string name = std::string("decode ") + c.family + ", sequence " + std::to_string(i);
      noneWrong(!sameTokens(got[i], want[i], same), name + ", its first " + std::to_string(same) + " tokens");
      most = std::max(most, difference(got[i], want[i], same));
    }
    std::printf("decode %s: logits within %.4f deviations\n", c.family, static_cast<double>(most));
    within(bound, most, "deviations", std::string("decode ") + c.family);
    CHECK_CASE(device.faults().none(), device.faults().text());
  }
}

// Each token is the one that the CPU engine's sampler draws from the same logits.
void sampled() {
  const Sampling sampling{.temperature = 0.8, .topP = 0.9, .topK = 20, .minP = 0.01, .seed = 77};
  const DrawnModel drawn(configOf("qwen3", 1, 2), DType::bf16, 5, deviation);
  TestDevice device(forward);
  Decoder decoder(device, upload(device, *loadModel(drawn.config, {drawn.path}, 1), limits.positions), limits);
  const std::vector<Generated> got = onDevice(decoder, promptsOf({3, 11}, drawn.config.vocab, sampling), 8);
  SamplerScratch scratch;
  for (size_t i = 0; i < got.size(); ++i) {
    for (size_t t = 0; t < got[i].ids.size(); ++t) {
      const int32_t stream[2] = {static_cast<int32_t>(i), 0};
      const double random = uniform(sampling.seed, stream, t);
      CHECK(got[i].ids[t] == sample(selectKernels("scalar"), got[i].logits[t], sampling, random, scratch));
    }
  }
  CHECK(got[0].ids != got[1].ids);
}

// The law of the engine: the same bits alone, and the prompt in pieces, as in a batch with strangers.
void aloneAndTogether() {
  const DrawnModel drawn(configOf("qwen2", 2, 2), DType::bf16, 8, deviation);
  const auto model = loadModel(drawn.config, {drawn.path}, 1);
  const std::vector<Prompt> prompts = promptsOf({9, 31}, drawn.config.vocab, {.temperature = 1, .seed = 9});
  TestDevice device(forward), other(reverse);
  Decoder together(device, upload(device, *model, 96), limits), alone(other, upload(other, *model, 96), limits);
  const std::vector<Generated> all = onDevice(together, prompts, 5), one = onDevice(alone, {prompts[1]}, 5, 1);
  noneWrong(one[0].ids != all[1].ids || one[0].logits != all[1].logits, "decode alone and in a batch");

  alone.end(0);
  CHECK(alone.freePages() == limits.poolPages);
  alone.begin(0, {1, 1, 0, 9, {1, 0}, 0}, {});
  CHECK(alone.reserve(0, 36));
  for (size_t at = 0; at < 31; at += 10) {
    std::vector<Decoder::Row> rows;
    for (size_t i = at; i < std::min(at + 10, size_t{31}); ++i) rows.push_back({0, prompts[1].ids[i], i == 30});
    CHECK(alone.run(rows));
  }
  CHECK(alone.drawn(0) == all[1].ids[0] && alone.logits(0) == all[1].logits[0] && alone.entries(0) == 31);
}

// Likewise among more than a product's smallest kernels have columns for, and a prompt of so many rows at once.
void amongMany() {
  const DrawnModel drawn(configOf("qwen3", 1, 2), DType::bf16, 8, deviation);
  const auto model = loadModel(drawn.config, {drawn.path}, 1);
  constexpr int sequences = 70;
  std::vector<int> lengths(sequences, 1);
  lengths[5] = 90;
  const std::vector<Prompt> prompts = promptsOf(lengths, drawn.config.vocab, {.temperature = 1, .seed = 9});
  TestDevice device(forward), other(reverse);
  Decoder together(device, upload(device, *model, 96), {sequences, 96, 3, sequences + 2, 96, 0});
  Decoder alone(other, upload(other, *model, 96), {2, 32, 3, 4, 96, 0});
  const std::vector<Generated> all = onDevice(together, prompts, 3);
  const std::vector<Generated> one = onDevice(alone, {prompts[69]}, 3, 69);
  noneWrong(one[0].ids != all[69].ids || one[0].logits != all[69].logits, "decode among 70");

  alone.begin(1, {1, 1, 0, 9, {5, 0}, 0}, {});
  CHECK(alone.reserve(1, 90));
  for (size_t at = 0; at < 90; at += 30) {
    std::vector<Decoder::Row> rows;
    for (size_t i = at; i < at + 30; ++i) rows.push_back({1, prompts[5].ids[i], i == 89});
    CHECK(alone.run(rows));
  }
  noneWrong(alone.drawn(1) != all[5].ids[0] || alone.logits(29) != all[5].logits[0], "a prompt of 90 rows, and by thirties");
}

void pool() {
  const DrawnModel drawn(configOf("llama", 1, 1), DType::bf16, 1, deviation);
  TestDevice device(forward);
  Decoder decoder(device, upload(device, *loadModel(drawn.config, {drawn.path}, 1), 96), {3, 1, 3, 4, 96, 0});
  CHECK(decoder.reserve(0, 33) && decoder.freePages() == 2);
  CHECK(!decoder.reserve(1, 96) && decoder.freePages() == 2);  // the pool has no room
  CHECK(!decoder.reserve(0, 97) && decoder.freePages() == 2);  // the sequence's table has none
  CHECK(decoder.reserve(0, 64) && decoder.freePages() == 2);
  CHECK(decoder.reserve(1, 1) && decoder.reserve(0, 65) && decoder.freePages() == 0);
  decoder.end(0);
  CHECK(decoder.freePages() == 3 && decoder.reserve(2, 96) && decoder.freePages() == 0);
}

// Needed: every matrix, bias and norm once, the embeddings' rows, each entry's key and value, and the new ones. What
// passes from kernel to kernel is counted as moved, though a GPU's cache has room for it.
void bytes() {
  ModelConfig config = configOf("qwen3", 2, 2);
  config.hidden = 256;
  config.intermediate = 512;
  config.vocab = 512;
  const DrawnModel drawn(config, DType::bf16, 2, deviation);
  const auto model = loadModel(drawn.config, {drawn.path}, 1);
  for (const int rows : {1, 3}) {
    TestDevice device(forward);
    Decoder decoder(device, upload(device, *model, limits.positions), limits);
    const std::vector<Prompt> prompts(static_cast<size_t>(rows), promptsOf({20}, config.vocab, {}).front());
    onDevice(decoder, prompts, 2);
    const emulate::Traffic before = device.traffic();
    std::vector<Decoder::Row> decode;
    for (int slot = 0; slot < rows; ++slot) decode.push_back({slot, -1, true});
    CHECK(decoder.run(decode));
    const emulate::Traffic after = device.traffic();
    const double qkv = 8 * 64, entries = decoder.entries(0), kv = 2 * 2 * 64;
    const double layer = 256 * (qkv + 4 * 64) + 3 * 256 * 512 + 2 * 256 + 2 * 64;
    const double needed = 2 * (2 * layer + 512 * 256 + 256 + rows * (256 + 2 * kv * entries));
    const double moved = static_cast<double>(after.distinct - before.distinct + after.stored - before.stored) * 32;
    std::printf("step of %d: moved over needed %.3f, asked for over needed %.3f\n", rows, moved / needed,
                static_cast<double>(after.loaded - before.loaded + after.stored - before.stored) * 32 / needed);
    CHECK(moved / needed <= 1.10);
  }
}

}  // namespace
}  // namespace pathpress::cuda

CUDA_TEST(decode) {
  using namespace pathpress::cuda;
  tokens();
  sampled();
  aloneAndTogether();
  amongMany();
  pool();
  emulatedOnly("bytes moved", bytes);
}
