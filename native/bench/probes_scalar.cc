// What the compiler makes of plain code for any processor.
#include <cstring>

#include "probe_loops.h"

namespace pathpress {
namespace {

struct Plain {
  static constexpr int lanes = 4;
  struct Vec {
    float lane[lanes];
  };
  struct Bits {
    uint64_t lane[2];
  };
  static Vec set(float value) { return {{value, value, value, value}}; }
  static Vec fma(Vec a, Vec b, Vec c) {
    for (int i = 0; i < lanes; ++i) a.lane[i] = a.lane[i] * b.lane[i] + c.lane[i];
    return a;
  }
  static float sum(Vec a) { return a.lane[0] + a.lane[1] + a.lane[2] + a.lane[3]; }
  static Bits noBits() { return {}; }
  static Bits loadBits(const std::byte* from) {
    Bits bits;
    std::memcpy(&bits, from, sizeof bits);
    return bits;
  }
  static Bits either(Bits a, Bits b) { return {{a.lane[0] | b.lane[0], a.lane[1] | b.lane[1]}}; }
  static uint64_t foldBits(Bits a) { return a.lane[0] | a.lane[1]; }
};

}  // namespace

extern const Probe scalarProbe;
const Probe scalarProbe = {"scalar", readLoop<Plain>, multiplyAddLoop<Plain>, 2 * probeSums * Plain::lanes, nullptr, 0};

}  // namespace pathpress
