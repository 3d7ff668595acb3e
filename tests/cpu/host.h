// SPDX-License-Identifier: Apache-2.0
// A host as small as the CPU backend allows: graphs made by tests, the tables of functions that a backend
// calls, and a run from graph to outputs. Memory that a backend is given is poisoned first, inputs are
// aligned to their element only, and writing past an output is found.
#pragma once

#include <algorithm>
#include <cstring>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include <hrt/plugin.h>
#include <hrt/dtype.hpp>

namespace hrt::test {

using Dims = std::vector<int64_t>;

int64_t count(const Dims& dims);

struct Data {
  hrt_dtype dtype = HRT_FLOAT32;
  Dims dims;
  std::vector<std::byte> bytes;

  Data() = default;
  Data(hrt_dtype t, Dims d);
  template <class T>
  Data(Dims d, const std::vector<T>& v) : Data(dtype_of<T>, std::move(d)) {
    std::copy(v.begin(), v.end(), as<T>());
  }
  template <class T>
  T* as() {
    return reinterpret_cast<T*>(bytes.data());
  }
  template <class T>
  const T* as() const {
    return reinterpret_cast<const T*>(bytes.data());
  }
  template <class T>
  std::vector<T> vector() const {
    return {as<T>(), as<T>() + count(dims)};
  }
  std::vector<float> floats() const { return vector<float>(); }
};

// Floats in [-1, 1), the same for the same seed.
Data random(Dims dims, unsigned seed);

struct Attr {
  std::string name;
  hrt_attr_type type;
  int64_t i = 0;
  float f = 0;
  std::string s;
  std::vector<int64_t> ints;
  std::vector<float> floats;
  std::vector<std::string> strings;

  Attr(std::string n, int v) : name(std::move(n)), type(HRT_ATTR_INT), i(v) {}
  Attr(std::string n, int64_t v) : name(std::move(n)), type(HRT_ATTR_INT), i(v) {}
  Attr(std::string n, float v) : name(std::move(n)), type(HRT_ATTR_FLOAT), f(v) {}
  Attr(std::string n, const char* v) : name(std::move(n)), type(HRT_ATTR_STRING), s(v) {}
  Attr(std::string n, std::string v) : name(std::move(n)), type(HRT_ATTR_STRING), s(std::move(v)) {}
  Attr(std::string n, std::vector<int64_t> v) : name(std::move(n)), type(HRT_ATTR_INTS), ints(std::move(v)) {}
  Attr(std::string n, std::vector<float> v)
      : name(std::move(n)), type(HRT_ATTR_FLOATS), floats(std::move(v)) {}
  Attr(std::string n, std::vector<std::string> v)
      : name(std::move(n)), type(HRT_ATTR_STRINGS), strings(std::move(v)) {}
};

struct Out {  // the type of a node's output
  Dims dims;
  hrt_dtype dtype = HRT_FLOAT32;
  Out(Dims d, hrt_dtype t = HRT_FLOAT32) : dims(std::move(d)), dtype(t) {}
  Out(std::initializer_list<int64_t> d) : dims(d) {}
};

// A graph with all shapes given by the test.
class Model {
 public:
  Model();
  ~Model();
  uint32_t input(Dims dims, hrt_dtype dtype = HRT_FLOAT32);
  uint32_t constant(Data data);
  uint32_t constant(Dims dims, const std::vector<int64_t>& v) { return constant(Data(std::move(dims), v)); }
  // A value that no constant holds but shape arithmetic knows: hrt_shapes.known has it, the graph has not.
  uint32_t known(Data data);
  // op may be "domain:name". HRT_NONE in inputs: absent. Returns the first output's id; the others follow.
  uint32_t node(const std::string& op, std::vector<uint32_t> inputs, std::vector<Out> outputs,
                std::vector<Attr> attrs = {});
  uint32_t node(const std::string& op, std::vector<uint32_t> inputs, Dims out, std::vector<Attr> attrs = {}) {
    return node(op, std::move(inputs), std::vector<Out>{Out(std::move(out))}, std::move(attrs));
  }
  void output(uint32_t value);
  hrt_graph* graph() const { return graph_.get(); }

 private:
  std::unique_ptr<hrt_graph> graph_;
};

struct Failure {  // a status
  hrt_code code;
  std::string message;
};

// The message of a status, which is destroyed.
std::string message_of(hrt_status* status);

// One library of the backend.
class Backend {
 public:
  explicit Backend(const std::string& isa);  // exits the process when the library does not load
  const hrt_backend_api& api() const { return *api_; }

  // Reasons by node; "" is supported.
  std::vector<std::string> query(const Model& model) const;
  // Throws Failure.
  std::vector<Data> run(const Model& model, const std::vector<Data>& inputs, int threads = 1) const;

 private:
  const hrt_backend_api* api_ = nullptr;
};

// A model compiled and prepared, for timing: run() takes the same inputs again and again.
class Runner {
 public:
  Runner(const Backend& backend, const Model& model, const std::vector<Data>& inputs, int threads);
  ~Runner();
  void run();
  std::vector<Data> outputs() const;
  uint64_t workspace_bytes() const;
  // ns that the last run spent in each node (with reorders before it), by position in the model.
  std::vector<double> profile();

 private:
  struct State;
  std::unique_ptr<State> s_;
};

// The libraries that this machine can run: "avx512", "avx2", "baseline".
const std::vector<std::string>& isas();
const Backend& backend(const std::string& isa);

}  // namespace hrt::test
