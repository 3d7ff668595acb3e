// SPDX-License-Identifier: Apache-2.0
// Matrices of bytes as qgemm wants them: four lines (rows of the left factor, columns of the right one) to a
// vector, four neighbours along the inner dim to a word, bytes with a sign, zero behind the ends.
//   LINES_FIRST: y[matrix][four lines][four inner], else y[matrix][four inner][four lines]
CONSTANT(3, LINES_FIRST, 1)
PARAMS(int n; int fours; int inner_fours; int lines; int inner; int line_stride; int inner_stride; int flip;
       int dims[2]; int batch[3];)
#define BYTE_AT(line, k)                                                                                       \
  ((line) < p.lines && (k) < p.inner                                                                           \
       ? (TO_UINT(LD_I(x, at + (line) * p.line_stride + (k) * p.inner_stride)) ^ TO_UINT(p.flip)) << (8 * ((k) % 4)) \
       : 0u)
#define WORD_AT(line) (BYTE_AT(line, k) | BYTE_AT(line, k + 1) | BYTE_AT(line, k + 2) | BYTE_AT(line, k + 3))
KERNEL(qgemm_pack)
IN(S_U8, 0, x)
OUT(uint4, 1, y)
ARGS_END
BODY
  const int i = LINEAR_ID();
  if (i < p.n) {
    const int within = LINES_FIRST != 0 ? p.inner_fours : p.fours;
    const int across = LINES_FIRST != 0 ? p.fours : p.inner_fours;
    const int first = i % within;
    const int second = i / within % across;
    const int k = (LINES_FIRST != 0 ? first : second) * 4;
    const int line = (LINES_FIRST != 0 ? second : first) * 4;
    int rest = i / within / across;
    int at = rest % p.dims[1] * p.batch[2];
    rest /= p.dims[1];
    at += rest % p.dims[0] * p.batch[1] + rest / p.dims[0] * p.batch[0];
    y[i] = UINT4(WORD_AT(line), WORD_AT(line + 1), WORD_AT(line + 2), WORD_AT(line + 3));
  }
}
