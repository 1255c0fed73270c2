// The fragment maps of mma and ldmatrix, element by element. The tables are the PTX ISA's figures ("Matrix fragments
// for mma.m16n8k16 with floating point type", "ldmatrix"), written from its formulas (group = lane / 4, thread =
// lane % 4) apart from the implementation: entry lane:i of row r and column c says which lane holds that element, and
// as which of its elements (two a 32-bit register, the lower half first).
#include <cstdlib>

#include "../../engine/dtype.h"
#include "closeness.h"

namespace pathpress::cuda {
namespace {

constexpr const char* tableA[] = {
    "0:0 0:1 1:0 1:1 2:0 2:1 3:0 3:1 0:4 0:5 1:4 1:5 2:4 2:5 3:4 3:5",
    "4:0 4:1 5:0 5:1 6:0 6:1 7:0 7:1 4:4 4:5 5:4 5:5 6:4 6:5 7:4 7:5",
    "8:0 8:1 9:0 9:1 10:0 10:1 11:0 11:1 8:4 8:5 9:4 9:5 10:4 10:5 11:4 11:5",
    "12:0 12:1 13:0 13:1 14:0 14:1 15:0 15:1 12:4 12:5 13:4 13:5 14:4 14:5 15:4 15:5",
    "16:0 16:1 17:0 17:1 18:0 18:1 19:0 19:1 16:4 16:5 17:4 17:5 18:4 18:5 19:4 19:5",
    "20:0 20:1 21:0 21:1 22:0 22:1 23:0 23:1 20:4 20:5 21:4 21:5 22:4 22:5 23:4 23:5",
    "24:0 24:1 25:0 25:1 26:0 26:1 27:0 27:1 24:4 24:5 25:4 25:5 26:4 26:5 27:4 27:5",
    "28:0 28:1 29:0 29:1 30:0 30:1 31:0 31:1 28:4 28:5 29:4 29:5 30:4 30:5 31:4 31:5",
    "0:2 0:3 1:2 1:3 2:2 2:3 3:2 3:3 0:6 0:7 1:6 1:7 2:6 2:7 3:6 3:7",
    "4:2 4:3 5:2 5:3 6:2 6:3 7:2 7:3 4:6 4:7 5:6 5:7 6:6 6:7 7:6 7:7",
    "8:2 8:3 9:2 9:3 10:2 10:3 11:2 11:3 8:6 8:7 9:6 9:7 10:6 10:7 11:6 11:7",
    "12:2 12:3 13:2 13:3 14:2 14:3 15:2 15:3 12:6 12:7 13:6 13:7 14:6 14:7 15:6 15:7",
    "16:2 16:3 17:2 17:3 18:2 18:3 19:2 19:3 16:6 16:7 17:6 17:7 18:6 18:7 19:6 19:7",
    "20:2 20:3 21:2 21:3 22:2 22:3 23:2 23:3 20:6 20:7 21:6 21:7 22:6 22:7 23:6 23:7",
    "24:2 24:3 25:2 25:3 26:2 26:3 27:2 27:3 24:6 24:7 25:6 25:7 26:6 26:7 27:6 27:7",
    "28:2 28:3 29:2 29:3 30:2 30:3 31:2 31:3 28:6 28:7 29:6 29:7 30:6 30:7 31:6 31:7",
};
constexpr const char* tableB[] = {
    "0:0 4:0 8:0 12:0 16:0 20:0 24:0 28:0",
    "0:1 4:1 8:1 12:1 16:1 20:1 24:1 28:1",
    "1:0 5:0 9:0 13:0 17:0 21:0 25:0 29:0",
    "1:1 5:1 9:1 13:1 17:1 21:1 25:1 29:1",
    "2:0 6:0 10:0 14:0 18:0 22:0 26:0 30:0",
    "2:1 6:1 10:1 14:1 18:1 22:1 26:1 30:1",
    "3:0 7:0 11:0 15:0 19:0 23:0 27:0 31:0",
    "3:1 7:1 11:1 15:1 19:1 23:1 27:1 31:1",
    "0:2 4:2 8:2 12:2 16:2 20:2 24:2 28:2",
    "0:3 4:3 8:3 12:3 16:3 20:3 24:3 28:3",
    "1:2 5:2 9:2 13:2 17:2 21:2 25:2 29:2",
    "1:3 5:3 9:3 13:3 17:3 21:3 25:3 29:3",
    "2:2 6:2 10:2 14:2 18:2 22:2 26:2 30:2",
    "2:3 6:3 10:3 14:3 18:3 22:3 26:3 30:3",
    "3:2 7:2 11:2 15:2 19:2 23:2 27:2 31:2",
    "3:3 7:3 11:3 15:3 19:3 23:3 27:3 31:3",
};
constexpr const char* tableC[] = {
    "0:0 0:1 1:0 1:1 2:0 2:1 3:0 3:1",
    "4:0 4:1 5:0 5:1 6:0 6:1 7:0 7:1",
    "8:0 8:1 9:0 9:1 10:0 10:1 11:0 11:1",
    "12:0 12:1 13:0 13:1 14:0 14:1 15:0 15:1",
    "16:0 16:1 17:0 17:1 18:0 18:1 19:0 19:1",
    "20:0 20:1 21:0 21:1 22:0 22:1 23:0 23:1",
    "24:0 24:1 25:0 25:1 26:0 26:1 27:0 27:1",
    "28:0 28:1 29:0 29:1 30:0 30:1 31:0 31:1",
    "0:2 0:3 1:2 1:3 2:2 2:3 3:2 3:3",
    "4:2 4:3 5:2 5:3 6:2 6:3 7:2 7:3",
    "8:2 8:3 9:2 9:3 10:2 10:3 11:2 11:3",
    "12:2 12:3 13:2 13:3 14:2 14:3 15:2 15:3",
    "16:2 16:3 17:2 17:3 18:2 18:3 19:2 19:3",
    "20:2 20:3 21:2 21:3 22:2 22:3 23:2 23:3",
    "24:2 24:3 25:2 25:3 26:2 26:3 27:2 27:3",
    "28:2 28:3 29:2 29:3 30:2 30:3 31:2 31:3",
};
constexpr const char* tableMatrix[] = {
    "0:0 0:1 1:0 1:1 2:0 2:1 3:0 3:1",
    "4:0 4:1 5:0 5:1 6:0 6:1 7:0 7:1",
    "8:0 8:1 9:0 9:1 10:0 10:1 11:0 11:1",
    "12:0 12:1 13:0 13:1 14:0 14:1 15:0 15:1",
    "16:0 16:1 17:0 17:1 18:0 18:1 19:0 19:1",
    "20:0 20:1 21:0 21:1 22:0 22:1 23:0 23:1",
    "24:0 24:1 25:0 25:1 26:0 26:1 27:0 27:1",
    "28:0 28:1 29:0 29:1 30:0 30:1 31:0 31:1",
};
constexpr const char* tableTransposed[] = {
    "0:0 4:0 8:0 12:0 16:0 20:0 24:0 28:0",
    "0:1 4:1 8:1 12:1 16:1 20:1 24:1 28:1",
    "1:0 5:0 9:0 13:0 17:0 21:0 25:0 29:0",
    "1:1 5:1 9:1 13:1 17:1 21:1 25:1 29:1",
    "2:0 6:0 10:0 14:0 18:0 22:0 26:0 30:0",
    "2:1 6:1 10:1 14:1 18:1 22:1 26:1 30:1",
    "3:0 7:0 11:0 15:0 19:0 23:0 27:0 31:0",
    "3:1 7:1 11:1 15:1 19:1 23:1 27:1 31:1",
};

struct Holder {
  int lane, element;
};

// Row r, column c of a table.
Holder holder(const char* const* table, int r, int c) {
  const char* at = table[r];
  for (; c > 0; ++at) c -= *at == ' ';
  char* end;
  const int lane = static_cast<int>(std::strtol(at, &end, 10));
  return {lane, static_cast<int>(std::strtol(end + 1, nullptr, 10))};
}

// One product a block; a and b as fragments lie: [block][lane][element].
KERNEL product(Global<const Bf16> a, Global<const Bf16> b, Global<float> c) {
  const int at = blockIndex() * 32 + threadIndex();
  const Words left = a.load16(at * 8);
  FragmentA fragmentA{{left.word[0], left.word[1], left.word[2], left.word[3]}};
  FragmentB fragmentB;
  for (int w = 0; w < 2; ++w) {
    fragmentB.word[w] = b.load(at * 4 + w * 2).bits | static_cast<uint32_t>(b.load(at * 4 + w * 2 + 1).bits) << 16;
  }
  FragmentC sums = {};
  mma(sums, fragmentA, fragmentB);
  for (int i = 0; i < 4; ++i) c.store(at * 4 + i, sums.value[i]);
}

// A one at (row, k) of A alone takes row k of B to that row of the product: 256 products name every element of each.
void products() {
  constexpr int blocks = 16 * 16;
  std::vector<Bf16> a(blocks * 32 * 8, Bf16{}), b(blocks * 32 * 4);
  for (int block = 0; block < blocks; ++block) {
    const Holder one = holder(tableA, block / 16, block % 16);
    a[static_cast<size_t>((block * 32 + one.lane) * 8 + one.element)] = Bf16{floatToBf16(1)};
    for (int k = 0; k < 16; ++k) {
      for (int n = 0; n < 8; ++n) {
        const Holder at = holder(tableB, k, n);
        const uint16_t number = floatToBf16(static_cast<float>(k * 8 + n + 1));
        b[static_cast<size_t>((block * 32 + at.lane) * 4 + at.element)] = Bf16{number};
      }
    }
  }
  everyOrder("products", [&](TestDevice& device) {
    const auto c = device.unwritten<float>("c", blocks * 32 * 4);
    launch(device.stream(), {blocks, 32}, product, device.input("a", a), device.input("b", b), c);
    const std::vector<float> sums = device.values(c);
    int wrong = 0;
    for (int block = 0; block < blocks; ++block) {
      for (int row = 0; row < 16; ++row) {
        for (int n = 0; n < 8; ++n) {
          const Holder at = holder(tableC, row, n);
          const float want = row == block / 16 ? static_cast<float>(block % 16 * 8 + n + 1) : 0.0f;
          wrong += sums[static_cast<size_t>((block * 32 + at.lane) * 4 + at.element)] != want;
        }
      }
    }
    noneWrong(wrong, "fragments of mma, elements");
  });
}

// Four matrices of 8 × 8, number 64 m + 8 r + c at row r, column c of matrix m; rows lie 24 apart.
template <bool transposed>
KERNEL matrices(Global<float> out) {
  constexpr int apart = 24;
  SHARED_ARRAY(Bf16, tile, 32 * apart);
  const int lane = threadIndex();
  for (int c = 0; c < 8; ++c) tile.set(lane * apart + c, toBf16(static_cast<float>(lane * 8 + c)));
  warpBarrier();
  const Words words = loadMatrices<transposed>(tile, lane * apart);
  for (int m = 0; m < 4; ++m) {
    out.store(lane * 8 + m * 2, toFloat(Bf16{static_cast<uint16_t>(words.word[m] & 0xFFFFu)}));
    out.store(lane * 8 + m * 2 + 1, toFloat(Bf16{static_cast<uint16_t>(words.word[m] >> 16)}));
  }
}

void loads() {
  everyOrder("ldmatrix", [](TestDevice& device) {
    const auto plain = device.unwritten<float>("plain", 256), turned = device.unwritten<float>("turned", 256);
    launch(device.stream(), {1, 32}, matrices<false>, plain);
    launch(device.stream(), {1, 32}, matrices<true>, turned);
    const std::vector<float> plainValues = device.values(plain), turnedValues = device.values(turned);
    int wrong = 0;
    for (int i = 0; i < 256; ++i) {
      const int m = i / 64, r = i / 8 % 8, c = i % 8;
      const Holder at = holder(tableMatrix, r, c), across = holder(tableTransposed, r, c);
      wrong += plainValues[static_cast<size_t>(at.lane * 8 + m * 2 + at.element)] != static_cast<float>(i);
      wrong += turnedValues[static_cast<size_t>(across.lane * 8 + m * 2 + across.element)] != static_cast<float>(i);
    }
    noneWrong(wrong, "fragments of ldmatrix, elements");
  });
}

}  // namespace
}  // namespace pathpress::cuda

CUDA_TEST(fragments) {
  pathpress::cuda::products();
  pathpress::cuda::loads();
}
