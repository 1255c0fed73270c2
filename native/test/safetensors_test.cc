// Hostile checkpoints: each is refused with a code and a message that names the file and, where there is one, the tensor.
#include <sys/stat.h>
#include <unistd.h>

#include <cmath>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <limits>

#include "../engine/errors.h"
#include "../engine/weights.h"
#include "check.h"

using namespace pathpress;

namespace {

const std::filesystem::path folder =
    std::filesystem::temp_directory_path() / ("pathpress-safetensors-" + std::to_string(::getpid()));

std::string packed(uint64_t headerBytes, const std::string& header, size_t dataBytes) {
  std::string file(8, '\0');
  std::memcpy(file.data(), &headerBytes, 8);
  return file + header + std::string(dataBytes, '\0');
}
std::string packed(const std::string& header, size_t dataBytes) { return packed(header.size(), header, dataBytes); }

std::string put(const std::string& name, const std::string& bytes) {
  std::filesystem::create_directories(folder);
  const auto path = folder / name;
  std::ofstream(path, std::ios::binary) << bytes;
  return path.string();
}

// "CODE message" of what `run` throws; "none" where nothing.
template <class F>
std::string refusal(F&& run) {
  try {
    run();
  } catch (const EngineError& error) {
    return error.code + " " + error.what();
  } catch (const std::exception& error) {
    return std::string("untyped ") + error.what();
  }
  return "none";
}

std::string opened(const std::string& bytes) {
  const std::string path = put("case.safetensors", bytes);
  return refusal([&] { Weights({path}); });
}

std::string tensor(const std::string& dtype, const std::string& shape, const std::string& offsets) {
  return R"({"w":{"dtype":")" + dtype + R"(","shape":)" + shape + R"(,"data_offsets":)" + offsets + "}}";
}

struct Case {
  const char* name;
  std::string bytes;
  std::string code;
  std::string says;
};

void hostileFiles() {
  const std::string good = tensor("F32", "[2,2]", "[0,16]");
  const std::string two = R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"b":{"dtype":"F32","shape":[2],)";
  const std::string deep(200, '[');
  const Case cases[] = {
      {"empty file", "", "BAD_FILE", "0 bytes is too short"},
      {"seven bytes", std::string(7, '\0'), "BAD_FILE", "7 bytes is too short"},
      {"length past the file", packed(good.size() + 1, good, 0), "BAD_FILE", "runs past the file"},
      {"length above the limit", packed(100'000'001, good, 16), "BAD_FILE", "above 100000000"},
      {"length of 2^64 - 1", packed(std::numeric_limits<uint64_t>::max(), good, 16), "BAD_FILE", "above 100000000"},
      {"empty header", packed("", 0), "BAD_FILE", "JSON"},
      {"not JSON", packed("weights", 0), "BAD_FILE", "JSON"},
      {"an array", packed("[]", 0), "BAD_FILE", "not a JSON object"},
      {"cut JSON", packed(good.substr(0, good.size() - 1), 16), "BAD_FILE", "JSON"},
      {"text after JSON", packed(good + "x", 16), "BAD_FILE", "text after the value"},
      {"deep nesting", packed(R"({"w":)" + deep, 0), "BAD_FILE", "nesting deeper"},
      {"invalid UTF-8", packed("{\"w\xff\":{}}", 0), "BAD_FILE", "invalid UTF-8"},
      {"overlong UTF-8", packed("{\"w\xc0\xaf\":{}}", 0), "BAD_FILE", "invalid UTF-8"},
      {"half a surrogate", packed(R"({"w\ud800":{}})", 0), "BAD_FILE", "surrogate"},
      {"a name twice", packed(R"({"w":{"dtype":"U8","shape":[0],"data_offsets":[0,0]},"w":{}})", 0), "BAD_FILE", "stands twice"},
      {"entry not an object", packed(R"({"w":1})", 0), "BAD_TENSOR", "\"w\": not an object"},
      {"no dtype", packed(R"({"w":{"shape":[1],"data_offsets":[0,4]}})", 4), "BAD_TENSOR", "\"w\": no dtype"},
      {"no shape", packed(R"({"w":{"dtype":"F32","data_offsets":[0,4]}})", 4), "BAD_TENSOR", "\"w\": no shape"},
      {"one offset", packed(tensor("F32", "[1]", "[0]"), 4), "BAD_TENSOR", "no pair of data_offsets"},
      {"unknown dtype", packed(tensor("F31", "[1]", "[0,4]"), 4), "BAD_TENSOR", "unknown dtype \"F31\""},
      {"negative dimension", packed(tensor("F32", "[-1]", "[0,4]"), 4), "BAD_TENSOR", "not a non-negative 64-bit integer"},
      {"fractional dimension", packed(tensor("F32", "[1.5]", "[0,6]"), 6), "BAD_TENSOR", "not a non-negative 64-bit integer"},
      {"dimension of 2^64", packed(tensor("F32", "[18446744073709551616]", "[0,0]"), 0), "BAD_TENSOR", "not a non-negative"},
      {"shape overflows", packed(tensor("F32", "[4294967296,4294967296]", "[0,0]"), 0), "BAD_TENSOR", "overflows 64 bits"},
      {"shape overflows by the width", packed(tensor("F32", "[4611686018427387904]", "[0,0]"), 0), "BAD_TENSOR", "overflows"},
      {"rank 9", packed(tensor("F32", "[1,1,1,1,1,1,1,1,1]", "[0,4]"), 4), "BAD_TENSOR", "rank 9 above 8"},
      {"offsets backwards", packed(tensor("F32", "[1]", "[4,0]"), 4), "BAD_TENSOR", "run backwards"},
      {"offsets past the data", packed(tensor("F32", "[2,2]", "[0,16]"), 12), "BAD_TENSOR", "run past the data of 12"},
      {"negative offset", packed(tensor("F32", "[1]", "[-4,0]"), 4), "BAD_TENSOR", "data_offsets are not"},
      {"offsets too wide", packed(tensor("F32", "[1]", "[0,8]"), 8), "BAD_TENSOR", "needs 4 bytes"},
      {"offsets too narrow", packed(tensor("F32", "[3]", "[0,8]"), 8), "BAD_TENSOR", "needs 12 bytes"},
      {"overlap", packed(two + R"("data_offsets":[4,12]}})", 12), "BAD_TENSOR", "inside another tensor"},
      {"same bytes twice", packed(two + R"("data_offsets":[0,8]}})", 8), "BAD_TENSOR", "inside another tensor"},
      {"hole", packed(two + R"("data_offsets":[12,20]}})", 20), "BAD_TENSOR", "after a hole"},
      {"bytes left over", packed(good, 17), "BAD_FILE", "end at byte 16 of 17"},
  };
  for (const Case& c : cases) {
    const std::string got = opened(c.bytes);
    const bool named = got.starts_with(c.code + " ") && got.find("case.safetensors") != std::string::npos &&
                       got.find(c.says) != std::string::npos;
    CHECK_CASE(named, std::string(c.name) + ": " + got);
  }
  CHECK(opened(packed(good, 16)) == "none");
  CHECK(opened(packed(good + "   ", 16)) == "none");
  CHECK(refusal([] { Weights({(folder / "absent").string()}); }).starts_with("BAD_FILE"));
  CHECK(refusal([] { Weights({folder.string()}); }).find("not a regular file") != std::string::npos);
  const std::string pipe = (folder / "pipe").string();
  CHECK(::mkfifo(pipe.c_str(), 0600) == 0);
  CHECK(refusal([&] { Weights({pipe}); }) == "BAD_FILE " + pipe + ": not a regular file");
}

std::string floats(std::initializer_list<float> values) {
  std::string bytes(values.size() * 4, '\0');
  std::memcpy(bytes.data(), std::data(values), bytes.size());
  return bytes;
}

void tensorsThatDoNotFit() {
  const std::string header = tensor("F32", "[2,2]", "[0,16]");
  const std::string path = put("good.safetensors", packed(header, 0) + floats({1, -2, 3, 4}));
  Weights weights({path});
  const Matrix matrix = weights.matrix("w", 2, 2, 1);
  CHECK(loadElement(matrix.data, matrix.type, 1) == -2);
  const std::string shape = refusal([&] { weights.matrix("w", 4, 1, 1); });
  CHECK_CASE(shape.starts_with("BAD_TENSOR") && shape.find("[2, 2]") != std::string::npos &&
                 shape.find("[4, 1]") != std::string::npos, shape);
  CHECK(refusal([&] { weights.matrix("v", 2, 2, 1); }).find("no tensor \"v\"") != std::string::npos);
  CHECK(refusal([&] { Weights({path, path}); }).starts_with("BAD_TENSOR"));

  for (const float poison : {std::nanf(""), std::numeric_limits<float>::infinity(), -std::numeric_limits<float>::infinity()}) {
    const std::string bad = put("bad.safetensors", packed(header, 0) + floats({1, 2, 3, poison}));
    const std::string got = refusal([&] { Weights({bad}).matrix("w", 2, 2, 2); });
    CHECK_CASE(got.starts_with("BAD_WEIGHTS") && got.find("\"w\"") != std::string::npos, got);
  }
  const std::string whole = put("whole.safetensors", packed(tensor("I32", "[2,2]", "[0,16]"), 16));
  CHECK(refusal([&] { Weights({whole}).matrix("w", 2, 2, 1); }).find("I32, not F32") != std::string::npos);

  // A header of odd length puts the data on an odd address: the tensor is copied, not misread.
  std::string odd = header;
  while ((8 + odd.size()) % 4 != 1) odd += ' ';
  Weights shifted({put("odd.safetensors", packed(odd, 0) + floats({5, 6, 7, 8}))});
  const Matrix copy = shifted.matrix("w", 2, 2, 1);
  CHECK(reinterpret_cast<uintptr_t>(copy.data) % 4 == 0 && loadElement(copy.data, copy.type, 3) == 8);
}

// As another program would that writes the model anew: read through a mapping, the tensor would be a SIGBUS.
void filesCutOffWhileInUse() {
  const std::string header = tensor("F32", "[2,2]", "[0,16]");
  const std::string path = put("cut.safetensors", packed(header, 0) + floats({1, 2, 3, 4}));
  Weights weights({path});
  std::filesystem::resize_file(path, 0);
  const Matrix matrix = weights.matrix("w", 2, 2, 1);
  CHECK(loadElement(matrix.data, matrix.type, 3) == 4);
}

// Packed, every matrix lies on a cache line's boundary, wherever its file has it, and the files may go.
void packedMatrices() {
  const std::string header = "{\"a\":{\"dtype\":\"F32\",\"shape\":[1,3],\"data_offsets\":[0,12]},"
                             "\"b\":{\"dtype\":\"F32\",\"shape\":[1,2],\"data_offsets\":[12,20]}}";
  const std::string path = put("two.safetensors", packed(header, 0) + floats({1, 2, 3, 4, 5}));
  Weights mapped({path}, 127);  // a line each is 128
  CHECK(!mapped.copied());
  CHECK(mapped.matrix("b", 1, 2, 1).at(0, 1) == 5);
  mapped.closeFiles();
  CHECK(mapped.inFiles());
  mapped.release();
  CHECK(!mapped.inFiles() && mapped.bytes() == 8);
  Weights weights({path}, 1 << 14);
  CHECK(weights.copied());
  const Matrix b = weights.matrix("b", 1, 2, 2), a = weights.matrix("a", 1, 3, 2), again = weights.matrix("b", 1, 2, 1);
  weights.closeFiles();
  CHECK(!weights.inFiles());
  for (const Matrix* matrix : {&a, &b}) CHECK(reinterpret_cast<uintptr_t>(matrix->data) % 64 == 0);
  CHECK(a.packed && a.at(0, 2) == 3 && b.at(0, 1) == 5 && again.at(0, 0) == 4);
  CHECK(weights.bytes() == 28);
}

// A matrix that holds several is the same in parts, in the file and packed, though a part begins within a panel; and there
// is room for all, however few rows they have.
void partsOfMatrices() {
  const std::vector<int> rows = {33, 5, 1};
  std::string numbers;
  for (int i = 0; i < 39 * 3; ++i) numbers += floats({static_cast<float>(i)});
  const std::string path = put("parts.safetensors", packed(tensor("F32", "[39,3]", "[0,468]"), 0) + numbers);
  Weights mapped({path}), weights({path}, 1 << 16);
  const std::vector<Matrix> lying = mapped.matrices("w", rows, 3, 2), dense = weights.matrices("w", rows, 3, 2);
  weights.closeFiles();
  float next = 0;
  for (size_t part = 0; part < rows.size(); ++part) {
    CHECK(dense[part].rows == rows[part] && reinterpret_cast<uintptr_t>(dense[part].data) % 64 == 0);
    for (int r = 0; r < rows[part]; ++r) {
      for (int k = 0; k < 3; ++k, ++next) CHECK(lying[part].at(r, k) == next && dense[part].at(r, k) == next);
    }
  }
  CHECK(next == 117);
}

}  // namespace

int main() {
  hostileFiles();
  tensorsThatDoNotFit();
  filesCutOffWhileInUse();
  packedMatrices();
  partsOfMatrices();
  std::filesystem::remove_all(folder);
  return checks();
}
