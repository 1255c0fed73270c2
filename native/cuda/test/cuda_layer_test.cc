// One whole layer of each family, embedding, norms and output around it, against the CPU engine's forward pass: every
// position of a prompt, in every order of threads.
#include <algorithm>

#include "../../engine/thread_pool.h"
#include "../pack.h"
#include "../packed_model.h"
#include "closeness.h"
#include "decode_world.h"

namespace pathpress::cuda {
namespace {

// In deviations of a row's logits. Of what the CPU engine computes in float32 the device rounds to bfloat16 the queries
// and the weights of attention, by up to 1 in 256; what is planted below is off by four times the bound and more.
constexpr float bound = 0.03f;

constexpr int length = 7;

// (length) rows, teacher-forced.
std::vector<Logits> forwardOf(const DrawnModel& drawn, const std::vector<int32_t>& ids) {
  Engine engine(engineOptions(drawn));
  std::promise<std::vector<float>> promise;
  engine.logits(ids, [&](std::vector<float>&& logits, const std::string&, const std::string&) {
    promise.set_value(std::move(logits));
  });
  const std::vector<float> all = promise.get_future().get();
  std::vector<Logits> rows;
  for (auto at = all.begin(); at != all.end(); at += drawn.config.vocab) rows.emplace_back(at, at + drawn.config.vocab);
  return rows;
}

float worst(TestDevice& device, const DeviceModel& model, const std::vector<int32_t>& ids,
            const std::vector<Logits>& want) {
  Decoder decoder(device, model, {1, 8, 2, 2, 64, 0});
  decoder.begin(0, {0, 1, 0, 0, {0, 0}, 0}, {});
  CHECK(decoder.reserve(0, length));
  std::vector<Decoder::Row> rows;
  for (const int32_t id : ids) rows.push_back({0, id, rows.size() + 1 == ids.size()});
  CHECK(decoder.run(rows));
  float most = 0;
  for (int i = 0; i < length; ++i) most = std::max(most, difference(decoder.logits(i), want[static_cast<size_t>(i)]));
  return most;
}

void layers() {
  for (const char* family : {"llama", "qwen2", "qwen3", "glm4"}) {
    const DrawnModel drawn(configOf(family, 1, 2), DType::bf16, 3, deviation);
    const auto model = loadModel(drawn.config, {drawn.path}, 1);
    const std::vector<int32_t> ids = promptsOf({length}, drawn.config.vocab, {}).front().ids;
    const std::vector<Logits> want = forwardOf(drawn, ids);
    float most = 0;
    everyOrder(family, [&](TestDevice& device) {
      most = std::max(most, worst(device, upload(device, *model, 64), ids, want));
    });
    std::printf("layer of %s: logits within %.4f deviations\n", family, static_cast<double>(most));
    within(bound, most, "deviations", std::string("layer ") + family);
  }
}

// As the mma's operands lie (pack.h), an element at a time.
std::vector<uint16_t> packedOneByOne(const Matrix& matrix) {
  std::vector<uint16_t> packed;
  for (int tile = 0; tile < matrix.rows; tile += packedRows) {
    for (int step = 0; step < matrix.cols; step += packedCols) {
      for (int i = 0; i < packedRows * packedCols; ++i) {
        const int fragment = i / 256, lane = i / 8 % 32, j = i % 8;
        const int row = tile + lane / 4 + j / 2 % 2 * 8, col = step + lane % 4 * 8 + fragment * 4 + j / 4 * 2 + j % 2;
        const bool inside = row < matrix.rows && col < matrix.cols;
        packed.push_back(inside ? floatToBf16(matrix.at(row, col)) : uint16_t{0});
      }
    }
  }
  return packed;
}

bool same(const std::vector<Bf16>& a, const std::vector<Bf16>& b) {
  return std::ranges::equal(a, b, {}, &Bf16::bits, &Bf16::bits);
}

// Whatever order the CPU has its weights in, and on however many threads.
void packed() {
  for (const DType type : {DType::bf16, DType::f32}) {
    const DrawnModel drawn(configOf("qwen3", 1, 2), type, 3, deviation);
    const auto fromFiles = loadModel(drawn.config, {drawn.path}, 1, 0), copied = loadModel(drawn.config, {drawn.path}, 1);
    CHECK(!fromFiles->embedding.packed && copied->embedding.packed);
    ThreadPool one(1), three(3);
    const PackedLayer a = packLayer(*fromFiles, 0, three), b = packLayer(*copied, 0, one);
    CHECK(same(a.qkv, b.qkv) && same(a.attentionOutput, b.attentionOutput) && same(a.gateUp, b.gateUp) && same(a.down, b.down));
    CHECK(std::ranges::equal(a.down, packedOneByOne(fromFiles->layers[0].down.weight), {}, &Bf16::bits));
    const PackedEnds ends = packEnds(*fromFiles, three);
    CHECK(same(ends.embedding, packEnds(*copied, one).embedding));
    CHECK(std::ranges::equal(ends.embedding, packedOneByOne(copied->embedding), {}, &Bf16::bits));
  }
}

// What a step may get wrong without a fault that the emulator sees.
void plantedErrors() {
  const auto off = [](const char* family, const auto& spoil) {
    const DrawnModel drawn(configOf(family, 1, 2), DType::bf16, 3, deviation);
    const auto model = loadModel(drawn.config, {drawn.path}, 1);
    const std::vector<int32_t> ids = promptsOf({length}, drawn.config.vocab, {}).front().ids;
    TestDevice device(forward);
    DeviceModel spoilt = upload(device, *model, 64);
    spoil(spoilt);
    return worst(device, spoilt, ids, forwardOf(drawn, ids));
  };
  CHECK(off("llama", [](DeviceModel& m) { m.shape.neighbours = true; }) > 4 * bound);
  CHECK(off("llama", [](DeviceModel& m) { m.layers[0].downBias = {}; }) > 4 * bound);
  CHECK(off("llama", [](DeviceModel& m) { m.layers[0].gateUpBias = {}; }) > 4 * bound);
  CHECK(off("qwen2", [](DeviceModel& m) { m.layers[0].qkvBias = {}; }) > 4 * bound);
  CHECK(off("qwen3", [](DeviceModel& m) { m.layers[0].keyNorm = m.layers[0].queryNorm; }) > 4 * bound);
  CHECK(off("glm4", [](DeviceModel& m) { m.layers[0].mlpPostNorm = m.finalNorm; }) > 4 * bound);
}

}  // namespace
}  // namespace pathpress::cuda

CUDA_TEST(layer) {
  pathpress::cuda::packed();
  pathpress::cuda::layers();
  pathpress::cuda::plantedErrors();
}
