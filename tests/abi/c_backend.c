/* SPDX-License-Identifier: Apache-2.0 */
/* A complete backend in plain C11 against plugin.h alone: the proof that the ABI needs no C++. One device,
 * "c", that takes Relu, and Add of equal shapes, on float32. Everything else is refused with its reason. */
#include <hrt/plugin.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const hrt_host* g_host;
static const hrt_graph_api* g_graph;
static const hrt_run_api* g_run;

static hrt_status* failure(hrt_code code, const char* message) {
  return g_host->status_create(code, message, strlen(message));
}

static hrt_status* no_memory(void) { return failure(HRT_ERROR_MEMORY, "out of memory"); }

/* ---------------------------------------------------------------------------------- the device */

struct hrt_device {
  int open;
};

static hrt_status* device_count(uint32_t* count) {
  *count = 1;
  return NULL;
}

static hrt_status* device_info(uint32_t index, hrt_device_info* out) {
  (void)index;
  out->name = "c";
  out->description = "loops in C";
  out->kind = HRT_DEVICE_CPU;
  out->memory_bytes = 0;
  return NULL;
}

static hrt_status* device_open(uint32_t index, const hrt_options* options, hrt_device** out) {
  (void)index;
  if (options->count > 0) return failure(HRT_ERROR_USAGE, "device c has no options");
  *out = calloc(1, sizeof(hrt_device));
  return *out ? NULL : no_memory();
}

static void device_close(hrt_device* device) { free(device); }

static hrt_status* type_of(const hrt_graph* graph, uint32_t value, const hrt_type** type) {
  hrt_value_info info = {.struct_size = sizeof info};
  hrt_status* status = g_graph->value(graph, value, &info);
  *type = info.type;
  return status;
}

static int same_shape(const hrt_type* a, const hrt_type* b) {
  if (a->rank != b->rank) return 0;
  for (int32_t i = 0; i < a->rank; ++i)
    if (a->dims[i] != b->dims[i]) return 0;
  return 1;
}

/* Why the node is refused, or NULL. */
static hrt_status* refusal(const hrt_graph* graph, const hrt_node_info* node, const char** why) {
  const int add = strcmp(node->op_type, "Add") == 0;
  *why = NULL;
  if (node->domain[0] != 0 || (!add && strcmp(node->op_type, "Relu") != 0)) {
    *why = "knows only Relu and Add";
    return NULL;
  }
  const hrt_type* first = NULL;
  for (size_t i = 0; i < node->input_count; ++i) {
    const hrt_type* type;
    hrt_status* status = type_of(graph, node->inputs[i], &type);
    if (status) return status;
    if (!first) first = type;
    if (type->dtype != HRT_FLOAT32) *why = "not float32";
    if (!same_shape(type, first)) *why = "broadcasts";
  }
  return NULL;
}

static hrt_status* query_nodes(hrt_device* device, const hrt_graph* graph, hrt_node_support* out,
                               size_t count, size_t stride) {
  (void)device;
  const uint32_t* nodes;
  size_t node_count;
  g_graph->nodes(graph, &nodes, &node_count);
  for (size_t i = 0; i < count && i < node_count; ++i) {
    hrt_node_support* answer = (hrt_node_support*)((char*)out + i * stride);
    hrt_node_info node = {.struct_size = sizeof node};
    const char* why;
    hrt_status* status = g_graph->node(graph, nodes[i], &node);
    if (!status) status = refusal(graph, &node, &why);
    if (status) return status;
    answer->supported = why == NULL;
    answer->latency_us = 1;
    if (why) snprintf(answer->reason, sizeof answer->reason, "%s", why);
  }
  return NULL;
}

/* --------------------------------------------------------------------------------- compilation */

typedef struct {
  uint32_t id;
  uint32_t a, b, out; /* values; b is HRT_NONE for Relu */
} op_t;

struct hrt_executable {
  uint32_t value_limit;
  op_t* ops;
  size_t op_count;
  uint32_t* inputs;
  size_t input_count;
  uint32_t* outputs;
  size_t output_count;
  const void** constants; /* by value; NULL: no constant */
  void** handles;         /* that keep them */
};

static void executable_destroy(hrt_executable* e) {
  for (uint32_t v = 0; e->handles && v < e->value_limit; ++v)
    if (e->handles[v]) g_graph->constant_release(e->handles[v]);
  free(e->ops);
  free(e->inputs);
  free(e->outputs);
  free((void*)e->constants);
  free((void*)e->handles);
  free(e);
}

static uint32_t* copy_ids(const uint32_t* ids, size_t count) {
  uint32_t* copy = malloc((count + 1) * sizeof *copy);
  if (copy && count > 0) memcpy(copy, ids, count * sizeof *copy);
  return copy;
}

static hrt_status* keep_constants(hrt_executable* e, const hrt_graph* graph) {
  for (size_t i = 0; i < e->op_count; ++i) {
    const uint32_t read[2] = {e->ops[i].a, e->ops[i].b};
    for (int k = 0; k < 2; ++k) {
      if (read[k] == HRT_NONE || e->handles[read[k]]) continue;
      hrt_value_info info = {.struct_size = sizeof info};
      hrt_status* status = g_graph->value(graph, read[k], &info);
      if (!status && info.constant) {
        e->constants[read[k]] = info.constant->data;
        status = g_graph->constant_retain(graph, read[k], &e->handles[read[k]]);
      }
      if (status) return status;
    }
  }
  return NULL;
}

static hrt_status* fill_executable(hrt_executable* e, const hrt_graph* graph) {
  const uint32_t *nodes, *inputs, *outputs;
  g_graph->nodes(graph, &nodes, &e->op_count);
  g_graph->inputs(graph, &inputs, &e->input_count);
  g_graph->outputs(graph, &outputs, &e->output_count);
  e->value_limit = g_graph->value_limit(graph);
  e->ops = calloc(e->op_count + 1, sizeof *e->ops);
  e->inputs = copy_ids(inputs, e->input_count);
  e->outputs = copy_ids(outputs, e->output_count);
  e->constants = (const void**)calloc(e->value_limit + 1, sizeof *e->constants);
  e->handles = (void**)calloc(e->value_limit + 1, sizeof *e->handles);
  if (!e->ops || !e->inputs || !e->outputs || !e->constants || !e->handles) return no_memory();
  for (size_t i = 0; i < e->op_count; ++i) {
    hrt_node_info node = {.struct_size = sizeof node};
    hrt_status* status = g_graph->node(graph, nodes[i], &node);
    if (status) return status;
    e->ops[i] =
        (op_t){nodes[i], node.inputs[0], node.input_count > 1 ? node.inputs[1] : HRT_NONE, node.outputs[0]};
  }
  return keep_constants(e, graph);
}

static hrt_status* compile(hrt_device* device, const hrt_graph* graph, hrt_executable** out) {
  (void)device;
  hrt_executable* e = calloc(1, sizeof *e);
  if (!e) return no_memory();
  hrt_status* status = fill_executable(e, graph);
  if (status) {
    executable_destroy(e);
    return status;
  }
  *out = e;
  return NULL;
}

/* ----------------------------------------------------------------- preparation for one set of shapes */

struct hrt_prepared {
  const hrt_executable* executable;
  int64_t* elements; /* by value */
  uint64_t* offsets; /* by value: in the workspace, where nothing else holds it */
};

static void prepared_destroy(hrt_prepared* p) {
  free(p->elements);
  free(p->offsets);
  free(p);
}

static int is_output(const hrt_executable* e, uint32_t value) {
  for (size_t i = 0; i < e->output_count; ++i)
    if (e->outputs[i] == value) return 1;
  return 0;
}

static hrt_status* place(hrt_prepared* p, hrt_requirements* requirements) {
  const hrt_executable* e = p->executable;
  hrt_arena_item* items = calloc(e->op_count + 1, sizeof *items);
  if (!items) return no_memory();
  for (size_t i = 0; i < e->op_count; ++i) {
    const op_t* op = &e->ops[i];
    items[i] = (hrt_arena_item){0, (uint32_t)i, (uint32_t)i, HRT_NONE, 0};
    if (is_output(e, op->out)) continue;
    items[i].bytes = (uint64_t)p->elements[op->out] * sizeof(float);
    for (size_t k = i + 1; k < e->op_count; ++k)
      if (e->ops[k].a == op->out || e->ops[k].b == op->out) items[i].last = (uint32_t)k;
  }
  hrt_status* status = g_run->plan_arena(items, e->op_count, 64, &requirements->workspace_bytes);
  for (size_t i = 0; i < e->op_count; ++i) p->offsets[e->ops[i].out] = items[i].offset;
  free(items);
  return status;
}

static hrt_status* prepare(hrt_executable* e, const hrt_shapes* shapes, hrt_prepared** out,
                           hrt_requirements* requirements) {
  hrt_prepared* p = calloc(1, sizeof *p);
  if (!p) return no_memory();
  p->executable = e;
  p->elements = calloc(e->value_limit + 1, sizeof *p->elements);
  p->offsets = calloc(e->value_limit + 1, sizeof *p->offsets);
  if (!p->elements || !p->offsets) {
    prepared_destroy(p);
    return no_memory();
  }
  for (uint32_t v = 0; v < shapes->value_limit && v < e->value_limit; ++v) {
    const hrt_type* type = shapes->types[v];
    p->elements[v] = 1;
    for (int32_t i = 0; type && i < type->rank; ++i) p->elements[v] *= type->dims[i];
  }
  hrt_status* status = place(p, requirements);
  if (status) {
    prepared_destroy(p);
    return status;
  }
  *out = p;
  return NULL;
}

/* ----------------------------------------------------------------------------------------- a run */

struct hrt_context {
  const hrt_prepared* prepared;
  void* data[]; /* by value */
};

static hrt_status* context_create(hrt_prepared* prepared, hrt_context** out) {
  hrt_context* c = calloc(1, sizeof *c + (prepared->executable->value_limit + 1) * sizeof(void*));
  if (!c) return no_memory();
  c->prepared = prepared;
  *out = c;
  return NULL;
}

static void context_destroy(hrt_context* context) { free(context); }

typedef struct {
  const float *a, *b;
  float* out;
} work_t;

#if defined(HRT_PLANT_RACE)
static int64_t g_elements; /* written by all threads without a word between them */
#endif

static void loop(void* user, int64_t begin, int64_t end, uint32_t worker) {
  const work_t* w = user;
  (void)worker;
#if defined(HRT_PLANT_RACE)
  g_elements += end - begin;
#endif
  if (w->b) {
    for (int64_t i = begin; i < end; ++i) w->out[i] = w->a[i] + w->b[i];
  } else {
    for (int64_t i = begin; i < end; ++i) w->out[i] = w->a[i] > 0 ? w->a[i] : 0;
  }
}

static void bind(hrt_context* c, const hrt_run_args* args) {
  const hrt_executable* e = c->prepared->executable;
  for (uint32_t v = 0; v < e->value_limit; ++v)
    c->data[v] = e->constants[v] ? (void*)e->constants[v] : (char*)args->workspace + c->prepared->offsets[v];
  for (size_t i = 0; i < e->input_count; ++i) c->data[e->inputs[i]] = (void*)args->inputs[i];
  for (size_t i = 0; i < e->output_count; ++i) c->data[e->outputs[i]] = args->outputs[i];
}

static hrt_status* run(hrt_context* c, const hrt_run_args* args) {
  const hrt_executable* e = c->prepared->executable;
  bind(c, args);
  for (size_t i = 0; i < e->op_count; ++i) {
    const op_t* op = &e->ops[i];
    if (g_run->cancelled(args->run)) return failure(HRT_ERROR_DEADLINE, "cancelled");
    work_t work = {c->data[op->a], op->b == HRT_NONE ? NULL : c->data[op->b], c->data[op->out]};
    if (args->flags & HRT_RUN_PROFILE) g_run->trace_begin(args->run, op->id);
    g_run->parallel_for(c->prepared->elements[op->out], 256, loop, &work);
    if (args->flags & HRT_RUN_PROFILE) g_run->trace_end(args->run, op->id);
  }
  return NULL;
}

/* -------------------------------------------------------------------------------------- the plugin */

static const hrt_backend_api g_backend = {
    .struct_size = sizeof(hrt_backend_api),
    .name = "c",
    .device_count = device_count,
    .device_info = device_info,
    .device_open = device_open,
    .device_close = device_close,
    .query_nodes = query_nodes,
    .compile = compile,
    .executable_destroy = executable_destroy,
    .prepare = prepare,
    .prepared_destroy = prepared_destroy,
    .context_create = context_create,
    .context_destroy = context_destroy,
    .run = run,
};

static hrt_status* init(const hrt_host* host, const char* library_path) {
  (void)library_path;
  g_host = host;
  g_graph = host->get_interface("hrt.host.graph/1");
  g_run = host->get_interface("hrt.host.run/1");
  return g_graph && g_run ? NULL : failure(HRT_ERROR_UNSUPPORTED, "the host lacks a table");
}

static const void* get_interface(const char* id) {
  return strcmp(id, "hrt.backend/1") == 0 ? &g_backend : NULL;
}

const hrt_plugin_manifest* hrt_plugin_query(uint32_t host_abi) {
  static const hrt_plugin_manifest manifest = {
      .struct_size = sizeof(hrt_plugin_manifest),
      .abi = HRT_ABI,
      .id = "test.c",
      .version = "1.0.0",
      .description = "a backend in C",
      .init = init,
      .get_interface = get_interface,
  };
  return host_abi >= HRT_ABI ? &manifest : NULL;
}
