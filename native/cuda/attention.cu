#include "attention.h"

#include "attention_page.h"
#include "product.h"

namespace pathpress::cuda {

constexpr int attendWarps = 4, attendThreads = attendWarps * 32;

// Of the half page that a row reads as its `place`-th: the page that it is in, of the layer's and key-value heads', and
// how far behind the place's own half it begins there, in entries.
struct HalfPage {
  int64_t page;
  int shift;

  DEVICE HalfPage(const DecodeAttention& task, int slot, int token, int head, int place, bool wanted) {
    const int64_t row = static_cast<int64_t>(token) * task.kvHeads + head;
    const int number = task.chosen.loadIf(wanted, row * task.mostChosen + place);
    const int64_t table = static_cast<int64_t>(slot) * task.table.width + number / 2;
    page = int64_t{task.table.pages.loadIf(wanted, table)} * task.kvHeads + head;
    shift = (number % 2 - place % 2) * halfEntries;
  }
};

// Where the pages of a warp lie, all asked for at once: each lane has the one of its turn.
struct PagesOfWarp {
  int own = -1;  // among the pool's pages and their key-value heads

  DEVICE PagesOfWarp(const DecodeAttention& task, bool plain, int slot, int head, int first, int last) {
    const int lane = threadIndex() % 32, p = first + lane * attendWarps;
    const bool mine = plain && lane < chunkPages / attendWarps && p < last;
    const int number = task.table.pages.loadIf(mine, static_cast<int64_t>(slot) * task.table.width + p);
    if (mine) own = number * task.kvHeads + head;
  }
  DEVICE int64_t number(int turn) const { return shuffle(own, turn); }
};

// A block a chunk of a key-value head; its warps take the chunk's pages in turn. `special`: some row's reading is not
// plain.
template <int dim, int rows, bool special>
BOUNDED_KERNEL(attendThreads, 2) attendChunk(DecodeAttention task) {
  SHARED_ARRAY(float, warpOut, attendWarps * rows * dim);
  SHARED_ARRAY(float, warpTop, attendWarps * rows);
  SHARED_ARRAY(float, warpTotal, attendWarps * rows);
  // Chunks that few rows reach come last, beside the others' last ones.
  const int heads = task.rows.count * task.kvHeads;
  const int chunk = blockIndex() / heads, within = blockIndex() % heads;
  const int head = within % task.kvHeads, token = within / task.kvHeads;
  letNextBegin();
  const int slot = task.rows.slots.load(token);
  int length = task.rows.lengths.load(token), halves = 0;
  bool turned = false, uneven = false, masked = false;
  const int first = chunk * chunkPages;
  if (special && slot >= 0) {
    const Reading reading = task.readings.load(slot);
    const int position = task.rows.positions.load(token);
    turned = reading.rotated != 0;
    halves = reading.chosen(task.layer, position, length);
    uneven = reading.uneven != 0;
    masked = uneven && reading.masked != 0;
    length = reading.entriesRead(task.layer, position, length);
    if (uneven) length -= task.uneven.lessOf(slot, task.kvHeads, head);
  }
  if (slot < 0 || first * cachePageEntries >= length) {  // the whole block
    awaitEarlier();
    return;
  }
  const int warp = threadIndex() / 32, lane = threadIndex() % 32, outer = lane / 4, inner = lane % 4;
  const int last = (length + cachePageEntries - 1) / cachePageEntries;
  const PagesOfWarp pages(task, !special || (halves == 0 && !uneven), slot, head, first + warp, last);
  awaitEarlier();

  const int64_t queries = (static_cast<int64_t>(token) * task.kvHeads + head) * task.group;  // the group's first
  FragmentA query[dim / 16];
  UNROLL(dim / 32)
  for (int s = 0; s < dim / 32; ++s) {
    const int64_t at = (queries + outer) * dim + s * 32 + inner * 8;
    const Words low = task.query.load16If(outer < task.group, at);
    Words high = {};
    if (rows > 8) high = task.query.load16If(outer + 8 < task.group, at + 8 * dim);
    query[2 * s] = {{low.word[0], high.word[0], low.word[1], high.word[1]}};
    query[2 * s + 1] = {{low.word[2], high.word[2], low.word[3], high.word[3]}};
  }

  const auto placeOf = [&](int turn) {
    const int p = first + warp + turn * attendWarps;
    PageAt at;
    at.place = turned ? p * cachePageEntries : -1;
    at.left = length - p * cachePageEntries;
    if (special && halves > 0) {
      const bool both = at.left > halfEntries;
      const HalfPage keys(task, slot, token, head, 2 * p + outer / 4, both || outer < 4);
      const HalfPage values(task, slot, token, head, 2 * p + inner / 2, both || inner < 2);
      at.keys = keys.page * (2 * cachePageEntries * dim) + keyAt(keys.shift, 0);
      at.values = values.page * (2 * cachePageEntries * dim) + values.shift;  // a channel's values lie together
      return at;
    }
    const int64_t number =
        special && uneven ? task.uneven.page(task.table, slot, task.kvHeads, head, p) : pages.number(turn);
    at.keys = at.values = number * (2 * cachePageEntries * dim);
    if (special && masked) {
      const int64_t own = (int64_t{slot} * task.kvHeads + head) * task.table.width + p;
      at.seen.masks = task.uneven.masks.load16(own * cachePageEntries + inner * 8);
    }
    return at;
  };
  HeadSums<dim, rows> sums;
  const float scale = task.scale * 1.44269504f;  // powers of two in place of e's
  const int end = first + chunkPages < last ? first + chunkPages : last;
  const int turns = (end - first - warp + attendWarps - 1) / attendWarps;
  // A page's keys and values are on their way while the one before is worked on, where there are registers for both.
  constexpr bool ahead = !special && (dim == 64 || rows == 8);
  PageAt at;
  LoadedKeys<dim> keys;
  LoadedValues<dim> values;
  if (ahead && turns > 0) {
    at = placeOf(0);
    keys.load(task, at);
    values.load(task, at);
  }
  UNROLL(1)
  for (int turn = 0; turn < turns; ++turn) {
    const bool more = ahead && turn + 1 < turns;
    const PageAt next = more ? placeOf(turn + 1) : at;
    FragmentC scores[4] = {};
    if (!ahead) at = placeOf(turn);
    if (special && at.place >= 0) {
      keys.scoreTurned(task, at, query, scores);
    } else {
      if (!ahead) keys.load(task, at);
      keys.score(query, scores);
    }
    if (!ahead) values.load(task, at);
    if (more) keys.load(task, next);
    weigh<dim, rows, special>(at, scale, scores, sums);
    values.add(scores, sums);
    if (more) values.load(task, next);
    if (ahead) at = next;
  }

  UNROLL(rows / 8)
  for (int half = 0; half < rows / 8; ++half) {
    const int row = warp * rows + half * 8 + outer;
    float total = sums.total[half];
    for (int mask = 1; mask < 4; mask *= 2) total += shuffleXor(total, mask);
    if (inner == 0) {
      warpTop.set(row, sums.top[half]);
      warpTotal.set(row, total);
    }
    UNROLL(dim / 16)
    for (int n = 0; n < dim / 16; ++n) {
      UNROLL(4)
      for (int i = 0; i < 4; ++i) {
        const int ofHead = warp * rows + half * 8 + inner * 2 + i % 2, channel = n * 16 + i / 2 * 8 + outer;
        warpOut.set(ofHead * dim + channel, sums.out[half][n].value[i]);
      }
    }
  }
  barrier();

  const int64_t part = ((static_cast<int64_t>(token) * task.kvHeads + head) * task.chunks() + chunk) * task.group;
  for (int item = threadIndex(); item < task.group * dim; item += attendThreads) {
    const int row = item / dim, channel = item % dim;
    float top = noScore, total = 0, sum = 0;
    for (int w = 0; w < attendWarps; ++w) {
      const float other = warpTop.get(w * rows + row);
      top = other > top ? other : top;
    }
    for (int w = 0; w < attendWarps; ++w) {
      const float weight = powerOfTwo(warpTop.get(w * rows + row) - (special ? baseOf(top) : top));
      total += weight * warpTotal.get(w * rows + row);
      sum += weight * warpOut.get((w * rows + row) * dim + channel);
    }
    task.sums.store(part * dim + item, sum);
    task.tops.storeIf(channel == 0, part + row, top);
    task.totals.storeIf(channel == 0, part + row, total);
  }
}

// A block a query head, a thread a channel.
template <bool special>
KERNEL joinChunks(DecodeAttention task) {
  const int group = task.group, row = blockIndex() % group;
  const int64_t head = blockIndex() / group;  // of all tokens' key-value heads
  letNextBegin();
  const bool idle = task.rows.slots.load(head / task.kvHeads) < 0;
  int length = idle ? 0 : task.rows.lengths.load(head / task.kvHeads);
  if (special && !idle) {
    const int slot = task.rows.slots.load(head / task.kvHeads);
    const Reading reading = task.readings.load(slot);
    length = reading.entriesRead(task.layer, task.rows.positions.load(head / task.kvHeads), length);
    if (reading.uneven != 0) length -= task.uneven.lessOf(slot, task.kvHeads, static_cast<int>(head % task.kvHeads));
  }
  const int mine = (length + chunkPages * cachePageEntries - 1) / (chunkPages * cachePageEntries);
  const int64_t first = head * task.chunks() * group + row;
  awaitEarlier();
  float top = noScore, total = 0, sum = 0;
  for (int chunk = 0; chunk < mine; ++chunk) {
    const float other = task.tops.load(first + chunk * group);
    top = other > top ? other : top;
  }
  for (int chunk = 0; chunk < mine; ++chunk) {
    const int64_t at = first + chunk * group;
    const float weight = powerOfTwo(task.tops.load(at) - top);
    total += weight * task.totals.load(at);
    sum += weight * task.sums.load(at * task.dim + threadIndex());
  }
  const int token = static_cast<int>(head / task.kvHeads);
  const int channel = static_cast<int>(head % task.kvHeads * group + row) * task.dim + threadIndex();
  task.out.store(inputAt(token, channel, task.kvHeads * group * task.dim), toBf16(idle ? 0 : sum / total));
}

template <int dim, int rows>
void launchChunks(Stream stream, const DecodeAttention& task) {
  const Grid grid{task.rows.count * task.kvHeads * task.reach, attendThreads};
  if (task.readings) launchEarly(stream, grid, attendChunk<dim, rows, true>, task);
  else launchEarly(stream, grid, attendChunk<dim, rows, false>, task);
}

bool attend(Stream stream, const DecodeAttention& task) {
  if (task.group < 1 || task.group > 16 || (task.dim != 64 && task.dim != 128)) return false;
  if (task.reach < 1 || task.reach > task.chunks()) return false;
  if (task.readings && task.turns.pairs % 2 != 0) return false;
  if (task.dim == 64) task.group <= 8 ? launchChunks<64, 8>(stream, task) : launchChunks<64, 16>(stream, task);
  else task.group <= 8 ? launchChunks<128, 8>(stream, task) : launchChunks<128, 16>(stream, task);
  const Grid joins{task.rows.count * task.kvHeads * task.group, task.dim};
  if (task.readings) launchEarly(stream, joins, joinChunks<true>, task);
  else launchEarly(stream, joins, joinChunks<false>, task);
  return true;
}

}  // namespace pathpress::cuda
