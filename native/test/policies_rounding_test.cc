// The preset `reference` on a 16-bit model: scores rounded where the authors' code writes a tensor of the model's type
// (their compress_kv, read at commit 00e64b7: product, division, softmax in float32, sum over rows, mean over heads,
// pooling), against a brute force in double written apart. Elements have six bits, so that products are exact; a set is
// left out where float32 and double might round to different sides.
#include <cmath>
#include <random>

#include "check.h"
#include "policies_world.h"

namespace {

using pathpress::DType;

std::mt19937_64 rng(77);

// To `bits` significant bits, ties to even, in steps of 2^-24 at least where the type has a narrow exponent.
struct Rounder {
  int bits;
  double least, margin;
  bool clear = true;

  double operator()(double x) {
    if (x == 0) return 0;
    int exponent = 0;
    std::frexp(x, &exponent);
    const double step = std::max(std::ldexp(1.0, exponent - bits), least);
    const double down = std::floor(x / step), rest = x / step - down;
    if (rest != 0.5 && std::abs(rest - 0.5) < margin) clear = false;
    const bool up = rest > 0.5 || (rest == 0.5 && std::fmod(down, 2) != 0);
    return (down + up) * step;
  }
};

struct Case {
  pathpress::PolicyOptions o;
  int64_t group;
};

std::vector<double> votes(const World& w, int64_t head, int64_t group, const std::vector<int64_t>& rows,
                          const std::vector<int32_t>& candidates, Rounder& round) {
  std::vector<double> sum(candidates.size());
  for (const int64_t row : rows) {
    std::vector<double> p(candidates.size());
    double top = -INFINITY, total = 0;
    for (size_t i = 0; i < p.size(); ++i) {
      double product = 0;
      for (int64_t j = 0; j < w.dim; ++j) product += double(w.query(head, row)[j]) * w.key(head / group, candidates[i])[j];
      p[i] = round(round(product) / std::sqrt(double(w.dim)));
      top = std::max(top, p[i]);
    }
    for (double& x : p) total += x = std::exp(x - top);
    for (size_t i = 0; i < p.size(); ++i) sum[i] += round(p[i] / total);
  }
  for (double& x : sum) x = round(x);
  return sum;
}

std::vector<int32_t> expected(const Case& c, const World& w, int64_t n, const std::vector<int32_t>& held, int64_t firstHead,
                              int64_t heads, Rounder& round) {
  const int64_t P = c.o.interval, R = c.o.window, written = n * P + R;
  std::vector<int64_t> rows;
  for (int64_t t = n * P + 2; t <= written; ++t) rows.push_back(w.prompt + t - 1);
  rows.push_back(w.prompt + written - 1);
  const std::vector<int32_t> candidates(held.begin() + w.prompt, held.end() - R);
  std::vector<double> mean(candidates.size());
  for (int64_t h = firstHead; h < firstHead + heads; ++h) {
    const auto own = votes(w, h, c.group, rows, candidates, round);
    for (size_t i = 0; i < mean.size(); ++i) mean[i] += own[i];
  }
  for (double& x : mean) x = round(x / double(heads));
  std::vector<double> score = mean;
  const auto half = (c.o.kernel - 1) / 2, size = std::ssize(mean);
  for (int64_t i = 0; i < size && c.o.pooling != "none"; ++i) {
    double sum = 0, most = 0;
    for (int64_t j = std::max<int64_t>(0, i - half); j <= std::min(size - 1, i + half); ++j) {
      sum += mean[j];
      most = std::max(most, mean[j]);
    }
    score[i] = c.o.pooling == "max" ? most : round(sum / double(c.o.kernel));
  }
  std::vector<int32_t> kept(held.begin(), held.begin() + w.prompt);
  const int64_t stay = n * int64_t(std::floor(double(P) / c.o.ratio));
  for (int64_t i = 0; i < size; ++i) {
    int64_t better = 0;
    for (int64_t j = 0; j < size; ++j) better += score[j] > score[i] || (score[j] == score[i] && j < i);
    if (better < stay) kept.push_back(candidates[i]);
  }
  kept.insert(kept.end(), held.end() - R, held.end());
  return kept;
}

int compared = 0, leftOut = 0, unlikeFloat = 0;

void run(const Case& c, DType type) {
  const int64_t kvHeads = 4 / c.group, prompt = 1 + rng() % 5, cycles = 2;
  World world(4, kvHeads, rng() % 2 ? 4 : 16, prompt, prompt + cycles * c.o.interval + c.o.window,
              [](int, int64_t, int64_t, int64_t) { return float(int64_t(rng() % 63) - 31) / 16; });
  world.type = type;
  const auto policy = pathpress::makePolicy(c.o);
  world.open(policy->recipe().sets);
  for (int64_t n = 1; n <= cycles; ++n) {
    do world.write();
    while (!policy->due(world.progress));
    const auto ours = world.compressed(*policy);
    World asFloat = world;
    asFloat.type = DType::f32;
    const auto plain = asFloat.compressed(*policy);
    for (int64_t s = 0; s < std::ssize(ours); ++s) {
      const int64_t heads = 4 / std::ssize(ours);
      Rounder round = type == DType::bf16 ? Rounder{8, 0, 1e-4} : Rounder{11, 0x1p-24, 1e-3};
      const auto want = expected(c, world, n, world.held[s], s * heads, heads, round);
      if (!round.clear) {
        ++leftOut;
        continue;
      }
      ++compared;
      unlikeFloat += plain[s] != want;
      CHECK_CASE(ours[s] == want, c.o.aggregation + " " + c.o.pooling + " " + dtypeName(type) + " group " +
                                      std::to_string(c.group) + ", compression " + std::to_string(n));
    }
    world.settle(ours);
  }
}

}  // namespace

int main() {
  for (int repeat = 0; repeat < 60; ++repeat)
    for (const DType type : {DType::bf16, DType::f16})
      for (const char* aggregation : {"layer", "group", "head"})
        for (const char* pooling : {"avg", "max", "none"}) {
          const int64_t interval = 12 + rng() % 20, window = 1 + rng() % 4;
          run({{.name = "rpc", .interval = interval, .window = window, .ratio = 2, .preset = "reference", .kernel = 3,
                .pooling = pooling, .aggregation = aggregation},
               int64_t{1} << (rng() % 3)},
              type);
        }
  std::printf("%d sets compared (%d of them unlike float32's), %d left out (near a boundary of rounding)\n", compared,
              unlikeFloat, leftOut);
  CHECK(compared >= 1000);
  CHECK(unlikeFloat >= 50);
  CHECK(!pathpress::makePolicy({.name = "rpc"})->recipe().modelArithmetic);
  return checks();
}
