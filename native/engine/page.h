// The layout of a page (kernels.h) for those who write, read and move single entries.
#pragma once

#include <cstring>

#include "kernels.h"
#include "quantised_page.h"
#include "rotary.h"

namespace pathpress {

struct PageLayout {
  int dim = 0;
  DType type = DType::f32;  // f32 or bf16; of a quantised cache f32, as its last page is held
  int bits = 0;             // 8 or 4: whole pages are quantised once a later one begins

  bool quantised() const { return bits > 0; }
  QuantisedPage codes() const { return {dim, bits}; }
  const char* name() const { return bits == 8 ? "int8" : bits == 4 ? "int4" : dtypeName(type); }

  size_t fullBytes() const { return 2 * static_cast<size_t>(pageEntries * dim) * dtypeBytes(type); }
  size_t bytes() const { return quantised() ? codes().bytes() : fullBytes(); }  // of a page before the last
  double entryBytes() const { return static_cast<double>(bytes()) / pageEntries; }
  // Blocks of bytes() rounded up to lines that so many entries are in: one a page, of a quantised cache as many for the
  // last as hold it in full.
  size_t blocks(int64_t entries) const {
    return entries ? static_cast<size_t>((entries - 1) / pageEntries) + (fullBytes() + lines(bytes()) - 1) / lines(bytes()) : 0;
  }
  // That a decode pass reads, its own entry included.
  int64_t readBytes(int64_t entries) const {
    const int64_t before = quantised() ? (entries - 1) / pageEntries : 0;
    return before * static_cast<int64_t>(bytes()) +
           (entries - before * pageEntries) * static_cast<int64_t>(fullBytes() / pageEntries);
  }

  void write(std::byte* page, int slot, const float* key, const float* value) const {
    type == DType::f32 ? writeAs<float>(page, slot, key, value) : writeAs<uint16_t>(page, slot, key, value);
  }

  // Fetches the lines that write() is for: of keys, which lie transposed, all.
  void fetch(const std::byte* page, int slot) const {
    fetchLines(page, valueAt(0, 0) * dtypeBytes(type));
    fetchValue(page, slot);
  }

  void readKey(const std::byte* page, int slot, float* key) const {
    for (int i = 0; i < dim; ++i) key[i] = loadElement(page, type, keyAt(slot, i));
  }

  void readValue(const std::byte* page, int slot, float* value) const {
    for (int i = 0; i < dim; ++i) value[i] = loadElement(page, type, valueAt(slot, i));
  }

  // Copies a page as f32 with each key rotated as slot s says: cosine and sine (16, rotary.pairs). `out` holds 2·16·dim
  // floats.
  void copyRotated(const std::byte* page, const Rotary& rotary, const float* cosine, const float* sine,
                   float* out) const {
    const size_t end = 2 * static_cast<size_t>(pageEntries) * static_cast<size_t>(dim);
    for (size_t i = 0; i < end; ++i) out[i] = loadElement(page, type, i);
    for (int i = 0; i < rotary.pairs; ++i) {
      float *a = out + keyAt(0, rotary.first(i)), *b = out + keyAt(0, rotary.second(i));
      for (int slot = 0; slot < pageEntries; ++slot) {
        const int at = slot * rotary.pairs + i;
        Rotary::turn(a[slot], b[slot], cosine[at], sine[at]);
      }
    }
  }

  // Fills slots [0, count) of a page with entries that stand `slots` of their own pages, `to` perhaps among them: an entry
  // that stays in its page has its slot or a later one, and none is read that was overwritten.
  void gather(const std::byte* const* from, const int* slots, int count, std::byte* to) const {
    for (int slot = 0; slot < count; ++slot) fetchValue(from[slot], slots[slot]);  // scattered: on their way beside the keys
    type == DType::f32 ? gatherKeys<uint32_t>(from, slots, count, to) : gatherKeys<uint16_t>(from, slots, count, to);
    const size_t width = dtypeBytes(type);
    for (int slot = 0; slot < count; ++slot) {
      std::memmove(to + valueAt(slot, 0) * width, from[slot] + valueAt(slots[slot], 0) * width,
                   static_cast<size_t>(dim) * width);
    }
  }

 private:
  static size_t lines(size_t bytes) { return (bytes + 63) / 64 * 64; }
  size_t keyAt(int slot, int i) const { return static_cast<size_t>(i) * pageEntries + static_cast<size_t>(slot); }
  size_t valueAt(int slot, int i) const {
    return (pageEntries + static_cast<size_t>(slot)) * static_cast<size_t>(dim) + static_cast<size_t>(i);
  }
  static void fetchLines(const std::byte* from, size_t bytes) {
    for (size_t line = 0; line < bytes; line += 64) __builtin_prefetch(from + line);
  }
  void fetchValue(const std::byte* page, int slot) const {
    const size_t width = dtypeBytes(type);
    fetchLines(page + valueAt(slot, 0) * width, static_cast<size_t>(dim) * width);
  }
  // One by one: a row gathered first and then copied would be waited for, as what is stored in halves and read whole.
  template <class Bits>
  void gatherKeys(const std::byte* const* from, const int* slots, int count, std::byte* to) const {
    for (int i = 0; i < dim; ++i) {
      for (int slot = 0; slot < count; ++slot) {
        std::memcpy(to + keyAt(slot, i) * sizeof(Bits), from[slot] + keyAt(slots[slot], i) * sizeof(Bits), sizeof(Bits));
      }
    }
  }
  template <class Element>
  void writeAs(std::byte* page, int slot, const float* key, const float* value) const {
    auto* to = static_cast<Element*>(static_cast<void*>(page));
    const auto rounded = [](float number) {
      if constexpr (sizeof(Element) == 2) return floatToBf16(number);
      else return number;
    };
    for (int i = 0; i < dim; ++i) to[keyAt(slot, i)] = rounded(key[i]);
    for (int i = 0; i < dim; ++i) to[valueAt(slot, i)] = rounded(value[i]);
  }
};

}  // namespace pathpress
