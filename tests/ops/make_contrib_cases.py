#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes cases/contrib.txt (format: op_test.h): the transformer operators of com.microsoft on random inputs,
and what ONNX Runtime makes of them. Needs numpy, onnx, onnxruntime; the tests do not."""
import pathlib

import numpy as np
import onnx
import onnxruntime
from onnx import helper

from make_cases import f32, files, integers, rng, spell, spell_attr, uniform

FILE = "contrib"
MS = "com.microsoft"


def evaluate(op, inputs, attrs, wanted, domain):
    """What ONNX Runtime computes; wanted: by output, whether it is."""
    names = ["" if x is None else f"x{i}" for i, x in enumerate(inputs)]
    outputs = [f"y{i}" if w else "" for i, w in enumerate(wanted)]
    node = helper.make_node(op, names, outputs, domain=domain, **attrs)
    feeds = {n: x for n, x in zip(names, inputs) if n}
    ports = [helper.make_tensor_value_info(n, helper.np_dtype_to_tensor_dtype(x.dtype), x.shape) for n, x in feeds.items()]
    # The one output whose type its schema leaves open.
    results = [helper.make_tensor_value_info(o, onnx.TensorProto.FLOAT, None) if o == "y3" and op == "MultiHeadAttention"
               else helper.make_empty_tensor_value_info(o) for o in outputs if o]
    model = helper.make_model(helper.make_graph([node], op, ports, results), ir_version=10,
                              opset_imports=[helper.make_opsetid("", 21), helper.make_opsetid(MS, 1)])
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, ["CPUExecutionProvider"])
    computed = iter(session.run(None, feeds))
    return [next(computed) if w else None for w in wanted]


def case(name, op, inputs, attrs=None, wanted=(1,), expected=None, domain=MS, tolerance="1e-4 1e-5"):
    attrs = attrs or {}
    inputs = [None if x is None else np.asarray(x) for x in inputs]
    while inputs[-1] is None:
        inputs.pop()
    expected = expected or evaluate(op, inputs, attrs, wanted, domain)
    lines = [f"case contrib_{name}", f"op {op} {domain}".rstrip()] + [spell_attr(k, v) for k, v in attrs.items()]
    lines += ["in " + spell(x) for x in inputs] + ["out " + spell(y) for y in expected] + [f"tolerance {tolerance}"]
    files.setdefault(FILE, []).append("\n".join(lines) + "\n")


def refuse(name, op, inputs, attrs, message):
    lines = [f"case contrib_{name}", f"op {op} {MS}"] + [spell_attr(k, v) for k, v in attrs.items()]
    lines += ["in " + spell(x) for x in inputs] + [f"error {message}"]
    files.setdefault("refused_contrib", []).append("\n".join(lines) + "\n")


def int32(*v):
    return np.array(v, np.int32)


def activations():
    x = uniform(2, 3, 4)
    for op in ["Gelu", "FastGelu", "QuickGelu"]:
        case("plain", op, [x])
    case("alpha", "QuickGelu", [x], {"alpha": 0.7})
    for op in ["BiasGelu", "FastGelu"]:
        case("bias", op, [x, uniform(4)])
    bias = uniform(4)
    left, right = (x + bias)[..., :2], (x + bias)[..., 2:]
    gelu = evaluate("Gelu", [np.ascontiguousarray(right)], {}, [1], MS)[0]
    case("halves", "BiasSplitGelu", [x, bias], expected=[left * gelu])
    refuse("bias_of_rank_2", "BiasGelu", [x, uniform(3, 4)], {}, "bias")


def normalisations():
    x, skip, gamma, beta, bias = uniform(2, 3, 8), uniform(2, 3, 8), uniform(8), uniform(8), uniform(8)
    case("plain", "SimplifiedLayerNormalization", [x, gamma], {"axis": -1}, (1, 1), domain="")
    case("axis", "SimplifiedLayerNormalization", [x, uniform(3, 8)], {"axis": 1, "epsilon": 0.1}, domain="")
    y = evaluate("SimplifiedLayerNormalization", [x, gamma], {}, [1], "")
    case("other_domain", "SimplifiedLayerNormalization", [x, gamma], expected=y)
    case("plain", "SkipLayerNormalization", [x, skip, gamma, beta])
    case("all", "SkipLayerNormalization", [x, skip, gamma, beta, bias], {"epsilon": 0.01}, (1, 1, 1, 1))
    case("one_skip", "SkipLayerNormalization", [x, skip[:1], gamma, None, bias], wanted=(1, 0, 0, 1))
    case("skip_of_rank_2", "SkipLayerNormalization", [x, skip[0], gamma, beta])
    case("plain", "SkipSimplifiedLayerNormalization", [x, skip, gamma])
    case("all", "SkipSimplifiedLayerNormalization", [x, skip, gamma, bias], {"epsilon": 0.01}, (1, 0, 1, 1))
    case("tokens", "SkipSimplifiedLayerNormalization", [x[0], skip[0], gamma])
    refuse("other_skip", "SkipLayerNormalization", [x, uniform(2, 2, 8), gamma], {}, "skip of shape")

    ids, segments = integers(2, 3, low=0, high=5, dtype=np.int32), integers(2, 3, low=0, high=2, dtype=np.int32)
    tables = [uniform(5, 8), uniform(4, 8), uniform(2, 8)]
    case("segments", "EmbedLayerNormalization", [ids, segments] + tables + [gamma, beta], wanted=(1, 1))
    case("mask", "EmbedLayerNormalization", [ids, None, tables[0], tables[1], None, gamma, beta, int32([1, 1, 0], [1, 0, 1])],
         {"epsilon": 0.1}, (1, 1, 1))
    case("positions", "EmbedLayerNormalization",
         [ids, segments] + tables + [gamma, beta, None, int32([3, 0, 2])[None].reshape(1, 3)], wanted=(1, 1))
    bad = ids.copy()
    bad[1, 2] = 5
    refuse("word", "EmbedLayerNormalization", [bad, segments] + tables + [gamma, beta], {}, "word_embedding")


def rotary():
    x, cos, sin = uniform(2, 3, 16), uniform(9, 4), uniform(9, 4)
    ids = integers(2, 3, low=0, high=9)
    for interleaved in [0, 1]:
        case(f"offset{interleaved}", "RotaryEmbedding", [x, np.array([2]), cos, sin], {"interleaved": interleaved})
        case(f"ids{interleaved}", "RotaryEmbedding", [x, ids, cos, sin], {"interleaved": interleaved})
    case("by_heads", "RotaryEmbedding", [uniform(2, 2, 3, 8), ids, cos, sin])
    case("partial", "RotaryEmbedding", [x, ids, uniform(9, 2), uniform(9, 2)], {"num_heads": 2, "rotary_embedding_dim": 4})
    case("partial_by_heads", "RotaryEmbedding", [uniform(2, 2, 3, 8), ids, uniform(9, 2), uniform(9, 2)],
         {"num_heads": 2, "rotary_embedding_dim": 4})
    refuse("position", "RotaryEmbedding", [x, np.array([7]), cos, sin], {}, "outside the cache")
    refuse("ragged", "RotaryEmbedding", [x, ids, cos, sin], {"is_packed_batching": 1}, "is_packed_batching")


def attention():
    op, x, w, b = "Attention", uniform(2, 3, 6), uniform(6, 24), uniform(24)
    heads = {"num_heads": 2}
    past = uniform(2, 2, 2, 4, 4)
    case("plain", op, [x, w, b], heads, (1, 1))
    case("no_bias", op, [x, w], heads)
    case("causal", op, [x, w, b], {**heads, "unidirectional": 1, "scale": 0.3})
    case("hidden_sizes", op, [x, uniform(6, 28), uniform(28)], {**heads, "qkv_hidden_sizes": [8, 8, 12]})
    case("lengths", op, [x, w, b, int32(2, 3)], heads)
    case("ends_and_starts", op, [x, w, b, int32(2, 3, 1, 0)], heads)
    case("keys", op, [x, w, b, int32([1, 0, 1], [1, 1, 0])], {**heads, "unidirectional": 1})
    case("queries_and_keys", op, [x, w, b, integers(2, 3, 3, low=0, high=2, dtype=np.int32)],
         {**heads, "mask_filter_value": -2.0})
    case("past", op, [x, w, b, None, past], {**heads, "unidirectional": 1}, (1, 1))
    case("past_and_mask", op, [x, w, b, int32(6, 7), past], heads, (1, 1))
    case("attention_bias", op, [x, w, b, int32(2, 3), None, uniform(1, 2, 3, 3)], heads)
    refuse("rotary", op, [x, w, b], {**heads, "do_rotary": 1}, "do_rotary")
    refuse("heads", op, [x, w, b], {"num_heads": 5}, "heads")


def multi_head():
    op, q, k, v = "MultiHeadAttention", uniform(2, 3, 8), uniform(2, 5, 8), uniform(2, 5, 12)
    heads = {"num_heads": 2}
    case("cross", op, [q, k, v], heads, (1, 1, 1))
    case("bias", op, [q, k, v, uniform(28)], heads)
    case("by_heads", op, [q, uniform(2, 2, 5, 4), uniform(2, 2, 5, 4), uniform(24)], heads)
    case("lengths", op, [q, k, v, None, int32(3, 5)], heads)
    case("keys", op, [q, k, v, None, int32([1, 0, 1, 1, 0], [0, 1, 0, 0, 1]), uniform(2, 1, 3, 5)], heads, (1, 0, 0, 1),
         tolerance="1e-4 1e-3")  # -10000 in float leaves three digits behind the point
    case("queries_and_keys", op, [q, k, v, None, integers(2, 3, 5, low=0, high=2, dtype=np.int32)],
         {**heads, "mask_filter_value": -3.0})
    case("causal", op, [q, k[:, :3], v[:, :3]], {**heads, "unidirectional": 1, "scale": 0.7})
    self_k, self_v, pk, pv = uniform(2, 3, 8), uniform(2, 3, 8), uniform(2, 2, 4, 4), uniform(2, 2, 4, 4)
    case("past", op, [q, self_k, self_v, uniform(24), None, None, pk, pv], {**heads, "unidirectional": 1}, (1, 1, 1))
    case("past_and_mask", op, [q, self_k, self_v, None, integers(2, 7, low=0, high=2, dtype=np.int32) | int32(1, 0, 0, 0, 0, 0, 0),
                               None, pk, pv], heads, (1, 1, 1))
    # ONNX Runtime has these on GPUs alone: the same as the parts one by one.
    k, v = uniform(2, 3, 8), uniform(2, 3, 8)
    split = lambda t: t.reshape(2, 3, 2, 4)
    y = evaluate(op, [q, k, v], heads, (1,), MS)
    case("packed", op, [np.stack([split(q), split(k), split(v)], 3)], heads, expected=y)
    case("packed_keys_and_values", op, [q, np.stack([split(k), split(v)], 3)], heads, expected=y)
    refuse("mask", op, [q, k, v, None, int32([1, 0])], heads, "mask of shape")
    refuse("beams", op, [q, k, v, None, None, None, None, None, None, np.zeros((2, 1, 3), np.int32)], heads, "cache_indirection")


def group_query():
    op = "GroupQueryAttention"
    heads = {"num_heads": 4, "kv_num_heads": 2}
    q, k, v = uniform(1, 5, 64), uniform(1, 5, 32), uniform(1, 5, 32)
    cos, sin = uniform(12, 8), uniform(12, 8)
    all_outputs = (1, 1, 1)
    prompt = [q, k, v, None, None, int32(4), int32(5)[0]]
    case("prompt", op, prompt, heads, all_outputs)
    case("packed", op, [np.concatenate([q, k, v], -1), None, None] + prompt[3:], {**heads, "scale": 0.4}, all_outputs)
    for interleaved in [0, 1]:
        case(f"rotary{interleaved}", op, prompt + [cos, sin], {**heads, "do_rotary": 1, "rotary_interleaved": interleaved},
             all_outputs)
    case("positions", op, prompt + [cos, sin, np.array([[3, 4, 5, 6, 7]])], {**heads, "do_rotary": 1}, all_outputs)
    for window in [1, 3]:
        case(f"window{window}", op, prompt, {**heads, "local_window_size": window}, all_outputs)
    case("cap", op, prompt, {**heads, "softcap": 0.5}, all_outputs)
    case("bias", op, prompt + [None, None, None, uniform(1, 4, 5, 5)], {**heads, "softcap": 0.5}, all_outputs)
    case("smooth", op, prompt, {**heads, "smooth_softmax": 1}, all_outputs)
    case("sink", op, prompt + [None] * 4 + [uniform(4)], heads, all_outputs)
    case("not_causal", op, prompt, {**heads, "causal": 0}, all_outputs)
    case("scores", op, prompt, {**heads, "qk_output": 2}, (1, 1, 1, 1))
    case("output_alone", op, prompt, heads, (1,))
    pk, pv = uniform(1, 2, 6, 16), uniform(1, 2, 6, 16)
    one = [q[:, :1], k[:, :1], v[:, :1], pk, pv]
    case("decode", op, one + [int32(6), int32(7)[0], cos, sin], {**heads, "do_rotary": 1}, all_outputs)
    case("cache_with_room", op, one + [int32(3), int32(4)[0], cos, sin], {**heads, "do_rotary": 1}, all_outputs)
    case("chunk", op, [q, k, v, pk, pv, int32(10), int32(11)[0]], {**heads, "local_window_size": 4}, all_outputs)
    q, k, v, pk, pv = uniform(2, 1, 64), uniform(2, 1, 32), uniform(2, 1, 32), uniform(2, 2, 6, 16), uniform(2, 2, 6, 16)
    case("ragged", op, [q, k, v, pk, pv, int32(6, 2), int32(7)[0]], heads, all_outputs)
    q, k, v, pk, pv = uniform(2, 3, 64), uniform(2, 3, 32), uniform(2, 3, 32), uniform(2, 2, 8, 16), uniform(2, 2, 8, 16)
    chunk = [q, k, v, pk, pv, int32(4, 2), int32(5)[0]]
    case("query_lengths_full", op, chunk + [None] * 9 + [int32(3, 3)], heads, all_outputs)
    refuse("length", op, chunk[:5] + [int32(4, 9), int32(5)[0]], heads, "seqlens_k")
    refuse("sliding", op, chunk, {**heads, "sliding_window_cache": 1}, "sliding_window_cache")
    refuse("quantised", op, chunk, {**heads, "k_quant_type": "PER_TENSOR"}, "k_quant_type")
    refuse("angle", op, prompt[:5] + [int32(4), int32(5)[0], cos[:4], sin[:4]], {**heads, "do_rotary": 1}, "outside the cache")


def products():
    a, b = uniform(2, 3, 4), uniform(2, 4, 5)
    case("scaled", "FusedMatMul", [a, b], {"alpha": 0.5})
    case("transposed", "FusedMatMul", [uniform(2, 4, 3), uniform(5, 4)], {"transA": 1, "transB": 1, "alpha": -1.5})
    case("vector", "FusedMatMul", [uniform(4), b], {"transA": 1})
    case("batch_a", "FusedMatMul", [uniform(3, 2, 2, 4), uniform(2, 2, 4, 5)], {"transBatchA": 1})
    case("batch_b", "FusedMatMul", [uniform(2, 2, 3, 4), uniform(4, 2, 2, 5)], {"transBatchB": 1})
    case("batch_and_transposed", "FusedMatMul", [uniform(4, 2, 3), uniform(5, 2, 4)],
         {"transBatchA": 1, "transA": 1, "transBatchB": 1, "transB": 1})
    gemm = [uniform(3, 4), uniform(4, 5), uniform(5)]
    for act in ["Relu", "Tanh", "Sigmoid"]:
        case(act.lower(), "FusedGemm", gemm, {"activation": act, "alpha": 0.5, "beta": 2.0})
    case("leaky", "FusedGemm", [gemm[0], gemm[1].T.copy()], {"activation": "LeakyRelu", "activation_alpha": 0.3, "transB": 1})
    case("hard_sigmoid", "FusedGemm", gemm, {"activation": "HardSigmoid", "activation_alpha": 0.3, "activation_beta": 0.6})
    refuse("activation", "FusedGemm", gemm, {"activation": "Affine"}, "Affine")
    for bits in [2, 4, 8]:
        k, n, block = 40, 5, 16
        attrs = {"K": k, "N": n, "bits": bits, "block_size": block}
        w, scales = integers(n, 3, block * bits // 8, low=0, high=256, dtype=np.uint8), uniform(n, 3, low=-0.1, high=0.1)
        x = uniform(2, 3, k)
        zeros = integers(n, (3 * bits + 7) // 8, low=0, high=256, dtype=np.uint8)
        case(f"bits{bits}", "MatMulNBits", [x, w, scales], attrs)
        case(f"zeros{bits}", "MatMulNBits", [x, w, scales, zeros, None, uniform(n)], attrs, tolerance="1e-4 1e-4")
        if bits == 4:
            case("float_zeros", "MatMulNBits", [x, w, scales, uniform(n, 3, low=6.0, high=9.0)], attrs, tolerance="1e-4 1e-4")
            # With zero points ONNX Runtime takes those of other blocks.
            case("groups", "MatMulNBits", [x, w, scales, None, integers(k, low=0, high=3, dtype=np.int32)], attrs,
                 tolerance="1e-4 1e-4")
            case("left_out", "MatMulNBits", [x, w[:, :0], scales, None, None, uniform(n)], attrs)
            refuse("size", "MatMulNBits", [x, w[:4], scales], attrs, "B has shape")
    refuse("bits", "MatMulNBits", [x, w, scales], {**attrs, "bits": 3}, "bits = 3")


def main():
    for write in [activations, normalisations, rotary, attention, multi_head, group_query, products]:
        write()
    for name, cases in files.items():
        path = pathlib.Path(__file__).parent / "cases" / f"{name}.txt"
        path.write_text("# Made by make_contrib_cases.py.\n\n" + "\n".join(cases))


if __name__ == "__main__":
    main()
