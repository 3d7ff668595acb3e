/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The HRT plugin ABI, revision 1.
 *
 * A plugin is one shared library that exports one symbol, hrt_plugin_query, and one manifest file
 * (NAME.hrt.json) that lies beside it. Through the manifest structure that hrt_plugin_query returns,
 * the host initialises the plugin and asks it for interfaces by string id:
 *
 *     hrt.backend/1    devices: which nodes they take, compilation, execution
 *     hrt.ops/1        operators: schema, type and shape inference, reference kernel
 *     hrt.pass/1       graph optimisation passes
 *     hrt.importer/1   readers of model files
 *
 * The host, in turn, offers tables of functions by string id (hrt_host.get_interface):
 *
 *     hrt.host.graph/1   reading graphs
 *     hrt.host.edit/1    changing graphs, inside a transaction that the host owns
 *     hrt.host.infer/1   what an operator's inference function may ask and answer
 *     hrt.host.kernel/1  values, and what an operator's kernel may ask and answer
 *     hrt.host.run/1     threads, memory planning, tracing, reference kernels: for backends
 *
 * Rules, all of them without exception:
 *
 *  - Every structure that crosses begins with struct_size, set by whoever made the structure to the
 *    sizeof that they compiled with. A reader may touch a member only if struct_size reaches past it:
 *    HRT_HAS(ptr, member). New members are only ever appended; none changes meaning. Arrays of
 *    structures are passed with a stride in bytes. (hrt_str, hrt_capture, hrt_op_inplace and
 *    hrt_arena_item are plain records that will never change and carry neither.)
 *  - A function that can fail returns hrt_status*. NULL is success. Statuses are made by the host
 *    alone (hrt_host.status_create); ownership goes to the receiver, who destroys it or passes it on.
 *  - No C++ exception and no C++ type crosses. Memory is released by the side that made it.
 *  - Strings are UTF-8 and NUL-terminated unless they come as hrt_str.
 *  - Pointers that a function hands out say how long they live. When nothing is said: until the
 *    call into the plugin during which they were obtained returns.
 *
 * Threads. Each function says on which threads it may be called:
 *   [any-thread]   any thread, concurrently with anything else
 *   [load-thread]  one thread at a time for this plugin; never concurrently with another
 *                  [load-thread] call into it
 *   [object]       any thread, but the caller serialises calls on one object (first argument)
 *
 * docs/abi.md has the manifest file's fields, and shows how asynchronous devices, cached compiled
 * blobs, power providers and out-of-process backends extend this ABI without breaking it.
 */
#ifndef HRT_PLUGIN_H
#define HRT_PLUGIN_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define HRT_ABI 1u /* what hrt_plugin_query receives, and hrt_plugin_manifest.abi carries */

#if defined(_WIN32)
#define HRT_EXPORT __declspec(dllexport)
#else
#define HRT_EXPORT __attribute__((visibility("default")))
#endif

/* True when the structure at p is long enough to have the member. p must not be NULL. */
#define HRT_HAS(p, member) ((p)->struct_size >= (size_t)((const char*)(&(p)->member + 1) - (const char*)(p)))

/* ------------------------------------------------------------------------------------- basics */

typedef struct hrt_status hrt_status; /* opaque; made by the host; NULL is success */

/* Codes are stable: hrt-run's exit codes and the embedding API's errors derive from them. */
typedef int32_t hrt_code;
enum {
  HRT_OK = 0,
  HRT_ERROR_USAGE = 1,       /* the caller asked for something that makes no sense */
  HRT_ERROR_BAD_DATA = 2,    /* a model, tensor, picture or other input is malformed or does not fit */
  HRT_ERROR_UNSUPPORTED = 3, /* well-formed, but nothing here can do it */
  HRT_ERROR_MISMATCH = 4,    /* a result differs from what was expected */
  HRT_ERROR_DEADLINE = 5,    /* deadline passed, or the request was cancelled */
  HRT_ERROR_MEMORY = 6,      /* out of memory, or over the limit that was set */
  HRT_ERROR_DEVICE_LOST = 7, /* the device no longer answers */
  HRT_ERROR_INTERNAL = 8     /* a bug in the host or in a plugin */
};

typedef struct hrt_str { /* not NUL-terminated; data may be NULL when size is 0 */
  const char* data;
  size_t size;
} hrt_str;

#define HRT_NONE UINT32_MAX /* "no such id": an absent optional input, a value without producer */

/* Element types; the numbers are those of ONNX's TensorProto.DataType. */
typedef int32_t hrt_dtype;
enum {
  HRT_UNDEFINED = 0,
  HRT_FLOAT32 = 1,
  HRT_UINT8 = 2,
  HRT_INT8 = 3,
  HRT_UINT16 = 4,
  HRT_INT16 = 5,
  HRT_INT32 = 6,
  HRT_INT64 = 7,
  HRT_STRING = 8,
  HRT_BOOL = 9, /* one byte, 0 or 1 */
  HRT_FLOAT16 = 10,
  HRT_FLOAT64 = 11,
  HRT_UINT32 = 12,
  HRT_UINT64 = 13,
  HRT_COMPLEX64 = 14,
  HRT_COMPLEX128 = 15,
  HRT_BFLOAT16 = 16,
  HRT_FLOAT8E4M3FN = 17,
  HRT_FLOAT8E4M3FNUZ = 18,
  HRT_FLOAT8E5M2 = 19,
  HRT_FLOAT8E5M2FNUZ = 20,
  HRT_UINT4 = 21, /* 4- and 2-bit types are packed, first element in the low bits */
  HRT_INT4 = 22,
  HRT_FLOAT4E2M1 = 23,
  HRT_FLOAT8E8M0 = 24,
  HRT_UINT2 = 25,
  HRT_INT2 = 26,
  HRT_DTYPE_COUNT = 27
};

/*
 * Dimensions, and integers that are tracked through shape arithmetic, are int64_t in which a narrow
 * band of very negative numbers stands for what is not a number:
 *   HRT_DIM_UNKNOWN       depends on data: known only once the producer has run
 *   HRT_DIM_UNKNOWN + id  symbol id (1 ... 2^32-1): will be a number as soon as the shapes of the
 *                         graph's inputs are. Equal symbols are equal dimensions.
 */
#define HRT_DIM_UNKNOWN (-INT64_C(0x4000000000000000))
#define HRT_DIM_IS_NUMBER(d) ((d) < HRT_DIM_UNKNOWN || (d) > HRT_DIM_UNKNOWN + INT64_C(0xffffffff))
#define HRT_DIM_IS_SYMBOL(d) (!HRT_DIM_IS_NUMBER(d) && (d) != HRT_DIM_UNKNOWN)

#define HRT_MAX_RANK 16

typedef int32_t hrt_kind;
enum { HRT_KIND_TENSOR = 1, HRT_KIND_SEQUENCE = 2, HRT_KIND_OPTIONAL = 3, HRT_KIND_MAP = 4 };

/* The type of a value. Immutable; lives as long as what it was obtained from. */
typedef struct hrt_type {
  size_t struct_size;
  hrt_kind kind;
  hrt_dtype dtype;                /* tensor: element type, or HRT_UNDEFINED when not yet inferred;
                                     map: key type */
  int32_t rank;                   /* tensor: -1 when unknown */
  const int64_t* dims;            /* tensor: rank entries, encoded as above */
  const struct hrt_type* element; /* sequence, optional: what is inside; map: the value type */
} hrt_type;

typedef struct hrt_graph hrt_graph;
typedef struct hrt_value hrt_value; /* a run-time value: tensor, sequence, optional or map */

/* A dense row-major tensor in host memory, aligned to at least 64 bytes unless it is an input. */
typedef struct hrt_tensor {
  size_t struct_size;
  hrt_dtype dtype;
  int32_t rank;
  const int64_t* dims; /* rank entries, each >= 0 */
  void* data;          /* HRT_STRING: an array of hrt_str, read-only; see hrt_kernel_api.string_set */
  size_t bytes;        /* of data; 0 elements: 0 */
  hrt_value* value;    /* the value that holds it; NULL when it is only a view */
} hrt_tensor;

typedef int32_t hrt_attr_type;
enum {
  HRT_ATTR_NONE = 0, /* not present */
  HRT_ATTR_INT = 1,
  HRT_ATTR_FLOAT = 2,
  HRT_ATTR_STRING = 3,
  HRT_ATTR_TENSOR = 4,
  HRT_ATTR_GRAPH = 5, /* a nested body; made with hrt_edit_api.add_body, never with set_attr */
  HRT_ATTR_INTS = 6,
  HRT_ATTR_FLOATS = 7,
  HRT_ATTR_STRINGS = 8,
  HRT_ATTR_TYPE = 9
};

typedef struct hrt_attr {
  size_t struct_size;
  const char* name;
  hrt_attr_type type;
  int64_t i;                  /* INT */
  float f;                    /* FLOAT */
  hrt_str s;                  /* STRING */
  const hrt_tensor* tensor;   /* TENSOR */
  const hrt_graph* graph;     /* GRAPH */
  const hrt_type* value_type; /* TYPE */
  const int64_t* ints;        /* INTS: count entries */
  const float* floats;        /* FLOATS */
  const hrt_str* strings;     /* STRINGS */
  size_t count;
} hrt_attr;

/* ----------------------------------------------------------------------------- the plugin itself */

typedef struct hrt_host hrt_host;

typedef struct hrt_plugin_manifest {
  size_t struct_size;
  uint32_t abi;            /* HRT_ABI that the plugin was compiled with */
  const char* id;          /* "vendor.product"; equal to the id in the manifest file */
  const char* version;     /* the plugin's own, "1.2.3" */
  const char* description; /* one line */

  /* [load-thread] Called once, before any other call. host outlives the plugin. library_path is the
   * file that was loaded (find data files beside it). On error the plugin is unloaded without
   * shutdown, listed as refused with the status' message, and the host goes on without it. */
  hrt_status* (*init)(const hrt_host* host, const char* library_path);

  /* [load-thread] Called once, after every object that the plugin made was destroyed. The library stays
   * mapped: a host that is made anew in the same process calls init again. */
  void (*shutdown)(void);

  /* [any-thread] The interface structure with this id, or NULL when the plugin has none. Pure; the
   * structure lives until shutdown returns. */
  const void* (*get_interface)(const char* id);
} hrt_plugin_manifest;

/* The one exported symbol. [any-thread] Pure: starts nothing, allocates nothing. host_abi is the
 * host's HRT_ABI; a plugin that needs a newer host returns NULL. */
HRT_EXPORT const hrt_plugin_manifest* hrt_plugin_query(uint32_t host_abi);
typedef const hrt_plugin_manifest* (*hrt_plugin_query_fn)(uint32_t host_abi);

/* ---------------------------------------------------------------------------------------- host */

typedef int32_t hrt_log_level;
enum { HRT_LOG_DEBUG = 0, HRT_LOG_INFO = 1, HRT_LOG_WARN = 2, HRT_LOG_ERROR = 3 };

struct hrt_host {
  size_t struct_size;
  uint32_t abi;
  /* [any-thread] A table of host functions by id, or NULL when this host has none. Lives as long as
   * the host. */
  const void* (*get_interface)(const char* id);
  /* [any-thread] Makes a status; the message is copied. Never returns NULL. */
  hrt_status* (*status_create)(hrt_code code, const char* message, size_t size);
  /* [any-thread] */
  hrt_code (*status_code)(const hrt_status* status);
  /* [any-thread] Lives as long as the status. */
  const char* (*status_message)(const hrt_status* status);
  /* [any-thread] NULL is allowed. */
  void (*status_destroy)(hrt_status* status);
  /* [any-thread] plugin: the plugin's id. */
  void (*log)(hrt_log_level level, const char* plugin, const char* message, size_t size);
};

/* --------------------------------------------------------------------- hrt.host.graph/1: reading */

/* What is asked of a node. Ids are dense small numbers, valid within one graph; they stay the same
 * as long as the graph is not edited, and pointers obtained here live as long. */
typedef struct hrt_node_info {
  size_t struct_size;
  const char* domain; /* "" is ONNX's own; "hrt" is the runtime's fused and device operators */
  const char* op_type;
  const char* name;       /* never NULL; may be "" */
  const uint32_t* inputs; /* value ids; HRT_NONE where an optional input is absent */
  size_t input_count;
  const uint32_t* outputs; /* value ids; HRT_NONE where an optional output is not wanted */
  size_t output_count;
  size_t attr_count;
} hrt_node_info;

typedef struct hrt_value_info {
  size_t struct_size;
  const char* name;
  const hrt_type* type;
  uint32_t producer;         /* node id, HRT_NONE for inputs, captures and constants */
  const uint32_t* consumers; /* node ids, one per use; a capture by a nested body counts */
  size_t consumer_count;
  const hrt_tensor* constant; /* NULL unless the value is a constant */
  uint32_t is_input;          /* formal input of the graph */
  uint32_t is_output;         /* output of the graph */
} hrt_value_info;

/* A nested body sees a value of the graph around it as a capture: an additional input. */
typedef struct hrt_capture {
  uint32_t outer; /* value id in the graph that holds the node */
  uint32_t inner; /* value id in the body */
} hrt_capture;

typedef struct hrt_graph_api { /* all [any-thread] as long as nobody edits the graph */
  size_t struct_size;
  const char* (*name)(const hrt_graph* graph);
  /* Node ids in an order in which producers precede consumers. */
  void (*nodes)(const hrt_graph* graph, const uint32_t** ids, size_t* count);
  void (*inputs)(const hrt_graph* graph, const uint32_t** ids, size_t* count);
  void (*outputs)(const hrt_graph* graph, const uint32_t** ids, size_t* count);
  void (*captures)(const hrt_graph* graph, const hrt_capture** captures, size_t* count);
  /* One more than the largest value id. */
  uint32_t (*value_limit)(const hrt_graph* graph);
  /* Both fill *out up to its struct_size; an id that does not exist is an error. */
  hrt_status* (*node)(const hrt_graph* graph, uint32_t node, hrt_node_info* out);
  hrt_status* (*value)(const hrt_graph* graph, uint32_t value, hrt_value_info* out);
  /* By name: out->type is HRT_ATTR_NONE when the node does not carry it (defaults are the
   * operator's business). By index: 0 ... attr_count-1. */
  hrt_status* (*attr)(const hrt_graph* graph, uint32_t node, const char* name, hrt_attr* out);
  hrt_status* (*attr_at)(const hrt_graph* graph, uint32_t node, size_t index, hrt_attr* out);
  /* The name of a symbolic dimension ("batch"), or "" for one that inference made up. */
  const char* (*symbol_name)(const hrt_graph* graph, int64_t dim);
  /* The version of an operator domain that the graph is written in; 0 when it uses none of it. */
  int64_t (*opset)(const hrt_graph* graph, const char* domain);
  /* Keeps the bytes of a constant valid, at the address that hrt_value_info.constant gives, after
   * the graph is gone: for a backend that reads weights in place instead of packing them. What is
   * not retained when compile returns is dropped. Ends with constant_release. */
  hrt_status* (*constant_retain)(const hrt_graph* graph, uint32_t value, void** handle);
  void (*constant_release)(void* handle);
} hrt_graph_api;

/* ---------------------------------------------------------------------- hrt.host.edit/1: changing */

/* An open transaction on one graph. The host opens it, hands it to the plugin for the length of one
 * call, and then verifies and commits it, or rolls it back when the plugin returns an error or the
 * result does not verify. Edits show at once through hrt.host.graph/1, except that node order is
 * settled, and use lists of removed things pruned, when the transaction commits. */
typedef struct hrt_edit hrt_edit;

typedef struct hrt_node_desc {
  size_t struct_size;
  const char* domain;
  const char* op_type;
  const char* name; /* NULL: the host makes one up */
  const uint32_t* inputs;
  size_t input_count;
  const char* const* output_names; /* NULL, or output_count entries; an entry that is NULL gets a
                                      made-up name, "" means that this output is not wanted */
  size_t output_count;
  const hrt_attr* attrs; /* copied; tensors inside them too */
  size_t attr_count;
  size_t attr_stride;
} hrt_node_desc;

typedef struct hrt_edit_api { /* all [object]; all return an error and change nothing when ids,
                                 names or types make no sense */
  size_t struct_size;
  const hrt_graph* (*graph)(const hrt_edit* edit);
  /* Adds a node and a new value for each wanted output; their types are inferred at commit.
   * node may be NULL; outputs, when not NULL, has room for output_count ids. */
  hrt_status* (*add_node)(hrt_edit* edit, const hrt_node_desc* desc, uint32_t* node, uint32_t* outputs);
  hrt_status* (*remove_node)(hrt_edit* edit, uint32_t node); /* its outputs must be unused by then */
  hrt_status* (*set_input)(hrt_edit* edit, uint32_t node, uint32_t index, uint32_t value);
  hrt_status* (*set_attr)(hrt_edit* edit, uint32_t node, const hrt_attr* attr); /* NONE removes */
  /* Every use of from, as graph output and by nested bodies too, becomes a use of to. A graph
   * output keeps its name and position. */
  hrt_status* (*replace_uses)(hrt_edit* edit, uint32_t from, uint32_t to);
  hrt_status* (*add_input)(hrt_edit* edit, const char* name, const hrt_type* type, uint32_t* value);
  /* Which values are the graph's outputs, in order; a value may be there more than once. */
  hrt_status* (*set_outputs)(hrt_edit* edit, const uint32_t* values, size_t count);
  /* Declares (importer) or refines a value's type; what inference finds later must agree. */
  hrt_status* (*set_type)(hrt_edit* edit, uint32_t value, const hrt_type* type);
  /* A constant whose bytes are copied. */
  hrt_status* (*add_constant)(hrt_edit* edit, const char* name, const hrt_tensor* data, uint32_t* value);
  /* A constant whose bytes stay where they are: release(user) is called when no one needs them. The
   * address must be aligned to the element. On error release has not been called. */
  hrt_status* (*add_constant_borrowed)(hrt_edit* edit, const char* name, const hrt_tensor* data,
                                       void (*release)(void* user), void* user, uint32_t* value);
  /* A constant that lies in a file: mapped, never copied. path is relative to the directory of the
   * model and must stay inside it (no "..", no links). type has dtype and numeric dims. */
  hrt_status* (*add_constant_file)(hrt_edit* edit, const char* name, const hrt_type* type, const char* path,
                                   uint64_t offset, uint64_t bytes, uint32_t* value);
  /* Starts the nested body of a node, under an attribute name; fill it through the edit returned,
   * which lives as long as this one. */
  hrt_status* (*add_body)(hrt_edit* edit, uint32_t node, const char* attr_name, const char* graph_name,
                          hrt_edit** body);
  /* In a body: makes a value of the graph around it visible inside. */
  hrt_status* (*add_capture)(hrt_edit* body, uint32_t outer, uint32_t* inner);
  /* The dimension that stands for this name in this model. */
  hrt_status* (*symbol)(hrt_edit* edit, const char* name, int64_t* dim);
  hrt_status* (*set_opset)(hrt_edit* edit, const char* domain, int64_t version);
  hrt_status* (*set_metadata)(hrt_edit* edit, const char* key, const char* value, size_t size);
  hrt_status* (*set_name)(hrt_edit* edit, const char* graph_name);
} hrt_edit_api;

/* ------------------------------------------------------------------ hrt.ops/1: operators */

typedef struct hrt_infer hrt_infer;   /* one call of an inference function */
typedef struct hrt_kernel hrt_kernel; /* one call of a kernel */

enum { /* hrt_op_param.flags */
       HRT_PARAM_OPTIONAL = 1,
       HRT_PARAM_VARIADIC = 2, /* last parameter only: any number of them, at least one unless OPTIONAL */
       HRT_PARAM_HETEROGENEOUS = 4, /* variadic whose members may differ in type */
       HRT_PARAM_SHAPE = 8          /* input whose data, not only shape, decides output shapes */
};

typedef struct hrt_op_param {
  size_t struct_size;
  const char* name;
  const char* type; /* name of a type constraint, or of a dtype ("int64") */
  uint32_t flags;
} hrt_op_param;

typedef struct hrt_op_attr {
  size_t struct_size;
  const char* name;
  hrt_attr_type type;
  uint32_t required;
  const char* default_text; /* for people, "" when there is none */
} hrt_op_attr;

#define HRT_DTYPE_BIT(dtype) (UINT64_C(1) << (dtype))

typedef struct hrt_op_constraint {
  size_t struct_size;
  const char* name;         /* "T" */
  uint64_t dtypes;          /* tensor element types allowed: HRT_DTYPE_BIT(...) | ... ; 0: no tensors */
  uint64_t sequence_dtypes; /* the same for sequences of tensors */
  uint64_t optional_dtypes; /* the same for optional tensors, and optional sequences of tensors */
} hrt_op_constraint;

typedef struct hrt_op_inplace { /* output may be written over input: the kernel reads element i of the
                                   input before it writes element i of the output */
  uint32_t input;
  uint32_t output;
} hrt_op_inplace;

enum {                              /* hrt_op.flags */
       HRT_OP_NONDETERMINISTIC = 1, /* never folded, never merged with an equal node */
       HRT_OP_CONTROL = 2,          /* runs nested bodies */
       HRT_OP_DATA_SHAPE = 4        /* output shapes depend on the data of inputs that are not
                                       HRT_PARAM_SHAPE: known only after the kernel ran */
};

typedef struct hrt_op hrt_op;
struct hrt_op {
  size_t struct_size;
  const char* domain;
  const char* name;
  int64_t since_version; /* of the domain, at which this operator got the meaning given here */
  const char* doc;       /* one line */
  const hrt_op_param* inputs;
  size_t input_count;
  const hrt_op_param* outputs;
  size_t output_count;
  size_t param_stride; /* of inputs and outputs */
  const hrt_op_attr* attrs;
  size_t attr_count;
  size_t attr_stride;
  const hrt_op_constraint* constraints;
  size_t constraint_count;
  size_t constraint_stride;
  const hrt_op_inplace* inplace;
  size_t inplace_count;
  uint32_t flags;
  /* [any-thread] Says the type of every output from what is known of the inputs, by way of
   * hrt.host.infer/1. The host has checked counts, attribute names and types, and type constraints.
   * An error means that the node can never run. */
  hrt_status* (*infer)(const hrt_op* op, hrt_infer* infer);
  /* [any-thread] Computes the outputs, by way of hrt.host.kernel/1: the reference that every backend
   * is held against. NULL: the operator runs only on backends that take it. */
  hrt_status* (*compute)(const hrt_op* op, hrt_kernel* kernel);
  void* user; /* the plugin's own */
};

typedef struct hrt_ops_api { /* "hrt.ops/1" */
  size_t struct_size;
  const hrt_op* const* ops; /* live until shutdown */
  size_t op_count;
} hrt_ops_api;

typedef struct hrt_infer_api { /* "hrt.host.infer/1"; all [object] */
  size_t struct_size;
  void (*node)(const hrt_infer* infer, const hrt_graph** graph, uint32_t* node); /* for attributes */
  uint32_t (*input_count)(const hrt_infer* infer);
  uint32_t (*output_count)(const hrt_infer* infer);
  /* NULL when the input is absent, or nothing is known of it yet. */
  const hrt_type* (*input_type)(const hrt_infer* infer, uint32_t index);
  /* The data of a tensor input where it is known completely, else NULL. */
  const hrt_tensor* (*input_constant)(const hrt_infer* infer, uint32_t index);
  /* The elements of an integer tensor input as far as they are known: numbers, symbols and unknowns
   * in the encoding of dimensions. Returns 0 when nothing is known of them. */
  int (*input_values)(const hrt_infer* infer, uint32_t index, const int64_t** values, size_t* count);
  /* A fresh symbol: a dimension computed from symbols in a way that has no name. */
  int64_t (*new_symbol)(hrt_infer* infer);
  /* Type is copied. Outputs that are not wanted are silently skipped. */
  hrt_status* (*set_output_type)(hrt_infer* infer, uint32_t index, const hrt_type* type);
  /* Elements of an integer output, in the encoding of input_values; shape arithmetic goes this way. */
  hrt_status* (*set_output_values)(hrt_infer* infer, uint32_t index, const int64_t* values, size_t count);
  /* Infers a nested body for these input types; types has room for output_count entries, which live
   * until the inference function returns. An entry of inputs may be NULL: not known. */
  hrt_status* (*infer_body)(hrt_infer* infer, const char* attr_name, const hrt_type* const* inputs,
                            size_t input_count, const hrt_type** types, size_t output_count);
} hrt_infer_api;

typedef struct hrt_kernel_api { /* "hrt.host.kernel/1"; all [object] on the kernel; functions on values
                                   are [any-thread] */
  size_t struct_size;
  void (*node)(const hrt_kernel* kernel, const hrt_graph** graph, uint32_t* node);
  uint32_t (*input_count)(const hrt_kernel* kernel);
  uint32_t (*output_count)(const hrt_kernel* kernel);
  const hrt_value* (*input)(const hrt_kernel* kernel, uint32_t index); /* NULL when absent */
  int (*output_wanted)(const hrt_kernel* kernel, uint32_t index);
  /* Gives the memory of an output. May alias an input where the operator declared it in place. */
  hrt_status* (*output_tensor)(hrt_kernel* kernel, uint32_t index, hrt_dtype dtype, int32_t rank,
                               const int64_t* dims, hrt_tensor* out);
  /* The output is this very value, shared and not copied. */
  hrt_status* (*output_value)(hrt_kernel* kernel, uint32_t index, const hrt_value* value);
  /* Temporaries; they belong to the kernel call and end with it, or with release. Contents of a new
   * tensor are zero (strings: empty). */
  hrt_status* (*make_tensor)(hrt_kernel* kernel, hrt_dtype dtype, int32_t rank, const int64_t* dims,
                             hrt_value** out);
  hrt_status* (*make_sequence)(hrt_kernel* kernel, const hrt_type* element, const hrt_value* const* values,
                               size_t count, hrt_value** out);
  hrt_status* (*make_optional)(hrt_kernel* kernel, const hrt_type* element, const hrt_value* value_or_null,
                               hrt_value** out);
  void (*release)(hrt_kernel* kernel, const hrt_value* value);
  /* Runs a nested body once. inputs: the body's formal inputs (captures are bound by the host).
   * outputs gets output_count temporaries. */
  hrt_status* (*run_body)(hrt_kernel* kernel, const char* attr_name, const hrt_value* const* inputs,
                          size_t input_count, const hrt_value** outputs, size_t output_count);
  /* Non-zero when the request was cancelled or its deadline passed; long kernels ask now and then,
   * and return status_create(HRT_ERROR_DEADLINE, ...). */
  int (*cancelled)(const hrt_kernel* kernel);

  /* Reading values. */
  hrt_kind (*value_kind)(const hrt_value* value);
  const hrt_type* (*value_type)(const hrt_value* value);
  hrt_status* (*value_tensor)(const hrt_value* value, hrt_tensor* out); /* error unless it is a tensor */
  size_t (*value_count)(const hrt_value* value); /* sequence: length; optional: 0 or 1; map: entries */
  const hrt_value* (*value_at)(const hrt_value* value, size_t index); /* NULL when out of range */
  /* Sets one element of a string tensor that the kernel made. The bytes are copied. */
  hrt_status* (*string_set)(hrt_value* tensor, size_t index, const char* data, size_t size);
} hrt_kernel_api;

/* ------------------------------------------------------------------ hrt.backend/1: devices */

typedef struct hrt_device hrt_device;         /* an opened device */
typedef struct hrt_executable hrt_executable; /* a compiled subgraph */
typedef struct hrt_prepared hrt_prepared;     /* an executable made ready for one set of shapes */
typedef struct hrt_context hrt_context;       /* one run in flight of a prepared executable */
typedef struct hrt_run hrt_run;               /* the host's side of a request */

typedef struct hrt_buffer hrt_buffer; /* memory that a device with a queue works on */
typedef struct hrt_fence hrt_fence;   /* a timeline: a number that only grows, from 0 */

typedef int32_t hrt_device_kind;
enum { HRT_DEVICE_CPU = 1, HRT_DEVICE_GPU = 2, HRT_DEVICE_NPU = 3, HRT_DEVICE_OTHER = 4 };

/* Where a device reads its inputs and writes its outputs. */
typedef int32_t hrt_memory;
enum {
  HRT_MEMORY_HOST = 0,   /* at any address of the host's; runs are synchronous (run) */
  HRT_MEMORY_SHARED = 1, /* in host memory that was imported into a buffer; runs are queued (submit) */
  HRT_MEMORY_DEVICE = 2  /* in buffers of the device's own, to and from which the host copies; queued */
};

typedef struct hrt_device_info {
  size_t struct_size;
  const char* name;        /* "cpu", "vulkan"; the host appends ":1", ":2" ... when there are several */
  const char* description; /* "AMD EPYC, AVX-512" */
  hrt_device_kind kind;
  uint64_t memory_bytes; /* 0: the host's memory */
  hrt_memory memory;
  uint64_t alignment;       /* of offsets of values in buffers, and for HRT_MEMORY_SHARED of the address and
                               size of what buffer_import takes too; a power of two; 0: 64 */
  double submit_us;         /* estimates: what any submission costs; 0: no idea */
  double copy_bytes_per_us; /* HRT_MEMORY_DEVICE: to and from the host */
} hrt_device_info;

typedef struct hrt_options { /* what the configuration holds under [backend.NAME] */
  size_t struct_size;
  const char* const* keys;
  const char* const* values;
  size_t count;
} hrt_options;

typedef struct hrt_node_support {
  size_t struct_size;
  uint32_t supported;
  char reason[120];  /* not supported: why, in words ("dtype int64", "dilation > 1"); NUL-terminated */
  double latency_us; /* estimates; 0: no idea */
  double energy_uj;
  uint64_t workspace_bytes;
} hrt_node_support;

typedef struct hrt_shapes {
  size_t struct_size;
  const hrt_type* const* types;   /* by value id of the compiled graph; NULL for ids that are unused.
                                     All numeric: the host has run shape inference. */
  const hrt_tensor* const* known; /* by value id: the data of values that are known before the run
                                     (results of shape arithmetic, small constants), else NULL. Large
                                     constants are known only to those who retained them. */
  uint32_t value_limit;
} hrt_shapes;

typedef struct hrt_requirements {
  size_t struct_size;
  uint64_t workspace_bytes; /* host memory given to every run, aligned to 64 bytes, contents undefined */
} hrt_requirements;

enum { HRT_RUN_PROFILE = 1 }; /* hrt_run_args.flags: call trace_begin and trace_end around every node */

typedef struct hrt_run_args {
  size_t struct_size;
  hrt_run* run;
  const void* const* inputs; /* data of the graph's inputs, in order; shapes are those of prepare */
  size_t input_count;
  void* const* outputs; /* where to write the graph's outputs, aligned to 64 bytes; they overlap
                           neither inputs nor workspace */
  size_t output_count;
  void* workspace;
  uint32_t flags;
} hrt_run_args;

/* Part of a buffer. buffer may be NULL when bytes is 0. */
typedef struct hrt_region {
  hrt_buffer* buffer;
  uint64_t offset; /* a multiple of hrt_device_info.alignment */
  uint64_t bytes;
} hrt_region;

/* A point on a fence's timeline: reached once the fence's number is at least value. */
typedef struct hrt_point {
  hrt_fence* fence;
  uint64_t value;
} hrt_point;

typedef struct hrt_bind_args {
  size_t struct_size;
  const hrt_region* inputs; /* of the graph, in order; shapes are those of prepare */
  size_t input_count;
  const hrt_region* outputs; /* overlap neither one another nor inputs */
  size_t output_count;
} hrt_bind_args;

/* When queued work begins and what tells its end. The work begins when all points of wait are reached,
 * reads what was written before them, and then reaches signal, whose value is larger than any that was
 * signalled on that fence. Work that waits for nothing of the other's may overlap. */
typedef struct hrt_submit_args {
  size_t struct_size;
  hrt_run* run; /* lives until signal is reached or the device is given up; NULL for copies */
  const hrt_point* wait;
  size_t wait_count;
  hrt_point signal;
  uint32_t flags; /* HRT_RUN_PROFILE: keep the times of nodes for collect */
} hrt_submit_args;

typedef int32_t hrt_direction;
enum { HRT_TO_DEVICE = 1, HRT_TO_HOST = 2 };

typedef struct hrt_copy {
  size_t struct_size;
  hrt_direction direction;
  hrt_region region;
  void* host; /* region.bytes bytes, untouched by others until the copy's point is reached */
} hrt_copy;

/* A device with HRT_MEMORY_HOST has run and none of the members behind it. A device with a queue has all of
 * them but the optional ones; run, where it has it, is for hosts whose hrt_device_info ends before memory.
 *
 * A device that is gone answers HRT_ERROR_DEVICE_LOST from then on, from wherever it is noticed. The host
 * takes such a device out, and one that returned another error for a run that was in order, or that was
 * silent for longer than the configuration allows; it destroys what it made with it, buffers last, and does
 * not use the device again. Destroying must work then, without waiting for the device for ever. */
typedef struct hrt_backend_api { /* "hrt.backend/1" */
  size_t struct_size;
  const char* name; /* "cpu": what the user types after -d, and the configuration's [backend.NAME] */

  /* [load-thread] What is there now. */
  hrt_status* (*device_count)(uint32_t* count);
  hrt_status* (*device_info)(uint32_t index, hrt_device_info* out);
  /* [load-thread] An option that is not known is an error that names it. */
  hrt_status* (*device_open)(uint32_t index, const hrt_options* options, hrt_device** out);
  void (*device_close)(hrt_device* device);

  /* [any-thread] Fills out[i] for the i-th node in the order of hrt_graph_api.nodes. Shapes may be
   * symbolic. The host asks only for nodes whose inputs and outputs are tensors of numbers. */
  hrt_status* (*query_nodes)(hrt_device* device, const hrt_graph* graph, hrt_node_support* out, size_t count,
                             size_t stride);

  /* [any-thread] Compiles a graph all of whose nodes were answered "supported". The graph lives only
   * during the call: copy, pack or constant_retain what is needed later. */
  hrt_status* (*compile)(hrt_device* device, const hrt_graph* graph, hrt_executable** out);
  void (*executable_destroy)(hrt_executable* executable);

  /* [any-thread] Plans for these shapes; cheap compared with compile (no packing of weights). */
  hrt_status* (*prepare)(hrt_executable* executable, const hrt_shapes* shapes, hrt_prepared** out,
                         hrt_requirements* requirements);
  void (*prepared_destroy)(hrt_prepared* prepared);

  /* [any-thread] As many contexts as requests in flight. */
  hrt_status* (*context_create)(hrt_prepared* prepared, hrt_context** out);
  void (*context_destroy)(hrt_context* context);

  /* [object] Runs to the end. Allocates nothing once warm. Threads: hrt_run_api.parallel_for. A
   * device with a queue may have NULL here. */
  hrt_status* (*run)(hrt_context* context, const hrt_run_args* args);

  /* Devices with a queue. [any-thread] unless said otherwise. */

  /* HRT_MEMORY_DEVICE. Contents are undefined. HRT_ERROR_MEMORY when it does not fit. */
  hrt_status* (*buffer_allocate)(hrt_device* device, uint64_t bytes, hrt_buffer** out);
  /* HRT_MEMORY_SHARED. host and bytes are multiples of hrt_device_info.alignment and stay valid until
   * buffer_release. What the host wrote before a submission the device sees, and the other way round. */
  hrt_status* (*buffer_import)(hrt_device* device, void* host, uint64_t bytes, hrt_buffer** out);
  void (*buffer_release)(hrt_buffer* buffer);

  hrt_status* (*fence_create)(hrt_device* device, hrt_fence** out);
  void (*fence_destroy)(hrt_fence* fence); /* nobody waits for it, nothing will signal it */
  /* Waits until value is reached, at most so long; *reached says which. Several threads may wait. */
  hrt_status* (*fence_wait)(hrt_fence* fence, uint64_t value, uint64_t timeout_ns, uint32_t* reached);

  /* [object on the context] Says where the values of every submission of this context lie; called once,
   * before the first. Commands can be recorded here. */
  hrt_status* (*bind)(hrt_context* context, const hrt_bind_args* args);
  /* [object on the context] Queues one run and returns; the one before has ended. */
  hrt_status* (*submit)(hrt_context* context, const hrt_submit_args* args);
  /* HRT_MEMORY_DEVICE. Queues copies and returns. */
  hrt_status* (*copy)(hrt_device* device, const hrt_copy* copies, size_t count, size_t stride,
                      const hrt_submit_args* args);
  /* [object on the context] Optional. After the end of each run: the error that the run itself met, if any
   * (bad data); after one with HRT_RUN_PROFILE reports when each node ran, through hrt_run_api.trace_add. */
  hrt_status* (*collect)(hrt_context* context, hrt_run* run);
} hrt_backend_api;

/* One buffer of an arena: alive from step first to step last, both included. */
typedef struct hrt_arena_item {
  uint64_t bytes;
  uint32_t first;
  uint32_t last;
  uint32_t share;  /* index of an item that this one may overwrite when that one's last step is this
                      one's first, or HRT_NONE */
  uint64_t offset; /* the answer */
} hrt_arena_item;

typedef struct hrt_run_api { /* "hrt.host.run/1" */
  size_t struct_size;
  /* [any-thread] Calls body(user, begin, end, worker) so that the ranges cover 0 ... count-1, each of
   * at least grain, on the threads of the request that calls; returns when all are done. worker <
   * concurrency() is unique among the calls that run at the same time. A small count runs on the
   * caller. Body must not throw. */
  void (*parallel_for)(int64_t count, int64_t grain,
                       void (*body)(void* user, int64_t begin, int64_t end, uint32_t worker), void* user);
  /* [any-thread] How many threads parallel_for uses at most, for the request that calls. */
  uint32_t (*concurrency)(void);
  /* [any-thread] Lays buffers into one arena by lifetime: offsets into items, size into total.
   * alignment is a power of two. */
  hrt_status* (*plan_arena)(hrt_arena_item* items, size_t count, uint64_t alignment, uint64_t* total);
  /* [any-thread] Non-zero when the run should end early with HRT_ERROR_DEADLINE. */
  int (*cancelled)(const hrt_run* run);
  /* [object] Around each node (id in the compiled graph) when HRT_RUN_PROFILE is set. */
  void (*trace_begin)(hrt_run* run, uint32_t node);
  void (*trace_end)(hrt_run* run, uint32_t node);
  /* [any-thread] Is there a reference kernel for this node? */
  int (*kernel_available)(const hrt_graph* graph, uint32_t node);
  /* Calls the node's reference kernel on tensors; outputs have their final shapes. An entry is NULL
   * for an absent input, or an output that is not wanted. */
  hrt_status* (*kernel_run)(hrt_run* run, const hrt_graph* graph, uint32_t node,
                            const hrt_tensor* const* inputs, size_t input_count,
                            const hrt_tensor* const* outputs, size_t output_count);
  /* [any-thread] The operator's declaration that output may overwrite input. */
  int (*inplace)(const hrt_graph* graph, uint32_t node, uint32_t input, uint32_t output);
  /* [any-thread] Keeps a graph readable after compile has returned: for interpreters. Constants are
   * kept too. Ends with graph_release. */
  hrt_status* (*graph_retain)(const hrt_graph* graph, const hrt_graph** out);
  void (*graph_release)(const hrt_graph* graph);
  /* [object] When a node ran, on the host's monotonic clock (CLOCK_MONOTONIC): for devices with a queue. */
  void (*trace_add)(hrt_run* run, uint32_t node, uint64_t begin_ns, uint64_t end_ns);
} hrt_run_api;

/* ------------------------------------------------------------------ hrt.pass/1 */

/* Phases run in this order; within a phase, passes run in the order of the configuration, then of
 * discovery, until none of them changes anything. */
typedef int32_t hrt_phase;
enum {
  HRT_PHASE_CLEANUP = 1, /* folding, dead code, duplicates */
  HRT_PHASE_FUSE = 2,    /* several operators into one. A fused node that the first-choice device does
                            not take is rolled back by the host. */
  HRT_PHASE_LAYOUT = 3   /* transposes, data layout */
};

typedef struct hrt_pass_run hrt_pass_run;

typedef struct hrt_pass hrt_pass;
struct hrt_pass {
  size_t struct_size;
  const char* name; /* "fold-constants" */
  const char* doc;  /* one line */
  hrt_phase phase;
  /* [object] Offered every node, producers first, again whenever a neighbour changed. Sets *changed
   * when it edited. One call, one transaction. */
  hrt_status* (*rewrite)(const hrt_pass* pass, hrt_pass_run* run, hrt_edit* edit, uint32_t node,
                         uint32_t* changed);
  void* user; /* the plugin's own */
};

typedef struct hrt_pass_api { /* "hrt.pass/1" */
  size_t struct_size;
  const hrt_pass* const* passes;
  size_t pass_count;
} hrt_pass_api;

typedef struct hrt_pass_host_api { /* "hrt.host.pass/1"; all [object] */
  size_t struct_size;
  /* Evaluates a node all of whose inputs are constants with its reference kernel and adds the results
   * as constants; values has room for its output count. HRT_ERROR_UNSUPPORTED: there is no kernel, it
   * is not deterministic, an output is not a tensor or is larger than the host's limit for folding. */
  hrt_status* (*evaluate)(hrt_pass_run* run, hrt_edit* edit, uint32_t node, uint32_t* values);
  /* hrt_op.flags of the node's operator. */
  uint32_t (*op_flags)(hrt_pass_run* run, const hrt_graph* graph, uint32_t node);
} hrt_pass_host_api;

/* ------------------------------------------------------------------ hrt.importer/1 */

typedef struct hrt_import hrt_import; /* the host's side of one import */

typedef struct hrt_source {
  size_t struct_size;
  const char* path; /* for messages; "" when the model came from memory */
  const void* data; /* the file, mapped; lives only during the call */
  uint64_t size;
} hrt_source;

typedef struct hrt_importer_api { /* "hrt.importer/1" */
  size_t struct_size;
  const char* name;              /* "onnx" */
  const char* const* extensions; /* ".onnx", ...; NULL-terminated */
  /* [any-thread] Is this such a file? 0: no; 100: surely. Looks at no more than the first bytes. */
  int (*probe)(const hrt_source* source);
  /* [any-thread] Builds the model into an empty graph. Errors name the file, and the node with its
   * operator and version where one is to blame. Model files are hostile. */
  hrt_status* (*import_model)(const hrt_source* source, hrt_edit* edit);
  /* [any-thread] Decodes a file that holds one value (a test's input or output). make_* and
   * output_value 0 of the kernel table build the result. May be NULL. type: what the model declares
   * for it, or NULL: some formats need it to tell a sequence from a tensor. */
  hrt_status* (*import_value)(const hrt_source* source, const hrt_type* type, hrt_kernel* result);
} hrt_importer_api;

#ifdef __cplusplus
}
#endif
#endif
