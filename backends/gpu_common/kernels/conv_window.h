// SPDX-License-Identifier: Apache-2.0
// A convolution as a product of the weights and of the input's windows (implicit GEMM): output channels of a
// group are its rows, pixels its columns, elements of a window its depth. Such a kernel has the constants ACT,
// BIAS and RESIDUAL; CONV_WINDOWS(batch) declares what the other macros need.
#define CONV_FIELDS                                                                                          \
  int groups; int group_ic; int group_oc; int in_d; int in_h; int in_w; int out_d; int out_h; int out_w;     \
  int kernel_d; int kernel_h; int kernel_w; int stride_d; int stride_h; int stride_w; int dilation_d;        \
  int dilation_h; int dilation_w; int pad_d; int pad_h; int pad_w; float act_a; float act_b;
#define CONV_WINDOWS(batch)                                         \
  const int image = (batch) / p.groups;                             \
  const int group = (batch) % p.groups;                             \
  const int pixels = p.out_d * p.out_h * p.out_w;                   \
  const int taps = p.kernel_d * p.kernel_h * p.kernel_w;            \
  const int depth = p.group_ic * taps;                              \
  const int first = (image * p.groups + group) * p.group_ic;
// Sets v, or leaves it where the window reaches over the border.
#define WINDOW_ELEMENT(v, at_k, pixel)                                                                 \
  {                                                                                                    \
    const int kw = (at_k) % p.kernel_w;                                                                \
    const int kh = (at_k) / p.kernel_w % p.kernel_h;                                                   \
    const int kd = (at_k) / (p.kernel_w * p.kernel_h) % p.kernel_d;                                    \
    const int at_d = (pixel) / (p.out_h * p.out_w) * p.stride_d - p.pad_d + kd * p.dilation_d;         \
    const int at_h = (pixel) / p.out_w % p.out_h * p.stride_h - p.pad_h + kh * p.dilation_h;           \
    const int at_w = (pixel) % p.out_w * p.stride_w - p.pad_w + kw * p.dilation_w;                     \
    const int plane = first + (at_k) / taps;                                                           \
    if ((pixel) < pixels && (at_k) < depth && at_d >= 0 && at_d < p.in_d && at_h >= 0 && at_h < p.in_h && \
        at_w >= 0 && at_w < p.in_w)                                                                    \
      v = LD(x, ((plane * p.in_d + at_d) * p.in_h + at_h) * p.in_w + at_w);                            \
  }
#define CONV_RESULT(channel, pixel, value)                                  \
  if ((channel) < p.group_oc && (pixel) < pixels) {                         \
    const int oc = group * p.group_oc + (channel);                          \
    const int at = (image * p.groups * p.group_oc + oc) * pixels + (pixel); \
    float v = (value);                                                      \
    if (BIAS != 0) v += LD(bias, oc);                                       \
    if (RESIDUAL != 0) v += LD(z, at);                                      \
    ST(y, at, activate(v, ACT, p.act_a, p.act_b));                          \
  }
