#include "safetensors.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <stdexcept>

#include "errors.h"
#include "json.h"

namespace pathpress {
namespace {

static_assert(std::endian::native == std::endian::little, "safetensors are little-endian");

constexpr uint64_t maxHeader = 100'000'000;  // the reference implementation's limit
constexpr size_t maxRank = 8;

struct TypeWidth {
  std::string_view name;
  uint64_t bytes;
};
constexpr std::array<TypeWidth, 14> typeWidths = {{{"F64", 8}, {"F32", 4}, {"F16", 2}, {"BF16", 2}, {"I64", 8},
                                                   {"I32", 4}, {"I16", 2}, {"I8", 1}, {"U64", 8}, {"U32", 4},
                                                   {"U16", 2}, {"U8", 1}, {"BOOL", 1}, {"F8_E4M3", 1}}};

struct Context {
  const std::string& path;

  [[noreturn]] void header(const std::string& what) const {
    throw EngineError("BAD_FILE", path + ": safetensors header: " + what);
  }
  [[noreturn]] void tensor(const std::string& name, const std::string& what) const {
    throw EngineError("BAD_TENSOR", path + ": tensor \"" + name + "\": " + what);
  }
};

const JsonValue* member(const JsonObject& object, std::string_view key) {
  for (const auto& [name, value] : object) {
    if (name == key) return &value;
  }
  return nullptr;
}

uint64_t typeBytes(const Context& context, const TensorEntry& entry) {
  for (const TypeWidth& row : typeWidths) {
    if (row.name == entry.dtype) return row.bytes;
  }
  context.tensor(entry.name, "unknown dtype \"" + entry.dtype + "\"");
}

TensorEntry readEntry(const Context& context, const std::string& name, const JsonValue& value, uint64_t dataBytes) {
  TensorEntry entry;
  entry.name = name;
  const JsonObject* object = value.object();
  if (!object) context.tensor(name, "not an object");
  const JsonValue* dtype = member(*object, "dtype");
  const JsonValue* shape = member(*object, "shape");
  const JsonValue* offsets = member(*object, "data_offsets");
  if (!dtype || !dtype->string()) context.tensor(name, "no dtype");
  if (!shape || !shape->array()) context.tensor(name, "no shape");
  if (!offsets || !offsets->array() || offsets->array()->size() != 2) context.tensor(name, "no pair of data_offsets");
  entry.dtype = *dtype->string();

  uint64_t bytes = typeBytes(context, entry);
  if (shape->array()->size() > maxRank) {
    context.tensor(name, "rank " + std::to_string(shape->array()->size()) + " above " + std::to_string(maxRank));
  }
  for (const JsonValue& dimension : *shape->array()) {
    uint64_t extent = 0;
    if (!dimension.unsignedInteger(extent)) context.tensor(name, "a dimension is not a non-negative 64-bit integer");
    entry.shape.push_back(extent);
  }
  for (const uint64_t extent : entry.shape) {
    if (__builtin_mul_overflow(bytes, extent, &bytes)) {
      context.tensor(name, "shape " + shapeText(entry.shape) + " overflows 64 bits");
    }
  }

  uint64_t begin = 0, end = 0;
  if (!(*offsets->array())[0].unsignedInteger(begin) || !(*offsets->array())[1].unsignedInteger(end)) {
    context.tensor(name, "data_offsets are not non-negative 64-bit integers");
  }
  const std::string range = "[" + std::to_string(begin) + ", " + std::to_string(end) + ")";
  if (begin > end) context.tensor(name, "data_offsets " + range + " run backwards");
  if (end > dataBytes) {
    context.tensor(name, "data_offsets " + range + " run past the data of " + std::to_string(dataBytes) + " bytes");
  }
  if (end - begin != bytes) {
    context.tensor(name, "shape " + shapeText(entry.shape) + " of " + entry.dtype + " needs " + std::to_string(bytes) +
                             " bytes, data_offsets " + range + " hold " + std::to_string(end - begin));
  }
  entry.begin = begin;
  entry.bytes = bytes;
  return entry;
}

// The format allows neither holes nor overlaps: sorted by offset, each tensor begins where the one before ends.
void checkCover(const Context& context, std::vector<TensorEntry>& entries, uint64_t dataBytes) {
  std::sort(entries.begin(), entries.end(), [](const TensorEntry& a, const TensorEntry& b) {
    return a.begin != b.begin ? a.begin < b.begin : a.bytes < b.bytes;
  });
  uint64_t at = 0;
  for (const TensorEntry& entry : entries) {
    if (entry.begin != at) {
      context.tensor(entry.name, "data begin at " + std::to_string(entry.begin) +
                                     (entry.begin < at ? ", inside another tensor" : ", after a hole") + " (expected " +
                                     std::to_string(at) + ")");
    }
    at += entry.bytes;
  }
  if (at != dataBytes) {
    context.header("tensors end at byte " + std::to_string(at) + " of " + std::to_string(dataBytes) + " data bytes");
  }
}

}  // namespace

std::string shapeText(const std::vector<uint64_t>& shape) {
  std::string text = "[";
  for (size_t i = 0; i < shape.size(); ++i) text += (i ? ", " : "") + std::to_string(shape[i]);
  return text + "]";
}

std::vector<TensorEntry> readSafetensors(const std::byte* file, size_t size, const std::string& path) {
  const Context context{path};
  uint64_t headerBytes = 0;
  if (size < sizeof headerBytes) context.header("file of " + std::to_string(size) + " bytes is too short for a header");
  std::memcpy(&headerBytes, file, sizeof headerBytes);
  if (headerBytes > maxHeader) {
    context.header("length " + std::to_string(headerBytes) + " above " + std::to_string(maxHeader));
  }
  const uint64_t rest = size - sizeof headerBytes;
  if (headerBytes > rest) {
    context.header("length " + std::to_string(headerBytes) + " runs past the file of " + std::to_string(size) + " bytes");
  }
  const uint64_t dataBytes = rest - headerBytes;

  JsonValue document;
  try {
    document = parseJson({reinterpret_cast<const char*>(file) + sizeof headerBytes, static_cast<size_t>(headerBytes)});
  } catch (const std::invalid_argument& error) {
    context.header(error.what());
  }
  const JsonObject* object = document.object();
  if (!object) context.header("not a JSON object");

  std::vector<TensorEntry> entries;
  for (const auto& [name, value] : *object) {
    if (name == "__metadata__") continue;
    entries.push_back(readEntry(context, name, value, dataBytes));
  }
  checkCover(context, entries, dataBytes);
  for (TensorEntry& entry : entries) entry.begin += sizeof headerBytes + static_cast<size_t>(headerBytes);
  return entries;
}

}  // namespace pathpress
