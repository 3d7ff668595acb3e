/* SPDX-License-Identifier: Apache-2.0 */
/* Plugins that do everything wrong that a plugin can do wrong without damaging the process by itself. One
 * library: what it does is the name of the file that it was loaded from, "compile_fails.so". */
#include <dlfcn.h>
#include <hrt/cpu_kernel.h>
#include <hrt/plugin.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const hrt_host* g_host;
static char g_how[64];
static char g_id[80];

static int how(const char* name) { return strcmp(g_how, name) == 0; }

static hrt_status* failure(hrt_code code, const char* message) {
  return g_host->status_create(code, message, strlen(message));
}

/* Ends the process as soon as this library is mapped, as an initialiser for another instruction set would. */
__attribute__((constructor)) static void mapped(void) {
  Dl_info info;
  if (dladdr((void*)&mapped, &info) && info.dli_fname && strstr(info.dli_fname, "must_not_be_mapped"))
    abort();
}

/* ------------------------------------------------------------------------------------ a backend */

static hrt_status* device_count(uint32_t* count) {
  if (how("count_fails")) return failure(HRT_ERROR_DEVICE_LOST, "the bus is gone");
  *count = 1;
  return NULL;
}
static hrt_status* device_info(uint32_t index, hrt_device_info* out) {
  (void)index;
  out->name = g_how;
  return NULL;
}
static hrt_status* device_open(uint32_t index, const hrt_options* options, hrt_device** out) {
  (void)index;
  (void)options;
  if (how("open_fails")) return failure(HRT_ERROR_DEVICE_LOST, "somebody else has it");
  *out = (hrt_device*)g_how;
  return NULL;
}
static void device_close(hrt_device* device) { (void)device; }
static hrt_status* query_nodes(hrt_device* device, const hrt_graph* graph, hrt_node_support* out,
                               size_t count, size_t stride) {
  (void)device;
  (void)graph;
  if (how("query_fails")) return failure(HRT_ERROR_INTERNAL, "no idea");
  for (size_t i = 0; i < count; ++i) {
    hrt_node_support* answer = (hrt_node_support*)((char*)out + i * stride);
    answer->supported = !how("endless_reason");
    memset(answer->reason, 'x', sizeof answer->reason); /* no NUL */
    answer->latency_us = -1e308;
    answer->workspace_bytes = UINT64_MAX;
  }
  return NULL;
}
static hrt_status* compile(hrt_device* device, const hrt_graph* graph, hrt_executable** out) {
  (void)device;
  (void)graph;
  if (how("compile_fails")) return failure(HRT_ERROR_UNSUPPORTED, "on second thoughts, no");
  if (how("compile_gives_nothing")) return NULL;
  *out = (hrt_executable*)g_how;
  return NULL;
}
static void executable_destroy(hrt_executable* executable) { (void)executable; }
static hrt_status* prepare(hrt_executable* executable, const hrt_shapes* shapes, hrt_prepared** out,
                           hrt_requirements* requirements) {
  (void)executable;
  (void)shapes;
  if (how("prepare_fails")) return failure(HRT_ERROR_UNSUPPORTED, "an odd number of rows");
  if (how("prepare_gives_nothing")) return NULL;
  if (how("wants_everything")) requirements->workspace_bytes = UINT64_MAX - 100;
  *out = (hrt_prepared*)g_how;
  return NULL;
}
static void prepared_destroy(hrt_prepared* prepared) { (void)prepared; }
static hrt_status* context_create(hrt_prepared* prepared, hrt_context** out) {
  (void)prepared;
  if (how("context_fails")) return failure(HRT_ERROR_MEMORY, "no more queues");
  *out = (hrt_context*)g_how;
  return NULL;
}
static void context_destroy(hrt_context* context) { (void)context; }
static hrt_status* run(hrt_context* context, const hrt_run_args* args) {
  (void)context;
  (void)args;
  if (how("ok_is_an_error")) return failure(HRT_OK, "an error whose code is success");
  return failure(HRT_ERROR_DEVICE_LOST, "it hung");
}

static hrt_backend_api g_backend = {sizeof(hrt_backend_api), g_how, device_count, device_info, device_open,
                                    device_close, query_nodes, compile, executable_destroy, prepare,
                                    prepared_destroy, context_create, context_destroy, run,
                                    /* no queue */
                                    NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL};

/* --------------------------------------------------------------------------------------- passes */

static const hrt_edit_api* g_edit;
static const hrt_graph_api* g_graph;

static hrt_status* rewrite(const hrt_pass* pass, hrt_pass_run* run, hrt_edit* edit, uint32_t node,
                           uint32_t* changed) {
  (void)run;
  const hrt_graph* graph = g_edit->graph(edit);
  hrt_node_info info = {.struct_size = sizeof info};
  hrt_status* status = g_graph->node(graph, node, &info);
  if (status || strcmp(info.op_type, "Neg") != 0) return status;
  const char* what = pass->user;
  *changed = 1;
  if (strcmp(what, "lie") == 0) return NULL; /* nothing was changed */
  if (strcmp(what, "cycle") == 0) return g_edit->set_input(edit, node, 0, info.outputs[0]);
  if (strcmp(what, "remove_used") == 0) return g_edit->remove_node(edit, node);
  if (strcmp(what, "unknown_op") == 0 || strcmp(what, "wrong_type") == 0) {
    hrt_node_desc d = {
        .struct_size = sizeof d, .domain = "", .inputs = info.inputs, .input_count = 1, .output_count = 1};
    d.op_type = strcmp(what, "wrong_type") == 0 ? "Shape" : "NoSuchOperator";
    uint32_t out;
    status = g_edit->add_node(edit, &d, NULL, &out);
    return status ? status : g_edit->replace_uses(edit, info.outputs[0], out);
  }
  if (strcmp(what, "drop_outputs") == 0) return g_edit->set_outputs(edit, NULL, 0);
  if (strcmp(what, "no_such_ids") == 0) return g_edit->replace_uses(edit, 4000000000u, 7);
  return failure(HRT_ERROR_INTERNAL, "gave up half-way");
}

#define PASS(name) {sizeof(hrt_pass), name, "", HRT_PHASE_CLEANUP, rewrite, name}
static const hrt_pass g_pass_list[] = {PASS("lie"),         PASS("cycle"),      PASS("remove_used"),
                                       PASS("unknown_op"),  PASS("wrong_type"), PASS("drop_outputs"),
                                       PASS("no_such_ids"), PASS("gives_up")};
static const hrt_pass g_no_function = {sizeof(hrt_pass), "no_function", "", HRT_PHASE_CLEANUP, NULL, NULL};
static const hrt_pass g_short = {8, "short", "", HRT_PHASE_CLEANUP, rewrite, "lie"};
static const hrt_pass* const g_passes[] = {&g_pass_list[0],
                                           &g_pass_list[1],
                                           &g_pass_list[2],
                                           &g_pass_list[3],
                                           &g_pass_list[4],
                                           &g_pass_list[5],
                                           &g_pass_list[6],
                                           &g_pass_list[7],
                                           &g_no_function,
                                           &g_short,
                                           NULL};
static const hrt_pass_api g_pass_api = {sizeof(hrt_pass_api), g_passes, sizeof g_passes / sizeof *g_passes};

/* ------------------------------------------------------------------------------------ operators */

static hrt_status* infer(const hrt_op* op, hrt_infer* call) {
  (void)op;
  const hrt_infer_api* api = g_host->get_interface("hrt.host.infer/1");
  const hrt_type* in = api->input_type(call, 0);
  if (api->input_type(call, 77)) return failure(HRT_ERROR_INTERNAL, "input 77 has a type");
  hrt_status* status = api->set_output_type(call, 77, in); /* refused, and to be destroyed */
  if (status) g_host->status_destroy(status);
  return in ? api->set_output_type(call, 0, in) : NULL;
}
static hrt_status* writes_nothing(const hrt_op* op, hrt_kernel* kernel) {
  (void)op;
  (void)kernel;
  return NULL;
}
static hrt_status* writes_too_much(const hrt_op* op, hrt_kernel* kernel) {
  (void)op;
  const hrt_kernel_api* api = g_host->get_interface("hrt.host.kernel/1");
  const int64_t dims[1] = {1000000};
  hrt_tensor t = {.struct_size = sizeof t};
  return api->output_tensor(kernel, 0, HRT_FLOAT32, 1, dims, &t);
}

static const hrt_op_param g_param = {sizeof(hrt_op_param), "x", "float32", 0};
static const hrt_op_param g_nameless = {sizeof(hrt_op_param), NULL, "float32", 0};
static const hrt_op_param g_typeless = {sizeof(hrt_op_param), "x", NULL, 0};
static const hrt_op_param g_short_param = {16, "x", "float32", 0};
static const hrt_op_attr g_bad_attr = {sizeof(hrt_op_attr), NULL, HRT_ATTR_INT, 0, ""};
static const hrt_op_constraint g_bad_constraint = {sizeof(hrt_op_constraint), NULL, 0, 0, 0};
#define OP(name_, input_, compute_)      \
  {.struct_size = sizeof(hrt_op),        \
   .domain = "test",                     \
   .name = (name_),                      \
   .since_version = 1,                   \
   .inputs = (input_),                   \
   .input_count = 1,                     \
   .outputs = &g_param,                  \
   .output_count = 1,                    \
   .param_stride = sizeof(hrt_op_param), \
   .infer = infer,                       \
   .compute = (compute_)}
static hrt_op g_ops[] = {OP("WritesNothing", &g_param, writes_nothing),
                         OP("WritesTooMuch", &g_param, writes_too_much),
                         OP("Nameless", &g_nameless, NULL),
                         OP("Typeless", &g_typeless, NULL),
                         OP("ShortParam", &g_short_param, NULL),
                         OP("NoInputs", NULL, NULL),
                         OP("NoInfer", &g_param, NULL),
                         OP("Short", &g_param, NULL),
                         OP("BadAttr", &g_param, NULL),
                         OP("BadConstraint", &g_param, NULL),
                         OP(NULL, &g_param, NULL),
                         OP("WritesNothing", &g_param, writes_nothing)};
enum { kOps = sizeof g_ops / sizeof *g_ops };
static const hrt_op* g_op_list[kOps + 1]; /* the last one is NULL */
static hrt_ops_api g_ops_api = {sizeof(hrt_ops_api), g_op_list, kOps + 1};

static void spoil_ops(void) {
  for (int i = 0; i < kOps; ++i) g_op_list[i] = &g_ops[i];
  g_ops[6].infer = NULL;
  g_ops[7].struct_size = offsetof(hrt_op, infer);
  g_ops[8].attrs = &g_bad_attr;
  g_ops[8].attr_count = 1;
  g_ops[8].attr_stride = sizeof(hrt_op_attr);
  g_ops[9].constraints = &g_bad_constraint;
  g_ops[9].constraint_count = 1;
  g_ops[9].constraint_stride = sizeof(hrt_op_constraint);
}

/* ------------------------------------------------------------------ kernels for the CPU backend */

static hrt_status* kernel_supports(const hrt_cpu_kernel* kernel, const hrt_graph* graph, uint32_t node,
                                   hrt_node_support* answer) {
  (void)graph, (void)node;
  answer->supported = strcmp(kernel->op_type, "Neg") == 0;
  memset(answer->reason, 'x', sizeof answer->reason); /* not terminated */
  return NULL;
}

static hrt_status* kernel_compile(const hrt_cpu_kernel* kernel, const hrt_graph* graph, uint32_t node,
                                  hrt_cpu_compiled** out, uint32_t* packed) {
  (void)kernel, (void)graph, (void)node, (void)packed;
  if (how("kernel_compile_fails")) return failure(HRT_ERROR_UNSUPPORTED, "no room for weights");
  *out = NULL; /* this kernel has nothing to remember */
  return NULL;
}

static void kernel_forget(hrt_cpu_compiled* compiled) { (void)compiled; }

static hrt_status* kernel_prepare(hrt_cpu_compiled* compiled, const hrt_tensor* const* inputs,
                                  size_t input_count, const hrt_tensor* const* outputs, size_t output_count,
                                  hrt_cpu_prepared** out, uint64_t* workspace_bytes) {
  (void)compiled, (void)inputs, (void)outputs, (void)input_count, (void)output_count;
  if (how("kernel_prepare_fails")) return failure(HRT_ERROR_UNSUPPORTED, "an odd number of columns");
  *out = NULL;
  *workspace_bytes = 64;
  return NULL;
}

static void kernel_drop(hrt_cpu_prepared* prepared) { (void)prepared; }

static hrt_status* kernel_run(hrt_cpu_prepared* prepared, const hrt_cpu_run_args* args) {
  (void)prepared;
  if (how("kernel_run_fails")) return failure(HRT_ERROR_BAD_DATA, "cannot bear negative numbers");
  if (args->input_count != 1 || args->output_count != 1 || !args->workspace)
    return failure(HRT_ERROR_INTERNAL, "called with something else");
  for (int i = 0; i < 10; ++i) ((float*)args->outputs[0])[i] = 40 + ((const float*)args->inputs[0])[i];
  return NULL;
}

#define KERNEL(name_, size_)          \
  {.struct_size = (size_),            \
   .domain = "",                      \
   .op_type = (name_),                \
   .supports = kernel_supports,       \
   .compile = kernel_compile,         \
   .compiled_destroy = kernel_forget, \
   .prepare = kernel_prepare,         \
   .prepared_destroy = kernel_drop,   \
   .run = kernel_run}
static const hrt_cpu_kernel g_short_kernel = KERNEL("Neg", offsetof(hrt_cpu_kernel, run));
static const hrt_cpu_kernel g_relu = KERNEL("Relu", sizeof(hrt_cpu_kernel));
static const hrt_cpu_kernel g_neg = KERNEL("Neg", sizeof(hrt_cpu_kernel));
static const hrt_cpu_kernel* const g_kernels[] = {NULL, &g_short_kernel, &g_relu, &g_neg};
static const hrt_cpu_kernel_api g_kernel_api = {sizeof(hrt_cpu_kernel_api), g_kernels, 4};

/* ------------------------------------------------------------------------------------ the plugin */

static hrt_status* init(const hrt_host* host, const char* library_path) {
  (void)library_path;
  g_host = host;
  g_edit = host->get_interface("hrt.host.edit/1");
  g_graph = host->get_interface("hrt.host.graph/1");
  spoil_ops();
  host->log(HRT_LOG_DEBUG, NULL, "no name", 7);
  host->status_destroy(NULL);
  if (host->get_interface("hrt.host.no-such-thing/7")) return failure(HRT_ERROR_INTERNAL, "a table too many");
  if (how("init_fails")) return failure(HRT_ERROR_UNSUPPORTED, "the licence ran out");
  return NULL;
}

static void shut_down(void) {
  const char* marker = getenv("HRT_TEST_SHUTDOWN");
  FILE* file = marker ? fopen(marker, "a") : NULL;
  if (!file) return;
  fprintf(file, "%s\n", g_how);
  fclose(file);
}

static const void* get_interface(const char* id) {
  static const hrt_backend_api short_backend = {.struct_size = 24, .name = "short_backend"};
  static const hrt_ops_api no_ops = {sizeof(hrt_ops_api), NULL, 5};
  if (strcmp(id, "hrt.ops/1") == 0) return how("bad_ops") ? &g_ops_api : how("no_ops") ? &no_ops : NULL;
  if (strcmp(id, "hrt.cpu.kernel/1") == 0) return strncmp(g_how, "kernel", 6) == 0 ? &g_kernel_api : NULL;
  if (strcmp(id, "hrt.pass/1") == 0) return how("bad_passes") ? &g_pass_api : NULL;
  if (strcmp(id, "hrt.backend/1") == 0) return how("short_backend") ? &short_backend : &g_backend;
  return NULL;
}

const hrt_plugin_manifest* hrt_plugin_query(uint32_t host_abi) {
  static hrt_plugin_manifest manifest;
  Dl_info info;
  (void)host_abi;
  if (!dladdr((void*)&mapped, &info)) return NULL;
  const char* slash = strrchr(info.dli_fname, '/');
  snprintf(g_how, sizeof g_how, "%s", slash ? slash + 1 : info.dli_fname);
  if (strrchr(g_how, '.')) *strrchr(g_how, '.') = 0;
  snprintf(g_id, sizeof g_id, "test.%s", how("wrong_id") ? "somebody.else" : g_how);
  if (how("null_query")) return NULL;
  manifest =
      (hrt_plugin_manifest){sizeof manifest, HRT_ABI, g_id, "1.0.0", "", init, shut_down, get_interface};
  if (how("wrong_abi")) manifest.abi = 99;
  if (how("short_structure")) manifest.struct_size = offsetof(hrt_plugin_manifest, get_interface);
  if (how("no_id")) manifest.id = NULL;
  if (how("no_interfaces")) manifest.get_interface = NULL;
  if (how("only_what_it_must"))
    manifest.version = manifest.description = NULL, manifest.init = NULL, manifest.shutdown = NULL;
  return &manifest;
}
