// The seam between the engine and the cache policies. A policy states when it evicts (due), how many entries stay
// (keep) and how candidates are scored (recipe); scoring and selection are shared mechanism (select.h), storage and
// compaction are the engine's. What the engine has to do after every decode pass, once the new entry is written:
//
//   progress.written += 1;                                        (and once before the first, when the prompt is written)
//   if (policy->due(progress)) {
//     Keep keep = policy->keep(progress);
//     for every layer, for every set of recipe().sets:             (one a layer, a key-value head or a query head)
//       select(recipe, set, keep.scored, scratch, kept);           (see select.h for what a set holds)
//       the set's entries become: the first keep.pinned, the kept candidates, the last keep.recent, in that order;
//     progress.cycle += 1; progress.lastTrigger = progress.written;
//   }
//
// The attention of the pass itself comes first: it still sees the uncompressed cache. What a recipe declares beyond that
// is a mechanism that policies share: a record of attention kept at every pass, keys rotated at reading, a read set.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace pathpress {

// The knobs of src/policies/policy.ts under the same names, as they come from JavaScript. A policy reads only its own.
struct PolicyOptions {
  std::string name = "full";
  int64_t interval = 1024;
  int64_t window = 32;
  double ratio = 4;
  std::string budget = "ratio";  // ratio | cap
  int64_t keep = 0;              // entries held after an eviction, pinned ones included; cap only
  bool pinPrompt = true;
  std::string preset = "corrected";  // corrected | reference
  int64_t kernel = 7;
  std::string pooling = "avg";        // avg | max | none
  std::string neighbours = "cache";   // cache | position
  std::string aggregation = "layer";  // layer | group | head
  std::string selectors = "recent";   // recent | prompt | all
  std::string draw = "persistent";    // persistent | redraw
  int64_t drawSeed = -1;              // key of every lot in place of the sampling's seed; -1: that seed itself
  std::string granularity = "layer";  // layer | head (a key-value head)
  int64_t run = 1;                    // neighbours in the text that are drawn together
  int64_t sinks = 4;                  // first entries that never leave
  std::string recent = "half";        // half | window
  double lambda = 0.1;                // share of the votes against the keys' redundancy
  double threshold = 1e-4;            // attention above it counts as a visit
  std::string moment = "sure";        // sure | unsure: of the tokens at which an interval of no fixed length ends
  int64_t ahead = 0;                  // tokens generated to see which entries they attend to; 0: as many as an interval
  double floor = 0.2;                 // share of its places that a head keeps whatever the others' scores

  bool operator==(const PolicyOptions&) const = default;
};

// Where one sequence stands. Every count is the sequence's own, never the batch's.
struct Progress {
  int64_t prompt = 0;       // prompt tokens
  int64_t written = 0;      // generated tokens whose entries exist; token t has position prompt + t - 1
  int64_t cycle = 0;        // compressions done so far, those that evicted nothing included
  int64_t lastTrigger = 0;  // `written` at the last compression; 0 before the first
  // Where the recipe asks for it (Recipe::entropies): the sum over the first t generated tokens of the entropy in bits of
  // the distribution that each was drawn from, at t; as far as tokens are known, at least to `written`.
  std::span<const double> entropySums{};
};

// What stays in every set, in entries: the first `pinned` and the last `recent` untouched, and of the candidates
// between them min(scored, candidates).
struct Keep {
  int64_t pinned = 0;
  int64_t scored = 0;
  int64_t recent = 0;
};

enum class Scoring {
  votes,     // softmax attention of selector queries
  recency,   // the later, the better
  priority,  // a random number
  record,    // what the record of attention says
};
// What a vote's softmax runs over. Only `row` is causal: a row sees the entries up to its own.
enum class Domain {
  candidates,
  row,    // every entry of the set
  slice,  // every entry but the last Keep::recent
};
// What is noted of every row of attention, the prompt's rows among them: for each entry of a set the mean over the
// set's query heads of the softmax over all that the row sees.
enum class Record {
  none,
  mass,        // its sum over all rows so far
  stamp,       // the last row that had it in its upper half; its own where none had
  recurrence,  // the last row that gave it more than a threshold, and the longest time between two such rows
};
enum class Selectors { none, recent, prompt, all };
enum class Aggregation { layer, group, head };  // one set a layer, a key-value head, or a query head
enum class Pooling { none, avg, max };

struct Recipe {
  Scoring scoring = Scoring::recency;
  Aggregation sets = Aggregation::layer;

  // Which rotated query rows vote. The engine keeps them for every query head (side bytes):
  //   none    nothing to keep;
  //   recent  the rows of the latest `queries` tokens, the prompt's among them;
  //   prompt  the rows of the last min(queries, prompt) prompt tokens, kept for life;
  //   all     every row since the last compression (from the first generated token before there is one): never more
  //           than `queries`.
  // How many of them vote at a compression is voterRows() below.
  Selectors selectors = Selectors::none;
  int64_t queries = 0;
  bool freshOnly = false;  // recent: rows from before the last compression do not vote
  bool lastTwice = false;  // the current token's vote counts twice; it is still one row

  Pooling pooling = Pooling::none;
  int64_t kernel = 1;
  bool neighboursByPosition = false;  // within kernel / 2 original positions, not within kernel / 2 slots
  bool paddingCounts = false;         // average pooling always divides by the kernel

  bool modelArithmetic = false;   // votes are counted in the model's own type, not in float32

  bool redraw = false;  // priority: drawn anew at each compression, not once for a token's life
  int64_t run = 1;      // priority: one for so many neighbouring positions

  Domain softmax = Domain::candidates;
  bool strongestOfGroup = false;  // a row's logit is the largest of the query heads that share a key
  double lambda = 1;              // below 1: lambda · mean vote of a row − (1 − lambda) · redundancy of the key
  double rangeShare = 0;          // this share of those that stay has the widest values, whatever the votes
  bool drawn = false;             // the others are drawn without replacement, in proportion to their scores
  bool inverted = false;          // the lowest scores stay
  bool shuffled = false;          // scores change places at random within a tenth of the candidates, by age
  bool sharedOut = false;         // one joint choice for all key-value heads of a layer; Keep::scored is their mean
  double floorShare = 0;          // shared out: each head's own best keep this share of Keep::scored

  Record record = Record::none;
  double threshold = 0;  // Record::recurrence
  bool entropies = false;  // Progress::entropySums is looked at
  int64_t ahead = 0;     // what is noted starts at the trigger: so many tokens more are generated, noted and forgotten

  bool rotatedAtReading = false;  // keys are cached unrotated, and rotated by their place in the cache at every pass
  int64_t readPages = 0;          // pages that a decode pass reads of each head, the newest among them; 0: all
  int64_t denseLayers = 0;        // first layers, which read all

  // Whether key-value heads of a layer may hold entries of their own number.
  bool uneven() const { return sharedOut || sets == Aggregation::head; }
};

struct Policy {
  virtual ~Policy() = default;

  // True where the entries held right now, the newest included, are to be compressed. Host arithmetic only.
  virtual bool due(const Progress&) const = 0;

  // How many stay; asked only where due, of a sequence that was admitted.
  virtual Keep keep(const Progress&) const = 0;

  // The same for the policy's whole life.
  virtual Recipe recipe() const = 0;

  // The most entries that a set holds at once until `written` generated tokens are written, in closed form: what
  // admission to the block pool counts. The bound below is that of a policy that evicts nothing.
  virtual int64_t peak(int64_t promptTokens, int64_t written) const { return promptTokens + written; }

  // Asked once for each sequence, before its first entry is written. Throws std::invalid_argument, naming option and
  // value, where a cap has no room for what is pinned.
  virtual void admit(int64_t promptTokens) const = 0;

  virtual bool evicts() const { return true; }
  // Due after every pass once the cache is full: what happened is summed up, not listed.
  virtual bool everyStep() const { return false; }
};

// Rows that vote at this compression: the latest ones of those the engine keeps.
int64_t voterRows(const Recipe& recipe, const Progress& progress);

// Throws std::invalid_argument, naming option and value, for an unknown name or an option out of range.
std::unique_ptr<Policy> makePolicy(const PolicyOptions& options);

struct PolicyRow {
  std::string_view name;
  std::unique_ptr<Policy> (*make)(const PolicyOptions&);
};
std::span<const PolicyRow> policyRows();

}  // namespace pathpress
