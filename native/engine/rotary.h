// Rotary embedding of one head: which channels rotate together. Those behind the pairs stay as they are.
#pragma once

namespace pathpress {

enum class RopePairs { halves, neighbours };  // channel i rotates with i + pairs, or 2i with 2i + 1

struct Rotary {
  RopePairs order = RopePairs::halves;
  int pairs = 0;
  float scale = 1;  // of cosine and sine

  int first(int pair) const { return order == RopePairs::halves ? pair : 2 * pair; }
  int second(int pair) const { return order == RopePairs::halves ? pair + pairs : 2 * pair + 1; }

  // Turns a pair (a, b) by an angle of that cosine and sine.
  static void turn(float& a, float& b, float cosine, float sine) {
    const float before = a;
    a = before * cosine - b * sine;
    b = b * cosine + before * sine;
  }

  // A head in place; cosine and sine (pairs).
  void rotate(float* head, const float* cosine, const float* sine) const {
    if (order == RopePairs::halves) {
      for (int i = 0; i < pairs; ++i) turn(head[i], head[i + pairs], cosine[i], sine[i]);
    } else {
      for (int i = 0; i < pairs; ++i) turn(head[2 * i], head[2 * i + 1], cosine[i], sine[i]);
    }
  }
};

}  // namespace pathpress
